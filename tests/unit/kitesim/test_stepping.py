"""A market that is walked by steps, over nights and expiries."""

from .conftest import Floor

KEYS = ("NSE:NIFTY 50", "NSE:INFY", "NFO:NIFTY26DECFUT", "NFO:NIFTY26DEC24000CE")


def walked(floor: Floor, seconds: float, tick: float = 1.0) -> None:
    """Walk market time without machine time."""
    for _ in floor.simulator.step(seconds, tick):
        pass


def day(seed: int) -> list[tuple[int, int, int]]:
    """Return what a stepped morning with an order in it leaves behind."""
    floor = Floor(seed=seed, speed=0, latencies={"received_ms": 0, "validation_ms": 0, "exchange_ms": 0})
    walked(floor, 300)
    order = floor.place("BUY", 65, order_type="MARKET", market_protection=-1)
    walked(floor, 300)
    quotes = [floor.quote(key) for key in KEYS]
    return [(quote.last, quote.volume, quote.ticks) for quote in quotes] + [(order.filled_value, 0, 0)]


def test_a_stepped_day_is_a_function_of_its_seed() -> None:
    """The same steps give the same prices, volumes and fills; another seed gives others."""
    assert day(3) == day(3)
    assert day(3) != day(4)


def test_a_step_is_cut_to_what_is_left() -> None:
    """Ten seconds in steps of four are three ticks, and the clock stands exactly ten later."""
    floor = Floor(speed=0)
    before = floor.simulator.clock.now_ns()
    moments = list(floor.simulator.step(10, 4))
    assert [(moment - before) / 1e9 for moment in moments] == [4, 8, 10]


def test_the_night_rolls_the_master() -> None:
    """On the exchange's own days expired contracts are gone in the morning, and the next ones are listed."""
    floor = Floor(market="nse", start="15:39:00", speed=0)
    master = floor.simulator.master
    november = master.by_key["NFO:NIFTY26NOVFUT"]
    walked(floor, 24 * 3600, 600)
    after = floor.simulator.master
    assert after.day.isoformat() == "2026-11-24"
    assert "NFO:NIFTY26NOVFUT" not in after.by_key
    assert "NFO:NIFTY27FEBFUT" in after.by_key
    assert floor.simulator.market.find("NFO:NIFTY26NOVFUT") is None
    assert floor.simulator.market.quotes[november.token].last > 0
    assert after.by_key["NFO:NIFTY26DECFUT"].token == master.by_key["NFO:NIFTY26DECFUT"].token
    (entry,) = [each for each in floor.simulator.log.entries() if each["kind"] == "contracts_expired"]
    assert "NFO:NIFTY26NOVFUT" in str(entry["futures"])


def test_a_market_that_never_closes_never_expires() -> None:
    """What trades at every hour keeps its contracts: a simulation does not lose its instrument at midnight."""
    floor = Floor(start="23:59:00", speed=0)
    walked(floor, 120, 10)
    assert "NFO:NIFTY26NOVFUT" in floor.simulator.master.by_key

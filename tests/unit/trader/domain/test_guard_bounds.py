"""Each guard at its very bound, and the words that it denies with: what the desk reads must be true to the number."""

from collections.abc import Callable

import pytest

from tests.unit.trader.domain.test_guards import intent, live
from tests.unit.trader.domain.world import BANK, NIFTY, World, nifty, profile
from trader.domain.calendars import Phase
from trader.domain.evolving import evolve
from trader.domain.guards import GUARDS, Case, daily_loss_limit, judge, make_case
from trader.domain.records import KillStood
from trader.domain.samples import SpreadNormal
from trader.domain.signals import take_up
from trader.domain.state import EngineState, ForeignPolicy, Order, Orders
from trader.domain.strategies import Intent
from trader.domain.throttle import Budget
from trader.domain.turn import Turn
from trader.domain.values import (
    SECOND,
    GuardCode,
    KillReason,
    MachineTime,
    MarketTime,
    OrderStatus,
    Paise,
    Quantity,
    Side,
    SignalKey,
    Standing,
    TradingState,
)

OBJECTIONS = dict(GUARDS)
Change = Callable[[EngineState], EngineState]


@pytest.fixture(scope="module")
def ready() -> World:
    """LIVE, with quotes; nobody steps it further."""
    return live()


def control(**changes: object) -> Change:
    return lambda state: evolve(state, control=evolve(state.control, **changes))


def durable(**changes: object) -> Change:
    return lambda state: evolve(state, durable=evolve(state.durable, **changes))


def session(**changes: object) -> Change:
    def change(state: EngineState) -> EngineState:
        assert state.market.session is not None
        return evolve(state, market=evolve(state.market, session=evolve(state.market.session, **changes)))

    return change


def quoted(**changes: object) -> Change:
    def change(state: EngineState) -> EngineState:
        quotes = {**state.market.quotes, NIFTY: evolve(state.market.quotes[NIFTY], **changes)}
        return evolve(state, market=evolve(state.market, quotes=quotes))

    return change


def case_of(world: World, *changes: Change, proposal: Intent | None = None) -> Case:
    state = world.state
    for change in changes:
        state = change(state)
    return make_case(Turn(state, world.now, world.market_time), proposal or intent())


def words(world: World, code: GuardCode, *changes: Change, **fields: object) -> str:
    """What this one guard says; empty when it does not object."""
    return OBJECTIONS[code](case_of(world, *changes, proposal=intent(**fields)))


def mastered(**changes: object) -> Change:
    return control(instruments={NIFTY: nifty(**changes)})


def unit_lots() -> Change:
    """An instrument whose lot is one unit: the smallest size there is."""
    return mastered(lot_size=Quantity(1))


@pytest.mark.parametrize("standing", [Standing.EPOCH_ONLY, Standing.LEASE_ONLY, Standing.NONE])
def test_not_leader(ready: World, standing: Standing) -> None:
    """Each lesser standing is named."""
    said = words(ready, GuardCode.NOT_LEADER, control(standing=standing))
    assert said == f"standing is {standing.value}: only a leader adds risk"


def test_killed(ready: World) -> None:
    """A kill that stands, and one that is only asked for."""
    stands = durable(kill=KillStood(ready.market_time, "K1", KillReason.MANUAL, "", "desk"))
    assert words(ready, GuardCode.KILLED, stands) == "a kill stands"
    assert words(ready, GuardCode.KILLED, control(kill_asked_at=ready.now)) == "a kill stands"
    assert words(ready, GuardCode.KILLED) == ""


@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.CLOSING, Phase.CLOSED])
def test_session_closed(ready: World, phase: Phase) -> None:
    """Only the open phase of an opened day takes entries."""
    code = GuardCode.SESSION_CLOSED
    assert words(ready, code, session(phase=phase)) == f"the session takes no entries: {phase.value}"
    assert words(ready, code, session(trading_date="2026-11-24")) == "the trading day 2026-11-24 is not opened yet"
    unheard = evolve(ready.state.market, session=None)
    assert words(ready, code, lambda state: evolve(state, market=unheard)).endswith(": no market time yet")
    assert words(ready, code) == ""


def test_instrument_not_allowed(ready: World) -> None:
    """Master, profile and its two lists, each by itself."""
    code = GuardCode.INSTRUMENT_NOT_ALLOWED
    assert words(ready, code, control(instruments={})) == "not in the day's instrument master"
    assert words(ready, code, control(profile=None)) == "no risk profile is applied"
    other = "profile paper does not allow NIFTY FUT"
    assert words(ready, code, control(profile=profile(underlyings=("BANKNIFTY",)))) == other
    assert words(ready, code, control(profile=profile(kinds=("CE",)))) == other
    assert words(ready, code) == ""


def test_expiring(ready: World) -> None:
    """The day before everything goes; on the day itself until the calendar's cut-off; a day later nothing."""
    code, today = GuardCode.EXPIRING, mastered(expiry="2026-11-23")
    assert words(ready, code) == words(ready, code, mastered(expiry="")) == ""
    now = ready.market_time
    assert words(ready, code, mastered(expiry="2026-11-24"), session(expiry_cutoff=now)) == ""
    assert words(ready, code, mastered(expiry="2026-11-22")) == "it expired on 2026-11-22"
    for cutoff, said in (
        (now + 1, ""),
        (now, "it expires today, and the last hours of a contract take no new risk"),
    ):
        assert words(ready, code, today, session(expiry_cutoff=MarketTime(cutoff))) == said


def test_foreign_activity(ready: World) -> None:
    """Orders or positions of others stop new risk, unless the desk ignores them."""
    code, orders = GuardCode.FOREIGN_ACTIVITY, control(foreign_orders={"1": object(), "2": object()})
    position = durable(foreign={BANK: 30})
    assert words(ready, code, orders) == "2 working orders of the account are not ours"
    assert words(ready, code, position) == "a position of the account is not ours"
    assert words(ready, code) == ""

    def ignored(state: EngineState) -> EngineState:
        return evolve(state, settings=evolve(state.settings, foreign=ForeignPolicy.IGNORE))

    assert words(ready, code, orders, position, ignored) == ""


def test_stale_data(ready: World) -> None:
    """As old as the profile allows is young enough; one nanosecond more is not."""
    code, limit = GuardCode.STALE_DATA, 5 * SECOND
    assert words(ready, code, control(is_feed_up=False)) == "the stream is down"
    assert words(ready, code, instrument="NFO:OTHER") == "no quote yet"
    assert words(ready, code, quoted(at=MachineTime(ready.now - limit))) == ""
    stale = words(ready, code, quoted(at=MachineTime(ready.now - limit - 1)))
    assert stale == "the last quote is 5000 ms old"
    assert words(ready, code, quoted(at=MachineTime(ready.now - 7_250 * 1_000_000))) == "the last quote is 7250 ms old"


def holding(world: World) -> tuple[EngineState, Order]:
    """A state with one planned entry in NIFTY."""
    turn = Turn(world.state, world.now, world.market_time)
    assert take_up(turn, intent()) is None
    state, _ = turn.finish()
    (bracket,) = state.durable.open.values()
    (order,) = bracket.orders.values()
    return state, order


def in_doubt(state: EngineState) -> EngineState:
    brackets = {
        key: evolve(
            each,
            orders=Orders({tag: evolve(order, status=OrderStatus.IN_DOUBT) for tag, order in each.orders.items()}),
        )
        for key, each in state.durable.open.items()
    }
    return evolve(state, durable=evolve(state.durable, open=brackets))


@pytest.mark.parametrize("state", [each for each in TradingState if each is not TradingState.LIVE])
def test_not_live(ready: World, state: TradingState) -> None:
    """LIVE and nothing else; and no order of this instrument in doubt."""
    code = GuardCode.NOT_LIVE
    assert words(ready, code, control(trading_state=state)) == f"trading state is {state.value}"
    held, order = holding(ready)
    doubtful = in_doubt(held)
    assert words(ready, code, lambda _: held) == ""
    assert words(ready, code, lambda _: doubtful) == f"order {order.tag} of this instrument is in doubt"
    assert words(ready, code, lambda _: doubtful, instrument=BANK) == ""


def test_duplicate(ready: World) -> None:
    """The same signal, open or closed; and a second bracket in the instrument."""
    code = GuardCode.DUPLICATE
    held, order = holding(ready)
    same = f"signal key is intent {order.intent} already"
    assert words(ready, code, lambda _: held) == same
    assert words(ready, code, lambda _: held, signal_key=SignalKey("k2")) == (
        f"bracket {order.intent} is open in this instrument"
    )
    assert words(ready, code, lambda _: held, signal_key=SignalKey("k2"), instrument=BANK) == ""
    books = held.durable
    closed = evolve(books, open={}, closed=books.open)
    assert words(ready, code, lambda state: evolve(state, durable=closed)) == same
    assert words(ready, code, lambda state: evolve(state, durable=closed), signal_key=SignalKey("k2")) == ""


@pytest.mark.parametrize("which", ["entry_price", "stop_price", "target_price"])
def test_tick_size(ready: World, which: str) -> None:
    """Each of the three prices by itself; and an instrument without a tick."""
    code = GuardCode.TICK_SIZE
    assert words(ready, code, **{which: Paise(2_400_105)}) == "price 2400105 is not a multiple of the tick 10"
    assert words(ready, code) == ""
    assert words(ready, code, mastered(tick_size=Paise(1))) == ""
    for tick in (0, -10):
        said = words(ready, code, mastered(tick_size=Paise(tick)))
        assert said == f"price 2400100 is not a multiple of the tick {tick}"


def test_lot_size(ready: World) -> None:
    """One unit is a lot; none is not."""
    assert words(ready, GuardCode.LOT_SIZE, mastered(lot_size=Quantity(1))) == ""
    assert words(ready, GuardCode.LOT_SIZE, mastered(lot_size=Quantity(0))) == "lot size must be above 0, was 0"


@pytest.mark.parametrize("which", ["entry_price", "stop_price", "target_price"])
def test_freeze_band(ready: World, which: str) -> None:
    """The circuit's own limits are inside; so is a freeze quantity of exactly one lot, or none at all."""
    code, anywhere = GuardCode.FREEZE_BAND, quoted(last_price=Paise(2_640_000))
    for edge in (2_160_000, 2_640_000):
        assert words(ready, code, anywhere, **{which: Paise(edge)}) == ""
    for beyond in (2_159_990, 2_640_010):
        assert words(ready, code, **{which: Paise(beyond)}) == f"price must be within 2160000..2640000, was {beyond}"
    assert words(ready, code, mastered(freeze_quantity=Quantity(65))) == ""
    assert words(ready, code, mastered(freeze_quantity=Quantity(0))) == ""
    small = words(ready, code, mastered(freeze_quantity=Quantity(64)))
    assert small == "freeze quantity 64 is below one lot of 65"
    assert words(ready, code, mastered(freeze_quantity=Quantity(1))) == "freeze quantity 1 is below one lot of 65"


def test_limit_protection(ready: World) -> None:
    """Two percent above the reference a buyer pays too much; as far below it nothing is wrong, and without it everything is."""
    code, reference = GuardCode.FREEZE_BAND, 2_400_000
    edge = Paise(reference + 48_000)
    assert words(ready, code, entry_price=edge) == ""
    said = words(ready, code, entry_price=Paise(edge + 10))
    assert said == f"BUY {edge + 10} is beyond the price protection around the reference {reference}"
    assert words(ready, code, entry_price=Paise(reference - 48_010)) == ""
    selling = {"side": Side.SELL, "entry_price": Paise(reference - 48_010)}
    assert words(ready, code, **selling).endswith(f"around the reference {reference}")
    assert words(ready, code, quoted(last_price=Paise(0))).endswith("around the reference 0")


def test_spread_blowout(ready: World) -> None:
    """As wide as the normal allows passes, one paisa more does not; a side that is missing, or a crossed book, is no market."""
    code, bid = GuardCode.SPREAD_BLOWOUT, Paise(2_400_000)

    def said(spread: int, *changes: Change) -> str:
        return words(ready, code, quoted(bid=bid, ask=Paise(bid + spread)), *changes)

    assert said(0) == said(2_400) == ""
    assert said(2_401) == f"bid {bid} and ask {bid + 2_401} are more than 2400 apart"
    assert said(-1) == f"bid {bid} and ask {bid - 1} are no market"
    assert words(ready, code, quoted(bid=Paise(0), ask=bid)) == f"bid 0 and ask {bid} are no market"

    known = SpreadNormal("2026-11-23", ready.market_time, (100,) * 12, median=100, widest=300)

    def normally(**changes: object) -> Change:
        spreads = {NIFTY: evolve(known, **changes)}
        return lambda state: evolve(state, market=evolve(state.market, spreads=spreads))

    assert said(300, normally()) == ""
    assert said(301, normally()) == f"bid {bid} and ask {bid + 301} are more than 300 apart"
    assert said(100, normally(is_latched=True)) == (
        "the spread was above 300, and is near its normal of 100 for too short a time"
    )


def test_per_trade_risk(ready: World) -> None:
    """A stop at the entry limits nothing; a lot that fits exactly is taken."""
    code = GuardCode.PER_TRADE_RISK
    for stop in (2_400_100, 2_401_000):
        said = words(ready, code, stop_price=Paise(stop))
        assert said == f"the stop {stop} does not limit the loss of an entry at 2400100"
    assert words(ready, code, stop_price=Paise(2_400_099)) == ""
    lot_risk = 5_000 * 65
    exactly = control(net_liquidation=Paise(lot_risk * 200))
    assert words(ready, code, exactly) == ""
    assert words(ready, code, control(net_liquidation=Paise(5_000 * 200)), unit_lots()) == ""
    short = control(net_liquidation=Paise(lot_risk * 200 - 1))
    assert words(ready, code, short) == f"one lot risks {lot_risk} paise, {lot_risk - 1} are allowed"
    assert words(ready, code, control(net_liquidation=None)) == f"one lot risks {lot_risk} paise, 0 are allowed"


def test_heat(ready: World) -> None:
    """What is open leaves room for a lot, or does not."""
    held, _ = holding(ready)
    heat = 1755 * 5_000
    bounds = [(heat + 5_000 * 65, ""), (heat + 5_000 * 65 - 1, f"heat is {heat} paise: no room for one lot")]
    for liquidation, said in bounds:
        room = evolve(held, control=evolve(held.control, net_liquidation=Paise(liquidation * 50)))
        assert words(ready, GuardCode.HEAT, lambda _, room=room: room) == said  # type: ignore[misc]
    one_unit = control(net_liquidation=Paise(5_000 * 50))
    assert words(ready, GuardCode.HEAT, one_unit, unit_lots()) == ""


def test_daily_loss(ready: World) -> None:
    """An entry whose loss would just reach the limit is one too many."""
    code, risk = GuardCode.DAILY_LOSS, 1755 * 5_000
    limit = daily_loss_limit(case_of(ready).turn)
    assert limit == ready.state.durable.opening_net_liquidation * 20_000 // 1_000_000
    assert words(ready, code, durable(day_booked=Paise(risk - limit + 1))) == ""
    said = words(ready, code, durable(day_booked=Paise(risk - limit)))
    assert said == f"a day's profit of {risk - limit} less {risk} at risk is beyond -{limit}"
    assert daily_loss_limit(case_of(ready, control(profile=None)).turn) == 0


def test_flatten_budget(ready: World) -> None:
    """Four calls a bracket: within two seconds, this minute and today, each at its bound."""
    code = GuardCode.FLATTEN_BUDGET
    case = case_of(ready)
    objection = OBJECTIONS[code]
    assert case.sizing.orders == 1
    assert objection(evolve(case, profile=profile(orders_per_second=2))) == ""
    said = objection(evolve(case, profile=profile(orders_per_second=1)))
    assert said == "flattening would take 4 calls, 2 fit into 2 s"
    assert objection(evolve(case, budget=Budget(10, 4, 4))) == ""
    for minute, day in ((3, 4), (4, 3)):
        said = objection(evolve(case, budget=Budget(10, minute, day)))
        assert said == f"flattening would take 4 calls, {minute} are left this minute, {day} today"
    held, _ = holding(ready)
    second = make_case(Turn(held, ready.now, ready.market_time), intent(instrument=BANK, signal_key=SignalKey("k")))
    assert objection(evolve(second, sizing=case.sizing, budget=Budget(10, 8, 8))) == ""
    said = objection(evolve(second, sizing=case.sizing, budget=Budget(10, 7, 8)))
    assert said == "flattening would take 8 calls, 7 are left this minute, 8 today"


def test_rate_limit(ready: World) -> None:
    """The reserve of the second belongs to exits; a broker that counted too much is left alone for its minute."""
    code, objection = GuardCode.RATE_LIMIT, OBJECTIONS[GuardCode.RATE_LIMIT]
    case = case_of(ready)
    assert objection(evolve(case, budget=Budget(5, 400, 5_000))) == ""
    said = objection(evolve(case, budget=Budget(4, 400, 5_000)))
    assert said == "4 calls are left this second, 4 belong to exits"
    for age, answer in ((60 * SECOND, ""), (60 * SECOND - 1, "the broker counted too many calls within this minute")):
        assert words(ready, code, control(limited_at=MachineTime(ready.now - age))) == answer


def test_the_first_objection_is_told(ready: World) -> None:
    """Guards stand in their order; the denial carries the code and the words of the first."""
    denial = judge(case_of(ready, control(standing=Standing.NONE, trading_state=TradingState.PAPER)))
    assert denial is not None
    assert denial.code is GuardCode.NOT_LEADER
    assert denial.detail == "standing is NONE: only a leader adds risk"
    assert judge(case_of(ready)) is None


def test_times_are_their_own(ready: World) -> None:
    """The case judges by the turn's time, not by the quote's."""
    later = Turn(ready.state, MachineTime(ready.now + 6 * SECOND), ready.market_time)
    assert OBJECTIONS[GuardCode.STALE_DATA](make_case(later, intent())) == "the last quote is 6000 ms old"

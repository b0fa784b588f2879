"""Configuration as an event: tightening at once, loosening by stage and at rest, and never by a crash."""

import pytest

from tests.unit.trader.domain.world import BANK, NIFTY, World, profile
from trader.domain.configuring import CHECKS
from trader.domain.effects import ConfigJudged, LoadInstruments
from trader.domain.events import ConfigOffered, ProfileApplied, StandingChanged
from trader.domain.profiles import LIMITS, Config, RiskProfile, loosened, out_of_bounds, tightest
from trader.domain.records import ConfigTaken
from trader.domain.values import ConfigRefusal, ConfigVerdict, Epoch, KillReason, Leg, Standing
from trader.domain.views import view

TIGHT = profile(per_trade_risk_ppm=2_500, max_heat_ppm=10_000)
WIDE = profile(per_trade_risk_ppm=8_000)


def offer(
    world: World,
    limits: RiskProfile,
    name: str = "next",
    *,
    promoted: bool = False,
    replaces: str = "hash",
    epoch: int = 1,
) -> ConfigJudged:
    """Offer a configuration and return the answer."""
    config = Config(name, "full" if promoted else "canary", limits)
    world.feed(ConfigOffered(world.now, world.market_time, "r1", Epoch(epoch), replaces, config, promoted))
    (answer,) = [each for each in world.effects if isinstance(each, ConfigJudged)][-1:]
    return answer


def test_what_tightens_holds_at_once() -> None:
    """A tighter configuration is in force with the answer, even while a bracket is open."""
    world = World().start()
    world.enter()

    answer = offer(world, TIGHT)

    assert (answer.verdict, answer.refusal) == (ConfigVerdict.APPLIED, None)
    assert world.state.control.profile == TIGHT
    assert view(world.state).config_hash == "next"


def test_a_tighter_daily_loss_kills_at_once() -> None:
    """A limit that is already passed when it comes into force is acted on in the same step."""
    world = World().start()
    world.enter()
    world.pump()
    world.quote(2_402_000)

    offer(world, profile(max_daily_loss_ppm=1))

    assert world.state.durable.kill is not None
    assert world.state.durable.kill.reason is KillReason.RISK


def test_nothing_loosens_without_the_operators_promotion() -> None:
    """The refusal names what would have loosened; the old limits stay."""
    world = World().start()

    answer = offer(world, WIDE)

    assert (answer.verdict, answer.refusal) == (ConfigVerdict.REFUSED, ConfigRefusal.LOOSENS_WITHOUT_STAGE)
    assert "per_trade_risk_ppm rises from 5000 to 8000" in answer.detail
    assert world.state.control.profile == profile()


def test_a_promoted_stage_loosens_at_rest() -> None:
    """With nothing open the promotion is whole at once."""
    world = World().start()

    answer = offer(world, WIDE, promoted=True)

    assert answer.verdict is ConfigVerdict.APPLIED
    assert world.state.control.profile == WIDE
    assert view(world.state).stage == "full"


def test_a_promotion_waits_until_nothing_is_open() -> None:
    """While a bracket is open the tighter of both holds; the loosening follows when it closed."""
    world = World().start()
    world.enter()
    world.pump()

    mixed = profile(per_trade_risk_ppm=8_000, max_daily_loss_ppm=15_000)
    answer = offer(world, mixed, promoted=True)

    assert answer.verdict is ConfigVerdict.WAITING
    assert world.state.control.profile == profile(max_daily_loss_ppm=15_000)
    assert (view(world.state).config_hash, view(world.state).config_waiting) == ("hash", "next")
    assert offer(world, mixed, promoted=True).verdict is ConfigVerdict.WAITING

    world.quote(world.bracket.plan.target_price)
    world.pump()
    world.run(1)

    assert not world.state.durable.open
    assert world.state.control.profile == mixed
    assert (view(world.state).config_hash, view(world.state).config_waiting) == ("next", "")


def test_a_waiting_promotion_can_be_taken_back() -> None:
    """Offering the configuration that was whole before ends the waiting."""
    world = World().start()
    world.enter()
    world.pump()
    offer(world, WIDE, promoted=True)

    world.feed(
        ConfigOffered(
            world.now, world.market_time, "r2", Epoch(1), "hash", Config("hash", "", profile()), is_promoted=False
        )
    )

    assert world.state.control.config_waiting is None
    assert world.state.control.profile == profile()


def test_nothing_loosens_while_a_kill_stands() -> None:
    """A kill refuses even a promoted loosening; tightening is always welcome."""
    world = World().start()
    world.kill()

    assert offer(world, WIDE, promoted=True).refusal is ConfigRefusal.KILLED
    assert offer(world, TIGHT).verdict is ConfigVerdict.APPLIED


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"epoch": 2}, ConfigRefusal.WRONG_EPOCH),
        ({"replaces": "other"}, ConfigRefusal.WRONG_BASE),
        ({"name": "hash"}, ConfigRefusal.HASH_REUSED),
        ({"limits": profile(max_heat_ppm=30_000)}, ConfigRefusal.OUT_OF_BOUNDS),
    ],
)
def test_an_offer_that_does_not_fit_is_refused_by_one_code(changes: dict[str, object], refusal: ConfigRefusal) -> None:
    """Another leadership, another base, a hash of other limits, limits that nobody may have."""
    world = World().start()

    answer = offer(world, **{"limits": TIGHT, **changes})  # type: ignore[arg-type]

    assert answer.refusal is refusal
    assert answer.detail
    assert world.state.control.profile == profile()


def test_only_a_leader_takes_a_configuration() -> None:
    """A standby and a leader without its Lease refuse."""
    world = World()
    world.prepare()
    assert offer(world, TIGHT).refusal is ConfigRefusal.NOT_LEADER

    world.lead()
    world.feed(StandingChanged(world.now, world.market_time, Standing.EPOCH_ONLY, Epoch(1)))
    assert offer(world, TIGHT).refusal is ConfigRefusal.NOT_LEADER


def test_every_code_has_its_check() -> None:
    """The registry is closed: each refusal stands in it once."""
    assert sorted(code for code, _ in CHECKS) == sorted(ConfigRefusal)


def test_an_offer_that_was_taken_is_taken_again() -> None:
    """A retry of the caller after a lost answer changes nothing and writes nothing."""
    world = World().start()
    offer(world, TIGHT)
    written = len(world.journal)

    answer = offer(world, TIGHT)

    assert answer.verdict is ConfigVerdict.APPLIED
    assert len(world.journal) == written


def test_a_crash_does_not_loosen() -> None:
    """A successor with the same files keeps what was tightened, under the hash that tightened it."""
    world = World().start()
    offer(world, TIGHT)

    world.restart(2)

    assert world.state.control.profile == TIGHT
    assert view(world.state).config_hash == "next"


def test_a_promotion_does_not_survive_its_leader() -> None:
    """What was loosened over the files is lost with the leader: the successor resumes on the files' limits."""
    world = World().start()
    offer(world, WIDE, promoted=True)

    world.restart(2)

    assert world.state.control.profile == profile()
    assert view(world.state).config_hash == "hash"


def test_new_files_are_the_operators_word() -> None:
    """A process that is started with another configuration takes it as it stands."""
    world = World().start()
    offer(world, TIGHT)

    world.restart(2, prepare=False)
    world.feed(ProfileApplied(world.now, world.market_time, WIDE, "files-2", "full"))

    assert world.state.control.profile == WIDE


def test_what_is_in_force_is_journalled() -> None:
    """The journal says which limits held from when on, the files' own first."""
    world = World().start()
    offer(world, TIGHT)

    taken = [each for each in world.journal if isinstance(each, ConfigTaken)]

    assert [(each.started_with, each.config_hash, each.per_trade_risk_ppm) for each in taken] == [
        ("hash", "hash", 5_000),
        ("hash", "next", 2_500),
    ]


def test_fewer_instruments_deny_at_once_and_unload_at_rest() -> None:
    """An open bracket keeps its instrument until it is closed; entries in it are denied from the offer on."""
    world = World().start()
    world.enter()
    world.pump()

    offer(world, profile(underlyings=("BANKNIFTY",)))
    assert not [each for each in world.effects if isinstance(each, LoadInstruments)]
    assert world.order(Leg.STOP).instrument == NIFTY

    world.quote(world.bracket.plan.target_price)
    world.pump()
    world.run(1)

    (load,) = [each for each in world.effects if isinstance(each, LoadInstruments)]
    assert load.profile.underlyings == ("BANKNIFTY",)
    assert BANK not in world.state.control.instruments


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_is_bounded_and_compared(name: str) -> None:
    """Every number of a profile is seen by the bounds, by the comparison and by the tightest of two."""
    base = profile(entry_slices=2)
    lower = profile(**{name: 1})

    assert out_of_bounds(base) == ""
    assert name in out_of_bounds(profile(**{name: 0}))
    assert name in loosened(lower, base)
    assert loosened(base, lower) == ""
    assert tightest(base, lower) == lower

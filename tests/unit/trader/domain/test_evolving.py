"""Quick values are frozen dataclasses in everything but their price."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace
from functools import cached_property

import pytest

from trader.domain.evolving import evolve, quick
from trader.domain.state import Control, ReadTrack
from trader.domain.values import MachineTime, TradingState


@quick
@dataclass(frozen=True, slots=True)
class Sample:
    """One field of each sort."""

    number: int
    kind: str = "default"
    content: dict[str, int] = field(default_factory=dict)


def test_a_quick_value_is_what_the_dataclass_says() -> None:
    """Positions, names, defaults and fresh containers, equality, hash and text are the dataclass's own."""
    assert Sample(1) == Sample(number=1, kind="default", content={})
    assert Sample(1).content is not Sample(1).content
    assert Sample(1, "a") != Sample(1, "b")
    assert repr(Sample(2, kind="b")) == "Sample(number=2, kind='b', content={})"
    assert type(Sample(1)) is Sample
    assert hash(ReadTrack()) == hash(ReadTrack())


@pytest.mark.parametrize(("arguments", "names"), [((), {}), ((1,), {"colour": "red"}), ((1, "a", {}, 2), {})])
def test_wrong_arguments_fail(arguments: tuple[object, ...], names: dict[str, object]) -> None:
    """A missing, unknown or surplus argument is a TypeError that names the class."""
    with pytest.raises(TypeError, match=r"Sample\.__init__"):
        Sample(*arguments, **names)  # type: ignore[arg-type]


def test_it_stays_frozen() -> None:
    """Nothing can be set, deleted or added once the value is made, nor on a copy of it."""
    kept: Sample = pickle.loads(pickle.dumps(Sample(1)))
    for value in (Sample(1), evolve(Sample(1), number=2), copy.copy(Sample(1)), kept):
        with pytest.raises(FrozenInstanceError):
            value.number = 3  # type: ignore[misc]
        with pytest.raises(FrozenInstanceError):
            del value.number
        with pytest.raises((FrozenInstanceError, TypeError)):
            value.colour = "red"  # type: ignore[attr-defined]


def test_evolve_changes_what_is_named() -> None:
    """The rest is the same object; the original is untouched; it says what `replace` says."""
    before = Control(epoch=7, funds=ReadTrack(asked_at=MachineTime(1)))  # type: ignore[arg-type]
    after = evolve(before, trading_state=TradingState.LIVE, message="")

    assert after == replace(before, trading_state=TradingState.LIVE, message="")
    assert after.funds is before.funds
    assert before.trading_state is TradingState.PAPER
    assert evolve(after) == after


def test_evolve_refuses_unknown_names() -> None:
    """A typing error in a change does not pass silently."""
    with pytest.raises(AttributeError, match="colour"):
        evolve(Sample(1), colour="red")


def test_other_classes_are_refused() -> None:
    """What the twin cannot stand for is no quick value: mutable, unslotted, derived, or with work after `__init__`."""

    @dataclass(slots=True)
    class Mutable:
        number: int

    @dataclass(frozen=True)
    class Unslotted:
        number: int

        @cached_property
        def double(self) -> int:
            return 2 * self.number

    @dataclass(frozen=True, slots=True)
    class Derived(Sample):
        more: int = 0

    @dataclass(frozen=True, slots=True)
    class Working:
        number: int

        def __post_init__(self) -> None:
            assert self.number

    @dataclass(frozen=True, slots=True)
    class Counted:
        number: int = field(init=False, default=0)

    for kind in (Mutable, Unslotted, Derived, Working, Counted):
        with pytest.raises(TypeError, match=kind.__name__):
            quick(kind)

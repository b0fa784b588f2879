"""What a drill is, and how one variant of it goes from steady state to verdict.

The phases and who may stop them: *steady state* is a gate (if it cannot be reached, the verdict is Error: we could not tell),
*inject* and *observe* are the drill's own, *recover* always happens, *steady state* again and the exchange's log are the verdict.
"""

import datetime as dt
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.drills.stand import Stand


class Outcome(StrEnum):
    """How a drill ended. Error is not Failed: nothing was shown about the product."""

    PASSED = "Passed"
    FAILED = "Failed"
    ERROR = "Error"


class NotSteadyError(Exception):
    """The system never came to where the drill begins."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A statement about the system, what it means in figures, and what was seen."""

    statement: str
    expected: str
    observed: str
    held: bool


@dataclass(slots=True)
class Findings:
    """The hypotheses of one run, as they are decided."""

    hypotheses: list[Hypothesis] = field(default_factory=list)

    def expect(self, statement: str, expected: object, observed: object, *, held: bool | None = None) -> bool:
        """Note one; without `held` the two must be equal."""
        is_held = observed == expected if held is None else held
        self.hypotheses.append(Hypothesis(statement, str(expected), str(observed)[:500], is_held))
        return is_held

    def at_most(self, statement: str, limit: float, observed: float | None, unit: str = "s") -> bool:
        """Note a figure with an upper bound; None is a figure that was never reached."""
        seen = "never" if observed is None else f"{observed:.2f} {unit}"
        return self.expect(statement, f"<= {limit:g} {unit}", seen, held=observed is not None and observed <= limit)

    def at_least(self, statement: str, limit: float, observed: float) -> bool:
        """Note a count with a lower bound: a drill that never met its case has shown nothing."""
        return self.expect(statement, f">= {limit:g}", f"{observed:g}", held=observed >= limit)


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to break it. `run` injects, observes and recovers; what it learns goes into the findings."""

    name: str
    story: str
    run: Callable[["Stand", Findings], None]
    traders: int = 1


@dataclass(frozen=True, slots=True)
class Drill:
    """A named drill."""

    name: str
    promise: str
    variants: tuple[Variant, ...]

    def chosen(self, names: tuple[str, ...]) -> tuple[Variant, ...]:
        """These variants, or all.

        Raises:
            KeyError: there is no such variant.
        """
        known = {each.name: each for each in self.variants}
        return tuple(known[name] for name in names) if names else self.variants


@dataclass(frozen=True, slots=True)
class VariantVerdict:
    """How a variant ended."""

    name: str
    outcome: Outcome
    reason: str
    started_at: dt.datetime
    seconds: float
    hypotheses: tuple[Hypothesis, ...]

    @property
    def failed(self) -> tuple[Hypothesis, ...]:
        """The hypotheses that did not hold."""
        return tuple(each for each in self.hypotheses if not each.held)


@dataclass(frozen=True, slots=True)
class DrillVerdict:
    """How a drill ended: its worst variant decides."""

    name: str
    started_at: dt.datetime
    ended_at: dt.datetime
    seed: int
    config_hash: str
    versions: dict[str, str]
    variants: tuple[VariantVerdict, ...]

    @property
    def outcome(self) -> Outcome:
        """Failed beats Error beats Passed; a drill without variants shows nothing."""
        seen = {each.outcome for each in self.variants}
        for worst in (Outcome.FAILED, Outcome.ERROR):
            if worst in seen:
                return worst
        return Outcome.PASSED if seen else Outcome.ERROR

    @property
    def reason(self) -> str:
        """Why it is not Passed, in a line."""
        return "; ".join(f"{each.name}: {each.reason}" for each in self.variants if each.reason)


def run_variant(variant: Variant, open_stand: Callable[[int], "Stand"]) -> VariantVerdict:
    """Run one variant on a stand of its own, and take everything down again, whatever happens."""
    started_at, began = dt.datetime.now(dt.UTC), time.monotonic()
    findings = Findings()
    outcome, reason = Outcome.PASSED, ""
    stand: Stand | None = None
    try:
        stand = open_stand(variant.traders)
        stand.await_steady()
        variant.run(stand, findings)
        stand.exchange.clear_faults()
        stand.judge(findings)
    except NotSteadyError as error:
        outcome, reason = Outcome.ERROR, str(error)
    except Exception as error:  # the top frame of a run: whatever broke here is the drill's, not the product's
        traceback.print_exc()
        outcome, reason = Outcome.ERROR, f"{type(error).__name__}: {error}"
    finally:
        if stand is not None:
            stand.close()
    # What was seen to break stays broken, even where the drill itself then stumbled over it.
    if broken := [each.statement for each in findings.hypotheses if not each.held]:
        outcome, reason = Outcome.FAILED, "; ".join(broken) + (f"; then {reason}" if reason else "")
    seconds = time.monotonic() - began
    return VariantVerdict(variant.name, outcome, reason, started_at, seconds, tuple(findings.hypotheses))


def workspace(root: Path, drill: str, variant: str) -> Path:
    """A folder of its own for each variant."""
    folder = root / drill / variant
    folder.mkdir(parents=True, exist_ok=True)
    return folder

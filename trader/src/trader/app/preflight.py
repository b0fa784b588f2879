"""What must be right before new risk, as a list that a person reads: one red line, and the session does not arm.

Protection and exits never wait for any of it (rule 6). Some lines hold as long as there is new risk (the token, the clock, the
tables of the day): one that turns red takes LIVE away. The others (addresses, schema, Redis, what the other pods run) are asked
before arming only: none of them makes an order wrong that a LIVE session sends, and Redis or a standby may go away at any time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

CHECK_SECONDS: Final = 5.0
FAILURES_THAT_COUNT: Final = 3
"""One lost reply is no reason to reduce all positions; three in a row are."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one check ended."""

    passed: bool
    detail: str
    is_certain: bool = True
    """False when the check itself got no answer: a LIVE session bears some of that."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the list."""

    name: str
    ask: Callable[[], Awaitable[Finding]]
    arming_only: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A check and what it found last."""

    name: str
    passed: bool
    detail: str


class ListedPreflight:
    """The engine's `Preflight`: all checks side by side, each with a deadline."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = tuple(checks)
        self._has_passed = False
        self._failures = 0
        self.lines: tuple[Line, ...] = ()
        """The list as of the last look; empty before the first."""

    async def judge(self) -> tuple[bool, str]:
        """Whether new risk may be taken, and what is missing, in words."""
        asked = [each for each in self._checks if not (self._has_passed and each.arming_only)]
        findings = await asyncio.gather(*(_ask(each) for each in asked))
        told = {
            check.name: Line(check.name, found.passed, found.detail)
            for check, found in zip(asked, findings, strict=True)
        }
        before = {line.name: line for line in self.lines}
        self.lines = tuple(told.get(each.name) or before[each.name] for each in self._checks)
        red = [(check, found) for check, found in zip(asked, findings, strict=True) if not found.passed]
        if not red:
            self._has_passed, self._failures = True, 0
            return True, ""
        self._failures += 1
        is_certain = any(found.is_certain for _, found in red)
        if self._has_passed and not is_certain and self._failures < FAILURES_THAT_COUNT:
            return True, ""
        self._has_passed = False
        return False, "; ".join(f"{check.name}: {found.detail}" for check, found in red)


async def _ask(check: Check) -> Finding:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check.ask()
    except TimeoutError:
        return Finding(passed=False, detail=f"no answer within {CHECK_SECONDS:g} s", is_certain=False)

"""What must be right before new risk: a token that the broker accepts, a clock that runs, tables that cover the day."""

from collections.abc import Callable

from trader.adapters.kite.rest import KiteRest
from trader.engine.ports import Refused, TokenDead, Unknown

OLDEST_CLOCK_SECONDS = 5.0
FAILURES_THAT_COUNT = 3
"""One lost reply is no reason to reduce all positions; three in a row are."""


class KitePreflight:
    """The engine's `Preflight`. Gates new risk only; protection and exits never wait for it."""

    def __init__(self, broker: KiteRest, clock_age_seconds: Callable[[], float] = lambda: 0.0) -> None:
        self._broker = broker
        self._clock_age_seconds = clock_age_seconds
        self._has_passed = False
        self._failures = 0

    async def judge(self) -> tuple[bool, str]:
        """Whether new risk may be taken, and what is missing, in words."""
        message = await self._missing()
        if message is None:
            self._has_passed, self._failures = True, 0
            return True, ""
        definite, text = message
        self._failures += 1
        if self._has_passed and not definite and self._failures < FAILURES_THAT_COUNT:
            return True, ""
        self._has_passed = False
        return False, text

    async def _missing(self) -> tuple[bool, str] | None:
        """What is missing and whether that is certain; None when nothing is."""
        try:
            await self._broker.warm()
        except TokenDead as refusal:
            return True, f"the broker does not take our token: {refusal}"
        except Refused as refusal:
            return False, f"the broker does not take our requests: {refusal}"
        except Unknown as doubt:
            return False, f"the broker does not answer: {doubt}"
        age = self._clock_age_seconds()
        if age > OLDEST_CLOCK_SECONDS:
            return False, f"the market clock was last heard {age:.0f} s ago"
        return None

"""Questions from outside that only the domain can answer: a configuration offered, a signal brought in.

Each is posted to the loop as an event and answered by an effect that carries its name; whoever asks waits two seconds at most.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from trader.domain.effects import ConfigJudged, SignalJudged
from trader.domain.events import ConfigOffered, EntrySignal, SignalReceived
from trader.domain.profiles import Config
from trader.domain.values import (
    ConfigRefusal,
    ConfigVerdict,
    Epoch,
    GuardCode,
    IntentId,
    MachineTime,
    MarketTime,
    SignalVerdict,
)
from trader.engine.ports import Clock

log = structlog.get_logger(__name__)

ANSWER_SECONDS: Final = 2.0
_NOBODY: Final = "this process does not lead, or did not answer"


class Answering(Protocol):
    """The loop, as far as it answers."""

    async def ask(self, question: ConfigOffered | SignalReceived) -> ConfigJudged | SignalJudged: ...


class Questions:
    """Asks whoever leads at that moment."""

    def __init__(self, clock: Clock, leadership: Callable[[], Answering | None]) -> None:
        self._clock = clock
        self._leadership = leadership

    async def offer_config(self, config: Config, replaces: str, epoch: Epoch, *, is_promoted: bool) -> ConfigJudged:
        """What becomes of another configuration; NOT_LEADER without an answer."""
        request = f"config-{secrets.token_hex(4)}"
        answer = await self._ask(ConfigOffered(*self._now(), request, epoch, replaces, config, is_promoted))
        if isinstance(answer, ConfigJudged):
            return answer
        return ConfigJudged(request, config.config_hash, ConfigVerdict.REFUSED, ConfigRefusal.NOT_LEADER, _NOBODY)

    async def take_signal(self, strategy: str, signal: EntrySignal) -> SignalJudged:
        """What becomes of a signal; NOT_LEADER without an answer."""
        request = f"signal-{secrets.token_hex(4)}"
        answer = await self._ask(SignalReceived(*self._now(), request, strategy, signal))
        if isinstance(answer, SignalJudged):
            return answer
        return SignalJudged(request, SignalVerdict.DENIED, IntentId(""), GuardCode.NOT_LEADER, _NOBODY)

    async def _ask(self, question: ConfigOffered | SignalReceived) -> ConfigJudged | SignalJudged | None:
        leadership = self._leadership()
        if leadership is None:
            return None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await leadership.ask(question)
        except TimeoutError:
            log.warning("question_unanswered", request=question.request, seconds=ANSWER_SECONDS)
            return None

    def _now(self) -> tuple[MachineTime, MarketTime]:
        return self._clock.machine_time(), self._clock.market_time()

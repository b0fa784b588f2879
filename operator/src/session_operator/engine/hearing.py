"""What the traders of a session say, asked for before it is decided about: fresh while a rollout is under way.

A trader that does not answer is not in what is heard: no data, and so no promotion. Nothing here is kept over a restart.
"""

import asyncio
from collections.abc import Mapping

from session_operator.domain.actions import Configure
from session_operator.domain.observed import PodFacts
from session_operator.domain.reports import TraderReport
from session_operator.engine.ports import Clock, Traders
from session_operator.engine.worlds import Key

SILENT_SECONDS = 5.0
"""How long a trader that did not answer is left in peace."""


class Hearing:
    """Asks traders, tells them, and remembers what they answered."""

    def __init__(self, traders: Traders, clock: Clock) -> None:
        self._traders = traders
        self._clock = clock
        self._heard: dict[tuple[Key, str], tuple[float, str, TraderReport | None]] = {}
        self._refusals: dict[tuple[Key, str], str] = {}

    async def ask(self, key: Key, pods: tuple[PodFacts, ...], older_than_seconds: float) -> None:
        """Ask each trader whose answer is older than that, side by side."""
        now = self._clock.monotonic()
        due = [pod for pod in pods if pod.address and self._is_due(key, pod, now, older_than_seconds)]
        answers = await asyncio.gather(*(self._traders.report(pod.address) for pod in due))
        for pod, answer in zip(due, answers, strict=True):
            is_its_own = answer is not None and answer.pod == pod.name
            self._heard[key, pod.name] = (now, pod.address, answer if is_its_own else None)

    async def tell(self, key: Key, order: Configure) -> str:
        """Tell one trader which configuration to run; why it did not take it, if so."""
        why = await self._traders.configure(order)
        self._heard.pop((key, order.pod), None)  # what it said before is of no use now
        if why:
            self._refusals[key, order.pod] = why
        else:
            self._refusals.pop((key, order.pod), None)
        return why

    def reports(self, key: Key, pods: tuple[PodFacts, ...]) -> Mapping[str, TraderReport]:
        """Give what the traders answered last, of those that run where they were asked."""
        found: dict[str, TraderReport] = {}
        for pod in pods:
            _, address, answer = self._heard.get((key, pod.name), (0.0, "", None))
            if answer is not None and address == pod.address:
                found[pod.name] = answer
        return found

    def refusals(self, key: Key, pods: tuple[PodFacts, ...]) -> Mapping[str, str]:
        """Give why traders did not take what they were told last."""
        return {pod.name: self._refusals[key, pod.name] for pod in pods if (key, pod.name) in self._refusals}

    def forget(self, key: Key) -> None:
        """Drop what was heard of a session that is gone."""
        for memory in (self._heard, self._refusals):
            for each in [each for each in memory if each[0] == key]:
                del memory[each]

    def _is_due(self, key: Key, pod: PodFacts, now: float, older_than_seconds: float) -> bool:
        heard = self._heard.get((key, pod.name))
        if heard is None or heard[1] != pod.address:
            return True
        # A pod on a lost host costs its deadline each time: it must not slow the look at its session down.
        patience = older_than_seconds if heard[2] is not None else max(older_than_seconds, SILENT_SECONDS)
        return now - heard[0] >= patience

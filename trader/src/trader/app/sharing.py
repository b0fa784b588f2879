"""Shares the leader's `/v1/state` with the standby, through Redis, once a second; both go on without it."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from trader.adapters.redis_live_state import LiveStateAway, PodSaid, RedisLiveState

log = structlog.get_logger(__name__)

SHARE_SECONDS = 1.0
POD_SECONDS = 10.0
"""How long a pod that fell silent counts as one that may lead."""


class Sharing:
    """`leader_state` is what a standby last saw of its leader; None when it saw nothing lately."""

    def __init__(
        self,
        url_file: Path,
        account: str,
        seen: Callable[[dict[str, Any]], None] = lambda _: None,
        about: Callable[[], tuple[str, str, str]] | None = None,
    ) -> None:
        """`seen` is told each picture that a standby reads; `about` tells pod, configuration to lead with, code."""
        self._about = about
        self._pods: dict[str, PodSaid] = {}
        self._answered_at: float | None = None
        self.leader_state: dict[str, Any] | None = None
        self._url_file = url_file
        self._account = account
        self._seen = seen
        self._is_away = False

    @property
    def is_configured(self) -> bool:
        """Whether there is a Redis to share through."""
        return self._url_file.exists()

    def answered_ago(self) -> float | None:
        """Seconds since Redis answered; None when it never did."""
        return None if self._answered_at is None else time.monotonic() - self._answered_at

    def mine(self) -> tuple[str, str] | None:
        """Configuration and code of this pod, as it tells them; None when it tells nothing."""
        return self._about()[1:] if self._about is not None else None

    def pods(self) -> dict[str, tuple[str, str]]:
        """Configuration and code of each pod that spoke lately, by its name."""
        since = self.answered_ago() or 0.0
        return {
            name: (str(each.about.get("config")), str(each.about.get("code")))
            for name, each in self._pods.items()
            if each.seconds_ago + since < POD_SECONDS
        }

    async def run(self, is_leader: Callable[[], bool], state: Callable[[], dict[str, Any]]) -> None:
        """Publish while leading, read while standing by, until cancelled. Without a URL there is nothing to do."""
        if not self._url_file.exists():
            return
        try:
            live = RedisLiveState(self._url_file.read_text(encoding="utf-8").strip(), self._account)
        except ValueError as error:
            log.warning("live_state_unusable", reason=f"{self._url_file}: {error}")
            return
        try:
            while True:
                await self._turn(live, is_leader, state)
                await asyncio.sleep(SHARE_SECONDS)
        finally:
            await live.close()

    async def _turn(
        self, live: RedisLiveState, is_leader: Callable[[], bool], state: Callable[[], dict[str, Any]]
    ) -> None:
        try:
            if self._about is not None:
                name, config, code = self._about()
                self._pods = await live.report_pod(name, {"config": config, "code": code})
            if is_leader():
                self.leader_state = None
                await live.publish(state())
            else:
                self.leader_state = await live.read()
                if self.leader_state is not None:
                    self._seen(self.leader_state)
        except LiveStateAway as away:
            self.leader_state = None
            if not self._is_away:
                log.warning("live_state_away", reason=str(away))
            self._is_away = True
        else:
            if self._is_away:
                log.info("live_state_back")
            self._is_away = False
            self._answered_at = time.monotonic()

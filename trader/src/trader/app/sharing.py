"""Shares the leader's `/v1/state` with the standby, through Redis, once a second; both go on without it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from trader.adapters.redis_live_state import LiveStateAway, RedisLiveState

log = structlog.get_logger(__name__)

SHARE_SECONDS = 1.0


class Sharing:
    """`leader_state` is what a standby last saw of its leader; None when it saw nothing lately."""

    def __init__(self, url_file: Path, account: str, seen: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        """`seen` is told each picture that a standby reads."""
        self.leader_state: dict[str, Any] | None = None
        self._url_file = url_file
        self._account = account
        self._seen = seen
        self._is_away = False

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

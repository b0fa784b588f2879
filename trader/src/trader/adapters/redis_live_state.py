"""The leader's picture of now, in Redis: what a standby and the screens show without a socket to the broker.

It is a convenience and nothing else: never awaited on the order path, never read by a decision, gone after seconds.
What must last stands in the database.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import RedisError

from trader.adapters.redis_urls import redis_of

ANSWER_SECONDS: Final = 0.5
LIFETIME_SECONDS: Final = 5
"""How long a picture is shown after its leader fell silent."""


PODS_SECONDS: Final = 3600
# What a pod says, with Redis's own second before it: the clocks of two nodes may be any time apart.
_SAY: Final = "return redis.call('HSET', KEYS[1], ARGV[1], redis.call('TIME')[1] .. ' ' .. ARGV[2])"


@dataclass(frozen=True, slots=True)
class PodSaid:
    """What a pod said last."""

    about: Mapping[str, Any]
    seconds_ago: float
    """By Redis's clock."""


class LiveStateAway(Exception):  # noqa: N818 - what happened
    """Redis did not answer in time, or not sensibly."""


class RedisLiveState:
    """One account's picture, under one key that expires by itself."""

    def __init__(self, url: str, account: str) -> None:
        """Raises ValueError: the URL cannot be used."""
        self._redis = redis_of(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS)
        self._key = f"tradeops:{account}:state"

    async def publish(self, state: Mapping[str, Any]) -> None:
        """Show this picture for the next seconds.

        Raises:
            LiveStateAway: Redis did not take it.
        """
        try:
            await self._redis.set(self._key, json.dumps(state), ex=LIFETIME_SECONDS)
        except (RedisError, OSError) as error:
            raise LiveStateAway(str(error) or type(error).__name__) from error

    async def read(self) -> dict[str, Any] | None:
        """The newest picture; None when no leader showed one lately.

        Raises:
            LiveStateAway: Redis did not answer.
        """
        try:
            text = await self._redis.get(self._key)
        except (RedisError, OSError) as error:
            raise LiveStateAway(str(error) or type(error).__name__) from error
        if text is None:
            return None
        try:
            found = json.loads(text)
        except ValueError as error:
            raise LiveStateAway(f"{self._key} holds no JSON: {error}") from error
        return found if isinstance(found, dict) else None

    async def report_pod(self, name: str, about: Mapping[str, Any]) -> dict[str, PodSaid]:
        """Say what this pod runs, and hear what each pod said last; one that cannot be understood said nothing.

        Raises:
            LiveStateAway: Redis did not answer.
        """
        try:
            async with self._redis.pipeline(transaction=False) as both:
                both.eval(_SAY, 1, f"{self._key}:pods", name, json.dumps(about))
                both.expire(f"{self._key}:pods", PODS_SECONDS)
                both.time()
                both.hgetall(f"{self._key}:pods")
                _, _, now, found = await both.execute()
        except (RedisError, OSError) as error:
            raise LiveStateAway(str(error) or type(error).__name__) from error
        said = ((str(key, "utf-8"), _heard(value, now[0])) for key, value in found.items())
        return {pod: heard for pod, heard in said if heard is not None}

    async def close(self) -> None:
        """Let the connections go."""
        await self._redis.aclose()


def _heard(value: bytes, now: int) -> PodSaid | None:
    second, _, text = value.partition(b" ")
    try:
        about = json.loads(text)
        return PodSaid(about, float(now - int(second))) if isinstance(about, dict) else None
    except ValueError:
        return None

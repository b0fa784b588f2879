"""The leader's picture in a real Redis: shown while it is fresh, missed without harm."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trader.adapters.redis_live_state import LIFETIME_SECONDS, LiveStateAway, RedisLiveState
from trader.app.sharing import Sharing

pytestmark = [pytest.mark.component, pytest.mark.timeout(60)]


async def test_a_standby_sees_the_newest_picture(redis: tuple[subprocess.Popen[bytes], str]) -> None:
    """The last one that was shown, and only of its own account."""
    leader, standby = RedisLiveState(redis[1], "AB1234"), RedisLiveState(redis[1], "AB1234")
    other = RedisLiveState(redis[1], "ZZ9999")

    await leader.publish({"heatPaise": 1})
    await leader.publish({"heatPaise": 2})

    assert await standby.read() == {"heatPaise": 2}
    assert await other.read() is None
    for each in (leader, standby, other):
        await each.close()


async def test_a_silent_leader_s_picture_ends(redis: tuple[subprocess.Popen[bytes], str]) -> None:
    """An old picture is worse than none."""
    live = RedisLiveState(redis[1], "AB1234")
    await live.publish({"heatPaise": 1})

    async with asyncio.timeout(LIFETIME_SECONDS + 2):
        while await live.read() is not None:  # noqa: ASYNC110 - a key that expires tells nobody
            await asyncio.sleep(0.1)
    await live.close()


async def test_a_redis_that_hangs_costs_half_a_second_and_no_more(redis: tuple[subprocess.Popen[bytes], str]) -> None:
    """Stopped, not gone: the socket stays open and says nothing."""
    live = RedisLiveState(redis[1], "AB1234")
    await live.publish({"heatPaise": 1})
    redis[0].send_signal(signal.SIGSTOP)

    begin = time.monotonic()
    with pytest.raises(LiveStateAway):
        await live.publish({"heatPaise": 2})

    assert time.monotonic() - begin < 2
    await live.close()


async def test_pods_see_each_other_however_far_their_clocks_are_apart(
    redis: tuple[subprocess.Popen[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes, an hour apart: who spoke when is for Redis to say."""
    here, there = RedisLiveState(redis[1], "AB1234"), RedisLiveState(redis[1], "AB1234")
    await here.report_pod("pod-0", {"config": "a"})
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + 3600)
    found = await there.report_pod("pod-1", {"config": "b"})
    assert {name: each.about["config"] for name, each in found.items()} == {"pod-0": "a", "pod-1": "b"}
    assert all(0 <= each.seconds_ago < 5 for each in found.values()), found
    for each in (here, there):
        await each.close()


async def test_what_a_pod_said_that_nobody_understands_is_not_heard(
    redis: tuple[subprocess.Popen[bytes], str],
) -> None:
    """Another version's words, or a stranger's: the pod counts as silent."""
    live = RedisLiveState(redis[1], "AB1234")
    for name, words in (("old", '{"config": "a", "at": 1.5}'), ("list", "1 []"), ("noise", "xyz")):
        await live._redis.hset("tradeops:AB1234:state:pods", name, words)
    assert set(await live.report_pod("pod-0", {"config": "a"})) == {"pod-0"}
    await live.close()


async def test_sharing_goes_on_when_redis_comes_back(
    redis: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    """A pair of processes, one leading: its picture reaches the other, is gone with Redis, and returns with it."""
    (tmp_path / "url").write_text(redis[1])
    leading, standing_by = (Sharing(tmp_path / "url", "AB1234") for _ in range(2))
    tasks = [
        asyncio.create_task(leading.run(lambda: True, lambda: {"epoch": 7})),
        asyncio.create_task(standing_by.run(lambda: False, dict)),
    ]
    try:
        await _until(lambda: standing_by.leader_state == {"epoch": 7})
        redis[0].send_signal(signal.SIGSTOP)
        await _until(lambda: standing_by.leader_state is None)
        redis[0].send_signal(signal.SIGCONT)
        await _until(lambda: standing_by.leader_state == {"epoch": 7})
        assert leading.leader_state is None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(15):
        while not holds():  # noqa: ASYNC110 - Redis comes and goes untold
            await asyncio.sleep(0.05)

"""Traders are asked in time, told once, and what they do not say is not made up."""

import dataclasses

from session_operator.domain.actions import Configure
from session_operator.domain.observed import PodFacts
from session_operator.domain.reports import TraderReport
from session_operator.engine.hearing import Hearing
from tests.unit.operator.builders import KEY, StillClock
from tests.unit.operator.deciding import answer

POD = PodFacts("index-trader-0", "", is_ready=True, is_deleting=False, address="10.0.0.1")
ORDER = Configure("index-trader-0", "10.0.0.1", 7, "before", "canary", "r/canary/1", False, "abc", "")


class Traders:
    """Traders by address."""

    def __init__(self) -> None:
        self.answers: dict[str, TraderReport | None] = {"10.0.0.1": answer("index-trader-0", run="first")}
        self.asked: list[str] = []
        self.refusal = ""

    async def report(self, address: str) -> TraderReport | None:
        """Answer."""
        self.asked.append(address)
        return self.answers.get(address)

    async def configure(self, order: Configure) -> str:
        """Take it, or not."""
        return self.refusal


def hearing() -> tuple[Hearing, Traders, StillClock]:
    """Somebody who asks traders."""
    traders, clock = Traders(), StillClock()
    return Hearing(traders, clock), traders, clock


async def test_an_answer_is_asked_for_again_when_it_is_old() -> None:
    """Not before."""
    heard, traders, clock = hearing()
    for seconds in (0.0, 1.0, 1.0):
        clock.seconds += seconds
        await heard.ask(KEY, (POD,), 2.0)
    assert traders.asked == ["10.0.0.1"] * 2
    assert heard.reports(KEY, (POD,))["index-trader-0"].run == "first"


async def test_a_trader_that_does_not_answer_is_left_in_peace_for_a_while() -> None:
    """A lost host must not slow down every look; and what it said before is no answer of now."""
    heard, traders, clock = hearing()
    await heard.ask(KEY, (POD,), 2.0)
    traders.answers.clear()
    clock.seconds += 2
    await heard.ask(KEY, (POD,), 2.0)
    assert heard.reports(KEY, (POD,)) == {}
    clock.seconds += 4.9
    await heard.ask(KEY, (POD,), 2.0)
    assert len(traders.asked) == 2
    clock.seconds += 0.1
    await heard.ask(KEY, (POD,), 2.0)
    assert len(traders.asked) == 3


async def test_an_address_that_is_another_pod_s_now_says_nothing_of_this_one() -> None:
    """Addresses are used again."""
    heard, traders, _ = hearing()
    traders.answers["10.0.0.1"] = answer("somebody-else-0")
    await heard.ask(KEY, (POD,), 2.0)
    assert heard.reports(KEY, (POD,)) == {}
    moved = dataclasses.replace(POD, address="10.0.0.2")
    traders.answers["10.0.0.2"] = answer("index-trader-0")
    await heard.ask(KEY, (moved,), 2.0)
    assert set(heard.reports(KEY, (moved,))) == {"index-trader-0"}
    assert heard.reports(KEY, (POD,)) == {}


async def test_a_refusal_is_remembered_until_it_is_taken() -> None:
    """And what the trader said before it was told is of no use any more."""
    heard, traders, _ = hearing()
    await heard.ask(KEY, (POD,), 2.0)
    traders.refusal = "409 KILLED"
    assert await heard.tell(KEY, ORDER) == "409 KILLED"
    assert heard.refusals(KEY, (POD,)) == {"index-trader-0": "409 KILLED"}
    assert heard.reports(KEY, (POD,)) == {}
    traders.refusal = ""
    await heard.tell(KEY, ORDER)
    assert heard.refusals(KEY, (POD,)) == {}


async def test_a_session_that_is_gone_is_forgotten() -> None:
    """Another of its name begins with nothing."""
    heard, traders, _ = hearing()
    traders.refusal = "no"
    await heard.ask(KEY, (POD,), 2.0)
    await heard.tell(KEY, ORDER)
    heard.forget(KEY)
    assert (heard.reports(KEY, (POD,)), heard.refusals(KEY, (POD,))) == ({}, {})

"""Which kill stands is read with the leader's state, and where a test excuses one, it is the day's loss alone."""

import json
from typing import Any

import pytest

from ops.clients.kubectl import Kubectl
from ops.clients.session import DAYS_LOSS, Session, Waited
from tests.unit.trader.domain.test_protection import protected
from tests.unit.trader.domain.world import World, profile
from trader.domain.effects import EngageKill
from trader.domain.events import ProfileApplied


class Cluster(Kubectl):
    """An API server with one session, whose leader is halted by a kill."""

    def __init__(self, reason: str) -> None:
        super().__init__("desk")
        self._reason = reason

    def json(self, *arguments: str, seconds: float = 30) -> Any:
        """The session, or the Lease of its account."""
        if arguments[1] != "lease":
            return {"spec": {"account": {"id": "AB1234"}}, "status": {"kill": {"id": "k", "reason": self._reason}}}
        report = json.dumps({"kill": {"id": "k", "reason": self._reason}})
        notes = {"epoch": "3", "trading-state": "HALTED", "report": report}
        metadata = {"annotations": {f"tradeops.dev/{key}": value for key, value in notes.items()}}
        return {"metadata": metadata, "spec": {"holderIdentity": "trader-0_uid_nonce"}}


def test_the_days_loss_is_what_the_engine_calls_it() -> None:
    """Word for word, as the Lease's report has it."""
    world: World = protected()
    world.feed(ProfileApplied(world.now, world.market_time, profile(max_daily_loss_ppm=300), "h"))
    world.quote(2_402_500 - 2_000)
    world.pump()
    (kill,) = [effect for effect in world.effects if isinstance(effect, EngageKill)]
    assert f"{kill.reason}: {kill.note}" == DAYS_LOSS


@pytest.mark.parametrize(
    ("reason", "is_excused"), [(DAYS_LOSS, True), ("manual: stop", False), ("risk: the account is unknown", False)]
)
def test_only_the_days_loss_is_excused(reason: str, *, is_excused: bool) -> None:
    """Any other kill is named, and waited for no longer than asked."""
    session = Session(Cluster(reason), "index")
    if is_excused:
        found = session.wait_for_leader("a leader on paper", 0.1, states=("PAPER",), may_lose_the_day=True)
        assert found.has_lost_the_day
        with pytest.raises(Waited, match="HALTED"):
            session.wait_for_leader("a leader on paper", 0.1, states=("PAPER",))
        return
    with pytest.raises(Waited, match=reason):
        session.wait_for_leader("a leader on paper", 0.1, states=("PAPER",), may_lose_the_day=True)
    with pytest.raises(Waited, match=reason):
        session.becomes_live(0.1, lifts_any_kill=False)

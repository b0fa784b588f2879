"""The kill switch: heard from anywhere, effective at once, durable as soon as anything durable answers.

Each pod runs one desk, leader or not. Order of things: the gate first, then the event to the leading loop, then the database;
with the database away the local emergency journal holds the kill until it is back. Nothing here releases a kill but its id.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from trader.domain.values import AccountId, KillReason, MachineTime
from trader.engine.emergency import EmergencyJournal
from trader.engine.ports import Clock, KillRow, KillSwitch, Store, StoreAway, Wishes


class Hears(Protocol):
    """Whoever acts on kills: the leading loop."""

    def kill_engaged(self, kill: KillRow) -> None:
        """This kill stands, in place of any other."""

    def kill_released(self, kill_id: str) -> None:
        """This kill stood, and none does now."""


class KillDesk:
    """Knows the kill that stands, and makes the database, the gate and the loop agree on it."""

    def __init__(
        self,
        account: AccountId,
        hears: Hears,
        *,
        store: Store,
        emergency: EmergencyJournal,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._account = account
        self._hears = hears
        self._store = store
        self._emergency = emergency
        self._clock = clock
        self._new_id = new_id
        self._unwritten: list[KillRow] = list(emergency.kills())
        self._unheard: KillSwitch | None = None
        """The newest wish that the database has not heard."""
        self._switch: KillSwitch | None = None
        """The newest wish of all."""
        self._asking = asyncio.Lock()
        self.agreed_at: MachineTime | None = None
        """When the database last answered."""
        self.standing: KillRow | None = self._unwritten[-1] if self._unwritten else None

    @property
    def owes(self) -> bool:
        """Whether the database has not heard yet what this process did or heard."""
        return bool(self._unwritten) or self._unheard is not None

    async def request(self, reason: KillReason, note: str, by: str) -> str:
        """Kill now; the id of the kill that stands then, of an earlier one when one stood."""
        if self.standing is not None:
            return self.standing.kill_id
        kill = KillRow(self._new_id(), reason, note, by, self._clock.market_time())
        self._stand(kill)
        if (
            reason is KillReason.END_OF_DAY
        ):  # ends in CLOSED without a latch: nothing that the next day would have to release
            self.standing = None
            return kill.kill_id
        async with self._asking:
            await self._write(kill)
        return self.standing.kill_id if self.standing is not None else kill.kill_id

    async def release(self, kill_id: str) -> bool:
        """Release this very kill; False when it does not stand, or the database is away."""
        async with self._asking:
            try:
                released = await self._store.release_kill(self._account, kill_id)
                self._agree(await self._store.standing_kill(self._account))
            except StoreAway:
                return False
        return released

    async def hear(self, wishes: Wishes) -> None:
        """`engaged: true` creates a kill once, `false` does nothing, `release` names the one to release."""
        before, switch = self._switch, wishes.kill_switch
        is_stale = before is not None and (before.session_uid, before.generation) > (
            switch.session_uid,
            switch.generation,
        )
        if is_stale and before is not None and before.session_uid == switch.session_uid:
            return
        self._switch = self._unheard = switch
        turned = (
            before is not None and before.session_uid == switch.session_uid and not before.engaged and switch.engaged
        )
        if turned and self.standing is None:  # known to be new: act before the database answers
            self._stand(self._kill_of(switch))
        await self.poll()

    async def poll(self) -> None:
        """Tell the database what it has not heard, then agree with it. Called a few times a second."""
        async with self._asking:
            try:
                if self.owes:
                    await self._tell()
                self._agree(await self._store.standing_kill(self._account))
            except StoreAway:
                return

    async def _tell(self) -> None:
        for kill in tuple(self._unwritten):
            await self._store.engage_kill(self._account, kill)
            self._unwritten.remove(kill)
            if not self._unwritten:
                self._emergency.clear_kills()
        switch = self._unheard
        if switch is not None:
            kill = self._kill_of(switch)
            before = self.standing
            if switch.release:  # first: what turned true in the same edit is a new engagement, and stands
                await self._store.release_kill(self._account, switch.release)
            stands = await self._store.hear_kill_switch(self._account, switch, kill)
            if stands is not None and stands.kill_id == kill.kill_id and before is None:
                self._stand(kill)
            if self._unheard is switch:
                self._unheard = None

    async def _write(self, kill: KillRow) -> None:
        try:
            self._agree(await self._store.engage_kill(self._account, kill))
        except StoreAway:
            self._unwritten.append(kill)
            self._emergency.write_kill(kill)

    def _stand(self, kill: KillRow) -> None:
        self.standing = kill
        self._hears.kill_engaged(kill)

    def _agree(self, stands: KillRow | None) -> None:
        """The database's word counts, but for kills that it has not heard of yet."""
        self.agreed_at = self._clock.machine_time()
        known = self.standing
        if stands == known or (stands is None and known in self._unwritten):
            return
        self.standing = stands
        if stands is None and known is not None:
            self._hears.kill_released(known.kill_id)
        elif stands is not None and (known is None or known.kill_id != stands.kill_id):
            self._hears.kill_engaged(stands)

    def _kill_of(self, switch: KillSwitch) -> KillRow:
        """The same for every pod that hears the same generation, so that two of them make one kill."""
        kill_id = f"spec-{switch.session_uid[:8]}-{switch.generation}"
        note = switch.reason or "spec.killSwitch.engaged"
        return KillRow(kill_id, KillReason.MANUAL, note, "spec.killSwitch", self._clock.market_time())

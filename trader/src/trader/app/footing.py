"""Whether a process trades for real or on paper, and when that changes.

Decided by what is open, then by what is wanted: who holds anything for real trades for real until it is flat, whatever is wanted;
who holds anything on paper closes it on paper first. So nothing is ever carried over, and no real position is left to a process
that looks at paper. Every pod decides this for itself, from the TradingSession and the two journals.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from trader.app.wiring import Plan, Stores
from trader.domain.brackets import live_orders
from trader.domain.values import TradingState
from trader.engine.domains import trading_domain
from trader.engine.emergency import EmergencyJournal
from trader.engine.ports import SessionWatch, StoreAway, Unknown, Wishes
from trader.engine.settings import Snapshot

log = structlog.get_logger(__name__)

FIRST_WISH_SECONDS: Final = 2.0
"""How long a boot waits for the TradingSession: without the API server nobody leads, so nothing is lost by a wrong guess."""
LOOK_SECONDS: Final = 0.5
SETTLE_SECONDS: Final = 2.0
"""A wish that changes back at once changes nothing: each change is another leadership."""


class DeskWatch:
    """The pod's one watch of its TradingSession, for all engines that live in the process one after the other."""

    def __init__(self, watch: SessionWatch) -> None:
        self._watch = watch
        self._changed = threading.Condition()
        self._wishes: Wishes | None = None
        self._count = 0
        self._closed = threading.Event()

    @property
    def wishes(self) -> Wishes | None:
        """What was heard last; None before anything was."""
        return self._wishes

    def start(self) -> None:
        """Listen, in a thread that keeps no process alive."""
        threading.Thread(
            target=lambda: self._watch.watch(self._heard, self._closed.is_set), name="desk-watch", daemon=True
        ).start()

    def close(self) -> None:
        """Listen no longer."""
        self._closed.set()
        self._watch.close()
        with self._changed:
            self._changed.notify_all()

    async def first(self, seconds: float) -> Wishes | None:
        """What is wanted, as soon as it is known; None when it is not known in time."""
        try:
            async with asyncio.timeout(seconds):
                while self._wishes is None:  # noqa: ASYNC110 - it is heard by a thread
                    await asyncio.sleep(0.02)
        except TimeoutError:
            return None
        return self._wishes

    def for_engine(self, *, on_paper: bool) -> SessionWatch:
        """What one engine hears: on paper it is wanted to trade when the account is not."""
        return _EngineWatch(self, on_paper=on_paper)

    def follow(self, seen: int, stopped: Callable[[], bool]) -> tuple[int, Wishes | None]:
        """Block until there is more than was seen, or nobody asks any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > seen or stopped() or self._closed.is_set())
            return self._count, self._wishes

    def wake(self) -> None:
        """Let whoever follows look whether it shall stop."""
        with self._changed:
            self._changed.notify_all()

    def _heard(self, wishes: Wishes) -> None:
        with self._changed:
            self._wishes, self._count = wishes, self._count + 1
            self._changed.notify_all()


class _EngineWatch:
    """The engine's `SessionWatch`."""

    def __init__(self, desk: DeskWatch, *, on_paper: bool) -> None:
        self._desk = desk
        self._on_paper = on_paper
        self._closed = threading.Event()

    def watch(self, heard: Callable[[Wishes], None], stopped: Callable[[], bool]) -> None:
        """Say what is wanted, and again when it changes."""
        seen = 0

        def is_over() -> bool:
            return stopped() or self._closed.is_set()

        while not is_over():
            count, wishes = self._desk.follow(seen, is_over)
            if is_over() or count == seen or wishes is None:
                return
            seen = count
            heard(replace(wishes, live=not wishes.live) if self._on_paper else wishes)

    def close(self) -> None:
        """Make `watch` return."""
        self._closed.set()
        self._desk.wake()


class Footing:
    """Decides for one process, while its stores are open."""

    def __init__(self, plan: Plan, stores: Stores, desk: DeskWatch) -> None:
        self._plan = plan
        self._stores = stores
        self._desk = desk
        self._refused = False
        """Whether a paper engine was kept from leading, because something is open for real."""

    async def choose(self) -> bool:
        """Whether to begin on paper.

        Raises:
            StoreAway: what is open cannot be known.
        """
        wishes = await self._desk.first(FIRST_WISH_SECONDS)
        wants_paper = wishes is not None and not wishes.live
        if wants_paper or await self._is_open(on_paper=True):
            return not await self._is_open(on_paper=False)
        return False

    async def may_lead_on_paper(self) -> None:
        """The last look, with the Lease in hand: whoever led before may have traded for real.

        Raises:
            Unknown: it did, and something may be open; or it cannot be known.
        """
        try:
            is_open = await self._is_open(on_paper=False)
        except StoreAway as away:
            raise Unknown(f"whether anything is open for real is not known: {away}") from away
        if is_open:
            self._refused = True
            raise Unknown("something is open for real: nobody leads on paper meanwhile")

    async def until_it_changes(self, snapshot: Callable[[], Snapshot], *, on_paper: bool) -> str:
        """Return when this process should trade on the other footing; says why."""
        loop = asyncio.get_running_loop()
        since: float | None = None
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if on_paper and self._refused:
                return "something is open for real"
            wishes = self._desk.wishes
            if wishes is None or wishes.live is not on_paper:
                since = None
                continue
            since = since or loop.time()
            if loop.time() - since >= SETTLE_SECONDS and await self._is_over(snapshot(), on_paper=on_paper):
                return "live trading is wanted" if on_paper else "live trading is not wanted, or not allowed"

    async def _is_over(self, now: Snapshot, *, on_paper: bool) -> bool:
        """Nothing is open on this footing: by the exchange's book where this process leads, else by the journal."""
        if now.is_leader:
            view = now.view
            is_resting = view is not None and view.trading_state is TradingState.PAPER and view.is_flat
            return (
                is_resting and view is not None and not (view.brackets or view.working_orders or view.in_doubt_orders)
            )
        try:
            return not await self._is_open(on_paper=on_paper)
        except StoreAway:
            return False

    async def _is_open(self, *, on_paper: bool) -> bool:
        """Whether a journal, or what this pod did while the database was away, leaves anything open or in doubt."""
        emergency = EmergencyJournal(self._plan.settings.emergency_directory, on_paper=on_paper)
        if await asyncio.to_thread(emergency.batches):
            return True
        settings = self._plan.domain_of(on_paper=on_paper)
        domain = trading_domain(settings)
        state = domain.initial()
        for number, record in enumerate(await self._stores.of(on_paper=on_paper).replay(self._plan.account)):
            state = domain.apply(state, record)
            if number % 500 == 499:
                await asyncio.sleep(0)
        durable = state.durable
        return bool(durable.open) or any(any(live_orders(each)) for each in durable.closed.values())

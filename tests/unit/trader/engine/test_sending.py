"""What comes of calls to the broker, as events."""

import asyncio

from tests.component.trader.orders import cancel, place
from tests.unit.trader.engine.fakes import ROUND_TRIP, FakeBroker, Tally
from tests.unit.trader.engine.virtual_time import VirtualClock, run_virtually
from trader.domain.effects import CancelOrder, PlaceOrder, ReadBook, ReadFunds, ReadPositions
from trader.domain.events import (
    BookRead,
    Event,
    FundsRead,
    MutationReply,
    PlaceAccepted,
    PlaceRefused,
    PlaceUnknown,
    PositionsRead,
    ReadFailed,
)
from trader.domain.values import SECOND, Epoch, IntentId, Leg, MachineTime, Tag
from trader.engine.gate import OrderGate
from trader.engine.pacing import Pace
from trader.engine.ports import RateLimited, Refused, Unknown
from trader.engine.sending import AHEAD, Sender

ENTRY, STOP = place(1), place(1, leg=Leg.STOP)


class Bench:
    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.gate = OrderGate(clock.machine_time)
        self.gate.open(self.gate.begin(), Epoch(1), MachineTime(clock.machine_time() + 8 * SECOND), killed=False)
        self.broker = FakeBroker(self.gate, clock)
        self.events: list[Event] = []
        self.marks: list[tuple[Tag, str]] = []
        self.tally = Tally()
        pace = Pace(clock.machine_time, lambda: 10)
        self.sender = Sender(
            self.broker,
            clock,
            self.tally,
            post=self.events.append,
            mark=lambda tag, state: self.marks.append((tag, state)),
            pace=pace,
        )


def test_what_two_seconds_decided_and_one_commit_let_out_still_leaves_at_the_brokers_pace() -> None:
    """Ten calls go at once, the first ones; the next wait until a second after those were answered."""

    async def main(clock: VirtualClock) -> None:
        bench = Bench(clock)
        stops = [place(1, leg=Leg.STOP, attempt=number) for number in range(13)]
        async with asyncio.TaskGroup() as tasks:
            bench.sender.send(tasks, Epoch(1), stops, clock.machine_time())
        times = [second for second, *_ in bench.broker.sent]
        assert [tag for _, _, tag, _ in bench.broker.sent[:10]] == [each.tag for each in stops[:10]]
        assert [round(each, 2) for each in times] == [0.0] * 10 + [1 + ROUND_TRIP] * 3

    run_virtually(main)


def test_orders_leave_side_by_side_and_each_answer_is_one_event() -> None:
    """Accepted, refused, in doubt: told apart, none repeated."""

    async def main(clock: VirtualClock) -> None:
        bench = Bench(clock)
        target = place(1, leg=Leg.TARGET)
        bench.broker.failures = {
            STOP.tag: RateLimited("429"),
            target.tag: Unknown("timed out"),
            "cancel": Refused("gone"),
        }
        async with asyncio.TaskGroup() as tasks:
            bench.sender.send(tasks, Epoch(1), [ENTRY, STOP, target, cancel(ENTRY)], clock.machine_time())
            assert bench.sender.in_flight == 4
        kinds = {type(each): each for each in bench.events}
        assert (len(bench.events), bench.sender.in_flight) == (4, 0)
        assert {round(second, 3) for second, *_ in bench.broker.sent} == {0.0}
        accepted, refused, doubt, reply = (
            kinds[kind] for kind in (PlaceAccepted, PlaceRefused, PlaceUnknown, MutationReply)
        )
        assert isinstance(accepted, PlaceAccepted)
        assert isinstance(refused, PlaceRefused)
        assert isinstance(doubt, PlaceUnknown)
        assert isinstance(reply, MutationReply)
        assert (accepted.tag, refused.tag, refused.by_gate, doubt.tag) == (ENTRY.tag, STOP.tag, False, target.tag)
        assert (reply.operation, reply.outcome) == ("cancel", "refused")
        assert sorted(bench.marks) == sorted([(ENTRY.tag, "answered"), (STOP.tag, "answered"), (target.tag, "unknown")])
        assert ("place", "rate_limited") in bench.tally.performances

    run_virtually(main)


def test_what_is_made_ready_leaves_with_its_commit_and_not_before() -> None:
    """Its road to the broker is timed from then on, and it goes in the order of its batch."""

    async def main(clock: VirtualClock) -> None:
        bench = Bench(clock)
        stops = [place(1, leg=Leg.STOP, attempt=number) for number in range(6)]
        async with asyncio.TaskGroup() as tasks:
            bench.sender.make_ready(tasks, Epoch(1), stops)
            await asyncio.sleep(3)
            assert (bench.broker.sent, bench.sender.in_flight) == ([], AHEAD)
            bench.sender.send(tasks, Epoch(1), stops, clock.machine_time())
            bench.sender.forget_ready()
        assert [(round(at, 2), tag) for at, _, tag, _ in bench.broker.sent] == [(3.0, each.tag) for each in stops]
        assert {type(each) for each in bench.events} == {PlaceAccepted}
        assert {round(seconds, 2) for seconds in bench.tally.seconds} == {ROUND_TRIP}

    run_virtually(main)


def test_what_is_made_ready_and_not_sent_is_forgotten_without_a_word() -> None:
    """Its commit was refused: the domain heard so already, and the same order may be decided anew."""

    async def main(clock: VirtualClock) -> None:
        bench = Bench(clock)
        async with asyncio.TaskGroup() as tasks:
            bench.sender.make_ready(tasks, Epoch(1), [ENTRY, cancel(STOP), STOP])
            await asyncio.sleep(1)
            bench.sender.send(tasks, Epoch(1), [STOP], clock.machine_time())
            bench.sender.forget_ready()
        assert [tag for _, _, tag, _ in bench.broker.sent] == [STOP.tag]
        assert ([type(each) for each in bench.events], bench.marks) == ([PlaceAccepted], [(STOP.tag, "answered")])
        assert bench.sender.in_flight == 0
        async with asyncio.TaskGroup() as tasks:
            bench.sender.send(tasks, Epoch(1), [ENTRY], clock.machine_time())
        assert [tag for _, _, tag, _ in bench.broker.sent] == [STOP.tag, ENTRY.tag]

    run_virtually(main)


def test_a_refusal_before_the_commit_is_told_after_it_or_never() -> None:
    """No token, so no request is even made ready: the domain must not hear of an order's end before the order is durable."""

    async def main(clock: VirtualClock) -> None:
        bench = Bench(clock)
        bench.broker.has_token = False
        durable: list[PlaceOrder | CancelOrder] = [STOP, cancel(STOP)]
        async with asyncio.TaskGroup() as tasks:
            bench.sender.make_ready(tasks, Epoch(1), [ENTRY, cancel(ENTRY), *durable])
            await asyncio.sleep(1)
            assert (bench.events, bench.marks, bench.sender.in_flight) == ([], [], 4)
            bench.sender.send(tasks, Epoch(1), durable, clock.machine_time())
            bench.sender.forget_ready()
        assert [(type(each), each.tag) for each in bench.events if isinstance(each, PlaceRefused | MutationReply)] == [
            (PlaceRefused, STOP.tag),
            (MutationReply, STOP.tag),
        ]
        assert (bench.broker.sent, bench.sender.in_flight) == ([], 0)

    run_virtually(main)


def test_what_the_gate_refuses_is_certain_and_said_so() -> None:
    """No byte left: the domain may plan anew without doubt."""

    async def main(clock: VirtualClock) -> None:
        bench = Bench(clock)
        bench.gate.cut()
        async with asyncio.TaskGroup() as tasks:
            bench.sender.send(tasks, Epoch(1), [ENTRY], clock.machine_time())
        (event,) = bench.events
        assert isinstance(event, PlaceRefused)
        assert (event.by_gate, bench.broker.sent) == (True, [])

    run_virtually(main)


def test_a_proof_grown_old_on_the_way_adds_no_risk_and_still_protects() -> None:
    """Committed long ago: an entry dies at the gate, a stop passes by the Lease."""

    async def main(clock: VirtualClock) -> None:
        bench = Bench(clock)
        checked_at = clock.machine_time()
        await asyncio.sleep(1.5)
        async with asyncio.TaskGroup() as tasks:
            bench.sender.send(tasks, Epoch(1), [place(1, intent=IntentId("0000000B")), STOP], checked_at)
        assert [tag for _, _, tag, _ in bench.broker.sent] == [STOP.tag]

    run_virtually(main)


def test_a_read_under_way_is_not_asked_again_and_says_when_it_was_sent() -> None:
    """`requested_at` is from before the request: what happened later is not judged by it."""

    async def main(clock: VirtualClock) -> None:
        bench = Bench(clock)
        began = clock.machine_time()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                for effect in (ReadBook(), ReadPositions(), ReadFunds()):
                    bench.sender.read(tasks, effect)
        assert sorted(bench.broker.reads) == ["book", "funds", "positions"]
        assert {type(each) for each in bench.events} == {BookRead, PositionsRead, FundsRead}
        asked = [each.requested_at for each in bench.events if isinstance(each, BookRead | PositionsRead)]
        assert asked == [began, began]
        bench.broker.failures["book"] = Unknown("timed out")
        async with asyncio.TaskGroup() as tasks:
            bench.sender.read(tasks, ReadBook())
        failed = bench.events[-1]
        assert isinstance(failed, ReadFailed)
        assert (failed.what, failed.message) == ("book", "timed out")

    run_virtually(main)

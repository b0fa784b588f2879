"""The elector's safety under every fault that one seed can think of."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trader.engine.election_world import Pod, World
from trader.domain.values import Epoch, Tag
from trader.engine.gate import OrderGate
from trader.engine.leading import Signal
from trader.engine.ports import GateClosed, Permit

SEEDS = st.integers(min_value=0, max_value=2**32)
TOLERABLE_RATES = (1.0, 1.9)
"""client-go: skew is tolerated up to the ratio of lease to renew deadline, here 15/8."""


@settings(max_examples=120, deadline=None)
@given(seed=SEEDS, pods=st.integers(min_value=2, max_value=3))
def test_at_most_one_holds_the_lease_as_the_gate_means_it(seed: int, pods: int) -> None:
    """Whenever somebody wins or renews, everybody else's Lease proves nothing any more, whatever clocks and network did.

    Deletions are left out here: a pod that boots after one cannot know who led before. The epoch covers that, below.
    """
    world = World(seed, pods, rates=TOLERABLE_RATES, deletions=False)

    def judge(pod: Pod, signal: Signal) -> None:
        proving = [each.name for each in world.pods if each.proves_lease(world.now)]
        assert len(proving) <= 1, f"{pod.name} {signal} at {world.now:.3f}: {proving}"

    world.on_signal = judge
    world.run(120)


@settings(max_examples=120, deadline=None)
@given(seed=SEEDS, pods=st.integers(min_value=2, max_value=3))
def test_nothing_of_an_older_epoch_passes_the_gate_after_a_newer_one_may_act(seed: int, pods: int) -> None:
    """Lease, epoch and gate together: once a successor has waited out G, no predecessor adds risk, not after any pause."""
    world = World(seed, pods, rates=(1.0, 1.0))
    database = {"epoch": 0}
    acting_since: dict[int, float] = {}

    def lead(pod: Pod) -> None:
        gate = OrderGate(lambda: pod.local(world.now))
        term = gate.begin()
        database["epoch"] += 1
        epoch = database["epoch"]

        def begin() -> None:
            if gate.open(term, Epoch(epoch), pod.machine.deadline, killed=False) and pod.is_alive:
                acting_since[epoch] = world.now
                order()

        def order() -> None:
            """Prove the epoch, dawdle on the way, ask the gate, send."""
            if not pod.is_alive or pod.signals[-1][1] in {Signal.LOST, Signal.RELEASED}:
                return
            gate.renewed(pod.machine.deadline)
            if database["epoch"] == epoch:
                checked_at = pod.local(world.now)
                permit = Permit(
                    Tag("T"), adds_risk=True, epoch=Epoch(epoch), risk_generation=0, epoch_checked_at=checked_at
                )
                world.after(world.random.choice((0.0, 0.01, 0.999, 1.001, 5.0)), lambda: send(permit))
            world.after(world.random.uniform(0.05, 1.0), order)

        def send(permit: Permit) -> None:
            try:
                gate.check(permit)
            except GateClosed:
                return
            newer = [each for each, since in acting_since.items() if each > epoch and since < world.now]
            assert newer == [], f"epoch {epoch} sent at {world.now:.3f} after {newer} could act"

        world.after(1.0, begin)

    def hear(pod: Pod, signal: Signal) -> None:
        if signal is Signal.WON:
            lead(pod)

    world.on_signal = hear
    world.run(90)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_somebody_leads_again_once_the_faults_are_over(seed: int) -> None:
    """Whatever happened, a healed world has a leader within a lease's duration and a few retries."""
    world = World(seed, 2, rates=(1.0, 1.0))
    world.run(60)
    healed = World(seed, 2, rates=(1.0, 1.0), faults=False)
    healed.api = world.api
    healed.api.annotate("")
    if healed.api.record is None:
        healed.api.create()
    healed.run(25)

    assert [each.name for each in healed.pods if each.proves_lease(healed.now)] != []

"""The analysis of a stage: four outcomes, of which only failure is a failure.

No data (no sample, too few orders) is inconclusive. Levels that must be zero succeed at zero only once enough orders were
accepted: zero of nothing proves nothing; a single one above zero is a failure at once.
"""

from collections.abc import Callable, Mapping

from session_operator.domain.configs import Step
from session_operator.domain.reports import Figures
from session_operator.status import Analysis, KillSample, Outcome

# The checklist's operational SLOs.
ORDER_ACK_MS = 500
KILL_FLATTEN_SECONDS = 2.0

Verdict = tuple[Outcome, str]


def judge(step: Step, figures: Figures, kill: KillSample | None, since: str) -> tuple[Analysis, ...]:
    """Judge each check of a stage by what was measured under it.

    A kill counts from the trading day on which the stage's observation began. As long as no day is known to have begun
    (`since` is empty), none does: a kill that is remembered was then timed under what went before.
    """
    enough = max(1, step.orders)
    timed = kill if kill is not None and since and kill.trading_date >= since else None
    judges: Mapping[str, Callable[[], Verdict]] = {
        "OrderAck": lambda: _order_ack(figures, enough),
        "Duplicates": lambda: _level("orders accepted twice", figures.duplicates, figures.orders, enough),
        "Orphans": lambda: _level("exits that outlived their position", figures.orphans, figures.orders, enough),
        "KillFlatten": lambda: _kill_flatten(timed, since),
    }
    verdicts = ((check, judges[check]()) for check in step.checks)
    return tuple(Analysis(slo=check, outcome=outcome, message=message) for check, (outcome, message) in verdicts)


def unanswered(step: Step) -> tuple[Analysis, ...]:
    """Say of each check that nobody answered."""
    return tuple(
        Analysis(slo=check, outcome=Outcome.ERROR, message="the leader does not answer") for check in step.checks
    )


def _order_ack(figures: Figures, enough: int) -> Verdict:
    p95, samples = figures.acknowledgement_p95_ms, figures.acknowledged
    if p95 is None or samples < enough:
        return Outcome.INCONCLUSIVE, f"{samples} of {enough} samples"
    text = f"p95 {p95} ms of {samples} samples, at most {ORDER_ACK_MS} ms"
    return (Outcome.SUCCESS if p95 <= ORDER_ACK_MS else Outcome.FAILURE), text


def _level(what: str, count: int, orders: int, enough: int) -> Verdict:
    if count:
        return Outcome.FAILURE, f"{count} {what}, must be 0"
    if orders < enough:
        return Outcome.INCONCLUSIVE, f"0 {what}, but only {orders} of {enough} orders"
    return Outcome.SUCCESS, f"0 {what} in {orders} orders"


def _kill_flatten(kill: KillSample | None, since: str) -> Verdict:
    if kill is None:
        return Outcome.INCONCLUSIVE, f"no kill was timed since {since or 'this trading day'}: run the kill drill"
    text = f"slowest of {kill.samples} flat within {kill.seconds} s, at most {KILL_FLATTEN_SECONDS:g} s"
    return (Outcome.SUCCESS if float(kill.seconds) <= KILL_FLATTEN_SECONDS else Outcome.FAILURE), text


def remember(kill: KillSample | None, report_date: str, samples: int, slowest_ms: int) -> KillSample | None:
    """Keep the slowest kill of the newest trading day that had one: a leader that goes takes its own memory along."""
    if samples == 0 or (kill is not None and kill.trading_date > report_date):
        return kill
    seconds = f"{slowest_ms / 1000:.3f}"
    if kill is None or kill.trading_date < report_date:
        return KillSample(trading_date=report_date, seconds=seconds, samples=samples)
    slowest = max(kill.seconds, seconds, key=float)
    return KillSample(trading_date=report_date, seconds=slowest, samples=max(kill.samples, samples))

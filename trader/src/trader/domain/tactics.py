"""How long the engine waits, and how it prices: numbers that are the engine's own, not the desk's.

Times are nanoseconds of machine time unless they say market time; prices are ticks and parts per million.
"""

from dataclasses import dataclass

from trader.domain.values import MILLISECOND, SECOND


@dataclass(frozen=True, slots=True)
class Timing:
    """How long doubt, reads and repricing take, in nanoseconds of machine time."""

    stop_doubt: int = 5 * SECOND
    """An in-doubt stop or exit counts as protection this long, then the next attempt goes out."""
    absence_proof: int = 95 * SECOND
    """An order that no book shows for this long after the doubt began never existed (Kite has kept one for 90 s)."""
    unseen_after: int = 5 * SECOND
    """An acknowledged order that no book shows for this long is in doubt."""
    commit_wait: int = 5 * SECOND
    mutation_wait: int = 2 * SECOND
    """A modify or cancel without an answer may be sent again after this long: both say the same thing twice."""
    retry_pause: int = 200 * MILLISECOND
    """First pause after a refusal; doubles with each further one, up to two seconds."""
    reprice_interval: int = 400 * MILLISECOND
    exit_patience: int = 400 * MILLISECOND
    """How long an exit waits for a stop that is just being placed or changed, to use it."""
    triggered_patience: int = 1 * SECOND
    """How long a triggered stop-limit may sit unfilled before it is repriced."""
    recovering_read: int = 300 * MILLISECOND
    """Pause between the reads of a recovery, a flatten or a suspicion."""
    suspicious_read: int = 250 * MILLISECOND
    """The same while somebody else may have closed what is ours."""
    working_read: int = 2 * SECOND
    idle_read: int = 10 * SECOND
    read_wait: int = 5 * SECOND
    """A read without an answer is asked for again after this long."""
    fills_settle: int = 3 * SECOND
    """Positions are believed against our fills only when the last fill is older than this."""


@dataclass(frozen=True, slots=True)
class Tactics:
    """How orders are priced, in ticks and parts per million."""

    exit_step_ticks: int = 10
    """How far beyond the touch an exit is priced; grows by as much with each reprice."""
    stop_limit_ticks: int = 20
    stop_limit_ppm: int = 5_000
    """The limit of a stop stands this far beyond its trigger, whichever is more (0.5 %)."""
    stop_attempts: int = 3
    """Refusals of a stop in a row after which the bracket is closed instead."""
    target_attempts: int = 3
    max_modifications: int = 24
    """Kite takes 25 modifications of an order; then it is cancelled and placed anew (kite.trade/docs/connect/v3/orders)."""
    trail_modifications: int = 12
    """Of those, how many a trailing stop may use; the rest belongs to its resizing and to the exit that it becomes."""
    max_spread_ppm: int = 2_000
    """An entry is denied while bid and ask stand further apart than this part of the price, whatever is normal."""
    max_option_spread_ppm: int = 50_000
    """The same of options, whose tick alone may be a percent of a small premium."""
    spread_floor_ticks: int = 4
    """A spread of so few ticks is never too wide."""
    spread_blowout_permille: int = 3_000
    """How many times its normal, in thousandths, a spread must be to deny entries."""
    spread_calm_permille: int = 2_000
    """And how near to the normal it must come again, for so many samples in a row:"""
    spread_calm_samples: int = 3
    spread_sample_interval: int = 5 * SECOND
    """Of market time."""
    spread_window: int = 120
    """Samples that the normal is the median of: ten minutes."""
    spread_warm_up: int = 12
    """Until there are so many, half of the outer limit holds."""
    entry_reserve_per_second: int = 4
    """Calls of each second that entries leave to exits."""
    flatten_seconds: int = 2

"""The arithmetic of the Lease: which times an elector and the order gate agree on (research: client-go, CloudNativePG#11357)."""

from dataclasses import dataclass

from trader.domain.values import SECOND

SEND_LIMIT = 1 * SECOND
"""G: the longest that a request may take from the gate's last look to the broker's door; a successor waits it out."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds, as the session's manifest has them.

    Raises:
        ValueError: timings that leave no room to stop before another may take over.
    """

    duration_seconds: int = 15
    renew_deadline_seconds: int = 8
    retry_period_seconds: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.retry_period_seconds * 1.2 < self.renew_deadline_seconds:
            raise ValueError(
                f"renewDeadlineSeconds must be more than 1.2 x retryPeriodSeconds, was {self.renew_deadline_seconds} "
                f"for {self.retry_period_seconds}"
            )
        if self.duration_seconds - self.renew_deadline_seconds < self.retry_period_seconds + SEND_LIMIT // SECOND + 1:
            raise ValueError(
                "durationSeconds must exceed renewDeadlineSeconds by retryPeriodSeconds and 2 s, "
                f"was {self.duration_seconds} for {self.renew_deadline_seconds} and {self.retry_period_seconds}"
            )

    @property
    def renew_deadline(self) -> int:
        """Nanoseconds after the sending of the last successful renewal until which the Lease proves anything."""
        return self.renew_deadline_seconds * SECOND

    @property
    def retry_period(self) -> int:
        """Nanoseconds between renewals, and the deadline of each request."""
        return self.retry_period_seconds * SECOND

"""Machine time, the only kind that the operator knows. Market time is the traders' business."""

import time
from datetime import UTC, datetime


class MachineClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds for measuring how long something took or stood."""
        return time.monotonic()

    def now(self) -> str:
        """The moment, as Kubernetes writes it in conditions."""
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def now_precise(self) -> str:
        """The moment with microseconds, as Kubernetes writes it in Leases."""
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

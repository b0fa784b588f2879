"""Whether this process could lead, as far as it has tried. A standby holds no connection to the broker, so that only a leader
finds out that the broker refuses it, lets the Lease go and says so.

What it found holds until it succeeds, or until another process has led for a while: then broker and token are in order,
and a standby that went on complaining would never be ready again. Shorter leads prove nothing: with a token that is
refused the pods win and drop the Lease in turns.
"""

from trader.domain.values import SECOND, MachineTime

PROVED_AFTER = 10 * SECOND
"""How long another must lead; longer than an attempt and the pause after it."""


class Fitness:
    """What the last attempt to lead has shown."""

    def __init__(self) -> None:
        self._complaint = ""
        self._led_by = ""
        self._led_since = MachineTime(0)

    def passed(self) -> None:
        """The broker takes us."""
        self._complaint = ""

    def failed(self, complaint: str) -> None:
        """The broker does not; the complaint says why."""
        self._complaint, self._led_by = complaint, ""

    def complaint(self, other_holder: str, now: MachineTime) -> str:
        """What speaks against this process as a leader; `other_holder` is who else holds the Lease, empty for nobody."""
        if other_holder != self._led_by:
            self._led_by, self._led_since = other_holder, now
        elif other_holder and now - self._led_since >= PROVED_AFTER:
            self._complaint = ""
        return self._complaint

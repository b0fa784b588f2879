"""What the roads of one process are like right now: set by troubles, asked by its ports, calm again after the healing."""

from dataclasses import dataclass, field

from ops.simulating.troubles import CALL_KINDS, Kind, Trouble


@dataclass(slots=True)
class Weather:
    """Until when (true time, nanoseconds) each trouble lasts."""

    until: dict[Kind, int] = field(default_factory=dict)

    def has(self, kind: Kind, now: int) -> bool:
        """Whether this trouble is on."""
        return self.until.get(kind, 0) > now

    def begin(self, kind: Kind, until: int) -> None:
        """It lasts at least until then."""
        self.until[kind] = max(until, self.until.get(kind, 0))

    def calm(self) -> None:
        """All of it is over."""
        self.until.clear()


class CallTroubles:
    """Which numbered order call of the world meets which trouble."""

    def __init__(self, troubles: tuple[Trouble, ...]) -> None:
        self._troubles = {each.number: each for each in troubles if each.kind in CALL_KINDS}
        self._made = 0
        self.is_calm = False

    def next(self) -> Trouble | None:
        """Number one more call; what happens to it."""
        self._made += 1
        return None if self.is_calm else self._troubles.get(self._made)

"""The last events of the log, in words, for the screen of a run by hand."""

import collections
from typing import Final

from structlog.typing import EventDict, WrappedLogger

EVENTS_SHOWN: Final = 6
_NOT_SHOWN: Final = frozenset(
    {"event", "level", "timestamp", "session", "account", "pod", "tag", "intent", "exc_info", "exception"}
)

recent_events: collections.deque[str] = collections.deque(maxlen=EVENTS_SHOWN)


def keep_event(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A log processor that keeps the last events for the screen."""
    if method != "debug":
        recent_events.append(event_text(event))
    return event


def event_text(event: EventDict) -> str:
    """An event for a person: money in rupees, symbols without their exchange, no names that say the same each time."""
    said = [str(event.get("event", "")).replace("_", " ")]
    for name, value in event.items():
        if name in _NOT_SHOWN:
            continue
        if name.endswith("_paise") and isinstance(value, int):
            said.append(f"{name.removesuffix('_paise')} {value / 100:,.2f}")
        elif name == "instrument":
            said.append(str(value).partition(":")[2])
        else:
            said.append(f"{name} {value}")
    return ", ".join(said)

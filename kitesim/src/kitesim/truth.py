"""The truth log: what this exchange really saw and did, in order, with both times.

Judges of a trading engine read it (`GET /sim/log`), so an entry is written at the moment the thing happens, before
any reply leaves, and is never changed. Sequence numbers start at 1 and have no gaps. Entries are kept as JSON text:
that costs a few microseconds when written and bounds the memory, and paging is a join.
"""

import json
from collections.abc import Callable

Entry = dict[str, object]
# Made once: json.dumps makes an encoder at each call.
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class TruthLog:
    """An append-only log that remembers at least the newest `capacity` entries."""

    def __init__(self, market_ns: Callable[[], int], machine_ns: Callable[[], int], capacity: int = 200_000) -> None:
        self._market_ns = market_ns
        self._machine_ns = machine_ns
        self._capacity = capacity
        self._forgotten = 0
        self._entries: list[str] = []

    @property
    def last_sequence(self) -> int:
        """The sequence number of the newest entry; 0 before the first."""
        return self._forgotten + len(self._entries)

    def write(self, kind: str, **fields: object) -> int:
        """Append one entry and return its sequence number."""
        sequence = self.last_sequence + 1
        entry = {
            "sequence": sequence,
            "machine_time_ns": self._machine_ns(),
            "market_time_ns": self._market_ns(),
            "kind": kind,
            **fields,
        }
        self._entries.append(_ENCODE(entry))
        if len(self._entries) > self._capacity * 5 // 4:
            surplus = len(self._entries) - self._capacity
            del self._entries[:surplus]
            self._forgotten += surplus
        return sequence

    def page(self, since: int, limit: int) -> tuple[list[str], int]:
        """Return at most `limit` entries with a sequence above `since`, and the `since` of the next page."""
        first = max(since - self._forgotten, 0)
        entries = self._entries[first : first + limit]
        following = self._forgotten + first + len(entries) if entries else since
        return entries, following

    def entries(self, since: int = 0) -> list[Entry]:
        """Return the remembered entries after `since` as dictionaries."""
        return [json.loads(text) for text in self.page(since, self.last_sequence)[0]]

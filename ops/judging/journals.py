"""Judges over the records of a journal, in the order of their commits."""

from collections.abc import Iterable

from trader.domain.evolving import evolve
from trader.domain.records import OrderChanged, Record
from trader.domain.values import MarketTime, Tag

MOST_ALIKE = 2
"""A commit that was refused may have held a record that is written again."""


def repeated_records(records: Iterable[Record]) -> list[str]:
    """Reconciling what is known already writes nothing: no order is written down the same more than twice in a row."""
    last: dict[Tag, OrderChanged] = {}
    alike: dict[Tag, int] = {}
    for record in records:
        if type(record) is not OrderChanged:
            continue
        timeless, tag = evolve(record, market_time=MarketTime(0)), record.tag
        alike[tag] = alike.get(tag, 0) + 1 if last.get(tag) == timeless else 1
        last[tag] = timeless
    return [f"{tag} was written down {count} times alike" for tag, count in alike.items() if count > MOST_ALIKE]

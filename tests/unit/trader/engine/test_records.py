"""Facts and orders survive their way through text, and nothing else does."""

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.records import BracketClosed, OrderChanged, Record
from trader.domain.values import IntentId, MarketTime, OrderStatus, Paise, Quantity, Tag
from trader.engine.records import Order, RecordUnreadable, decode_order, decode_record, encode

FACTS: st.SearchStrategy[Any] = st.one_of([st.from_type(kind) for kind in get_args(Record)])
ORDERS: st.SearchStrategy[Any] = st.one_of([st.from_type(kind) for kind in get_args(Order)])


@given(record=FACTS)
def test_a_fact_comes_back_as_it_was(record: Record) -> None:
    """Text and parsed JSON alike: databases hand over either."""
    kind, payload = encode(record)

    assert decode_record(kind, payload) == record
    assert decode_record(kind, json.loads(payload)) == record
    assert "\n" not in payload


@given(order=ORDERS)
def test_an_order_comes_back_as_it_was(order: Order) -> None:
    """With its fields that were left open."""
    assert decode_order(*encode(order)) == order


CLOSED = BracketClosed(MarketTime(1), IntentId("0000000A"), "target", Paise(5))


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"profit": "5"}, {"profit": None}, {"profit": True}, {"surprise": 1}, {"market_time": 1.0}],
    ids=json.dumps,
)
def test_what_is_not_exactly_known_is_refused(change: dict[str, Any]) -> None:
    """A version, field or type from another release is an error, not a guess."""
    kind, payload = encode(CLOSED)

    with pytest.raises(RecordUnreadable):
        decode_record(kind, {**json.loads(payload), **change})


def test_a_missing_field_or_unknown_kind_is_refused() -> None:
    """Nothing is filled in."""
    kind, payload = encode(CLOSED)
    content = json.loads(payload)
    del content["reason"]

    with pytest.raises(RecordUnreadable):
        decode_record(kind, content)
    with pytest.raises(RecordUnreadable):
        decode_record("PlaceOrder", payload)
    with pytest.raises(RecordUnreadable):
        decode_order("BracketClosed", payload)


NUMBERS = (Quantity(1), Quantity(0), Paise(0), Paise(0), Paise(0), 0)


def test_a_field_that_came_later_may_be_missing() -> None:
    """A journal from before charges were known is still read: what is missing means its default."""
    changed = OrderChanged(MarketTime(1), Tag("T"), OrderStatus.SENT, None, *NUMBERS, "", charges=Paise(7))
    kind, payload = encode(changed)
    content = json.loads(payload)
    del content["charges"]

    assert decode_record(kind, content) == replace(changed, charges=Paise(0))

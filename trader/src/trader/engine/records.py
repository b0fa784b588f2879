"""Facts and orders as JSON and back: strict, versioned, without a framework. What the journal, the outbox and the emergency
journal hold is read by a later release: a kind or field that this one does not know is an error, never skipped; a field with a
default may be missing, for it came later than the payload.
"""

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from trader.domain.effects import CancelOrder, ModifyOrder, PlaceOrder
from trader.domain.records import Record

VERSION = 1
"""Of the payloads; stands in each as `v`. A changed meaning needs the next number and a reader for this one."""

Order = PlaceOrder | ModifyOrder | CancelOrder


class RecordUnreadable(Exception):  # noqa: N818
    """A stored payload that this release cannot read."""


def _kinds(union: Any) -> dict[str, type]:
    return {each.__name__: each for each in get_args(union)}


_RECORDS = _kinds(Record)
_ORDERS = _kinds(Order)
_PLAIN = (str, int, bool, type(None))


def _fold_type(hint: Any) -> tuple[type, bool]:
    """The plain type or enumeration behind a field's annotation, and whether None may stand for it."""
    if get_origin(hint) in {Union, types.UnionType}:
        inner = [each for each in get_args(hint) if each is not type(None)]
        if len(inner) != 1:
            raise TypeError(f"a field of a record is a plain value or None, was {hint!r}")
        return _fold_type(inner[0])[0], True
    hint = getattr(hint, "__supertype__", hint)
    if hint not in _PLAIN and not (isinstance(hint, type) and issubclass(hint, StrEnum)):
        raise TypeError(f"a field of a record is a plain value, was {hint!r}")
    return hint, False


_DEFAULTS: Mapping[type, frozenset[str]] = {
    kind: frozenset(field.name for field in fields(kind) if field.default is not MISSING)
    for kind in (*_RECORDS.values(), *_ORDERS.values())
}
"""Fields that came later: a payload that an older release wrote lacks them, and means their default."""

_FIELDS: Mapping[type, dict[str, tuple[type, bool]]] = {
    kind: {field.name: _fold_type(get_type_hints(kind)[field.name]) for field in fields(kind)}
    for kind in (*_RECORDS.values(), *_ORDERS.values())
}


def encode(value: Record | Order) -> tuple[str, str]:
    """The kind and the payload, one line of JSON."""
    kind = type(value)
    content = {name: getattr(value, name) for name in _FIELDS[kind]}
    return kind.__name__, json.dumps({"v": VERSION, **content}, separators=(",", ":"))


def decode_record(kind: str, payload: str | Mapping[str, Any]) -> Record:
    """The fact behind a row of the journal.

    Raises:
        RecordUnreadable: an unknown kind or version, a missing, unknown or ill-typed field.
    """
    return _decode(_RECORDS, kind, payload)  # type: ignore[no-any-return]


def decode_order(kind: str, payload: str | Mapping[str, Any]) -> Order:
    """The order behind a row of the outbox; raises as `decode_record`."""
    return _decode(_ORDERS, kind, payload)  # type: ignore[no-any-return]


def _decode(kinds: Mapping[str, type], kind: str, payload: str | Mapping[str, Any]) -> Any:
    if kind not in kinds:
        raise RecordUnreadable(f"expected one of {sorted(kinds)}, was {kind!r}")
    content = json.loads(payload) if isinstance(payload, str) else payload
    known = _FIELDS[kinds[kind]]
    told = content.keys() - {"v"}
    if content.get("v") != VERSION or told - known.keys() or known.keys() - told - _DEFAULTS[kinds[kind]]:
        raise RecordUnreadable(f"expected {kind} version {VERSION} with {sorted(known)}, was {dict(content)!r}")
    return kinds[kind](**{name: _value(name, content[name], *known[name]) for name in known if name in told})


def _value(name: str, value: Any, plain: type, optional: bool) -> Any:
    if value is None and optional:
        return None
    if issubclass(plain, StrEnum):
        try:
            return plain(value)
        except ValueError as error:
            raise RecordUnreadable(
                f"{name}: expected one of {[each.value for each in plain]}, was {value!r}"
            ) from error
    if type(value) is not plain:
        raise RecordUnreadable(f"{name}: expected {plain.__name__}, was {value!r}")
    return value

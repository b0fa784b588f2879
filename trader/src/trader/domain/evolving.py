"""A changed copy of a frozen value, without what makes `dataclasses.replace` slow on the order path.

Only for frozen, slotted dataclasses without `__post_init__`: each slot is copied as it is, then the changes are set. A name that is
no field fails, as it would with `replace`. Measured on the 40 fields of `Control`: half the time of `replace`.
"""

from typing import Any, TypeVar

_Value = TypeVar("_Value")
_new = object.__new__
_set = object.__setattr__
_members: dict[type, tuple[Any, ...]] = {}


def evolve(value: _Value, **changes: object) -> _Value:
    """The same value with these fields changed."""
    kind = type(value)
    members = _members.get(kind)
    if members is None:
        slots = [getattr(kind, name) for name in kind.__slots__]  # type: ignore[attr-defined]
        members = _members[kind] = tuple((slot.__get__, slot.__set__) for slot in slots)
    copy = _new(kind)
    for read, write in members:
        write(copy, read(value))
    for name, change in changes.items():
        _set(copy, name, change)
    return copy

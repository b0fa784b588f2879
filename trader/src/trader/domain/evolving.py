"""Frozen values without what frozen costs on the order path: quick construction, and changed copies.

A frozen dataclass sets each field by a call of `object.__setattr__`, which is most of the price of an order. Here a value is
filled in while its class is a twin of the same slots without the lock, and takes its own class when it is complete: as cheap
as a mutable one, as frozen as before, and nobody ever sees the twin. `make bench ONLY=values` compares: a record of thirteen
fields takes less than half of the time, a changed copy of the forty fields of `Control` an eighth (docs/adr/0010-frozen-and-
quick.md).
"""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

_Value = TypeVar("_Value")
_new = object.__new__
_set = object.__setattr__
_twins: dict[type, type] = {}
_copiers: dict[type, Callable[[Any, dict[str, object]], Any]] = {}


def quick(kind: type[_Value]) -> type[_Value]:
    """Decorate a frozen, slotted dataclass: the same class, made in a fraction of the time. Worth it from four fields on.

    Raises:
        TypeError: the class is not of that sort, has a base, a `__post_init__` or a field that `__init__` does not take.
    """
    names: dict[str, object] = {"_kind": kind, "_twin": _twin_of(kind), "_set": _set, "_missing": MISSING}
    parameters, body = [], ["_set(self, '__class__', _twin)"]
    for field in fields(kind):  # type: ignore[arg-type]
        name, value = field.name, field.name
        if field.default is not MISSING:
            names[f"_default_{name}"] = field.default
            parameters.append(f"{name}=_default_{name}")
        elif field.default_factory is not MISSING:
            names[f"_default_{name}"] = field.default_factory
            parameters.append(f"{name}=_missing")
            value = f"_default_{name}() if {name} is _missing else {name}"
        else:
            parameters.append(name)
        body.append(f"self.{name} = {value}")
    body.append("self.__class__ = _kind")
    written = _compiled("__init__", ["self", *parameters], body, names)
    written.__qualname__ = f"{kind.__qualname__}.__init__"
    written.__annotations__ = kind.__init__.__annotations__
    kind.__init__ = written  # type: ignore[method-assign]
    return kind


def evolve(value: _Value, **changes: object) -> _Value:
    """The same value with these fields changed; for the values that `quick` is for, decorated or not.

    Raises:
        AttributeError: a name is no field.
        TypeError: as `quick`.
    """
    kind = type(value)
    copier = _copiers.get(kind)
    if copier is None:
        copier = _copiers[kind] = _copier_of(kind)
    return copier(value, changes)  # type: ignore[no-any-return]


def _twin_of(kind: type) -> type:
    """A class of the same layout whose fields can be set."""
    if kind not in _twins:
        parameters = getattr(kind, "__dataclass_params__", None)
        is_frozen = parameters is not None and parameters.frozen and "__slots__" in vars(kind)
        is_plain = kind.__bases__ == (object,) and not hasattr(kind, "__post_init__")
        if not (is_frozen and is_plain and all(each.init for each in fields(kind))):
            raise TypeError(f"{kind.__name__} must be a frozen dataclass with slots, without base or __post_init__")
        _twins[kind] = type(f"{kind.__name__}InTheMaking", (), {"__slots__": vars(kind)["__slots__"]})
    return _twins[kind]


def _copier_of(kind: type) -> Callable[[Any, dict[str, object]], Any]:
    twin = _twin_of(kind)
    body = ["copy = _new(_twin)", *(f"copy.{name} = value.{name}" for name in vars(kind)["__slots__"])]
    body += ["for name, change in changes.items():", "    setattr(copy, name, change)"]
    body += ["copy.__class__ = _kind", "return copy"]
    names: dict[str, object] = {"_kind": kind, "_twin": twin, "_new": _new}
    copier: Callable[[Any, dict[str, object]], Any] = _compiled("copy", ["value", "changes"], body, names)
    return copier


def _compiled(name: str, parameters: list[str], body: list[str], names: dict[str, object]) -> Any:
    """A function from its text, as `dataclasses` makes its own: only field names of our own classes enter it."""
    text = f"def {name}({', '.join(parameters)}):\n" + "\n".join(f"    {line}" for line in body)
    exec(text, names)  # noqa: S102
    return names[name]

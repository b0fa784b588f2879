"""Rules that span fields: written once, held twice.

Each Rule goes into the CRD as CEL, so that `kubectl apply` answers at once, and is checked again in Python when the
operator reads a session: an object stored under an older CRD, or past a weaker one, must not reach a trader.
A test on a real API server proves that both sides answer alike.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DURATION = r"^([1-9][0-9]*h)?([1-9][0-9]*m)?([1-9][0-9]*s)?$"
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def seconds_of(duration: str) -> int:
    """Read a duration of the spec: `1h30m` is 5400."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError(f"must be hours, minutes and seconds such as 1h30m, was {duration!r}")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


class Rule(NamedTuple):
    """One rule: CEL for the API server, `holds` for the operator (None: it compares with the past, CEL alone can)."""

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    message_cel: str = ""
    path: str = ""

    def as_schema(self) -> dict[str, str]:
        """Write the rule as an entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message}
        if self.message_cel:
            entry["messageExpression"] = self.message_cel
        if self.path:
            entry["fieldPath"] = self.path
        return entry


class Part(BaseModel):
    """A part of the resource: camelCase outside, frozen, closed, with rules."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True)
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _hold_the_rules(self) -> "Part":
        for rule in self.rules:
            if rule.holds is not None and not rule.holds(self):
                raise ValueError(rule.message)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Put the rules beside what pydantic derives from the types."""
        schema = handler(core_schema)
        target = handler.resolve_ref_schema(schema)
        if cls.rules:
            target["x-kubernetes-validations"] = [rule.as_schema() for rule in cls.rules]
        return schema

"""Generate the CustomResourceDefinition from the model: `python -m session_operator.crd > crds/tradingsession.yaml`.

pydantic writes JSON Schema 2020-12; Kubernetes takes the *structural* part of OpenAPI 3.0: no references, no `null`,
no `additionalProperties` beside `properties`, booleans for exclusive bounds. This module translates, and adds what only
Kubernetes knows: columns, the status subresource, names. A test fails when the file in `crds/` differs.
"""

import sys
from collections.abc import Mapping
from typing import Any

import yaml

from session_operator.domain.names import GROUP, KIND, LONGEST_SESSION_NAME, PLURAL, VERSION
from session_operator.model import Spec
from session_operator.status import Status

Schema = dict[str, Any]

NAME_RULE = {
    "rule": f"self.metadata.name.size() <= {LONGEST_SESSION_NAME} && "
    "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    "message": f"metadata.name must have at most {LONGEST_SESSION_NAME} characters, a-z, 0-9 and '-', and begin with "
    "a letter: the names of its pods and Services are made from it",
}


def _column(name: str, path: str, kind: str = "string", *, wide: bool = False, text: str = "") -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path}
    if text:
        column["description"] = text
    return column | ({"priority": 1} if wide else {})


COLUMNS = [
    _column("Mode", ".spec.mode", text="What is wanted: Paper or Live."),
    _column("Phase", ".status.phase", text="What is: one word."),
    _column("Leader", ".status.leader.holder", text="The pod that leads."),
    _column("Epoch", ".status.leader.epoch", "integer", text="The leader's epoch."),
    _column("Config", ".status.config.profile", text="Profile of risk limits that holds."),
    _column("Rollout", ".status.rollout.phase", text="How far the wanted configuration is."),
    _column("Ready", '.status.conditions[?(@.type=="Ready")].status', text="Both traders ready and one leads."),
    _column("Age", ".metadata.creationTimestamp", "date"),
    _column("Revision", ".status.config.stable", wide=True, text="Stable configuration."),
    _column("Positions", ".status.report.openPositions", "integer", wide=True),
    _column("Heat", ".status.report.heatRupees", wide=True, text="Money at risk, in rupees."),
    _column("Profit", ".status.report.dayProfitRupees", wide=True, text="The day's profit, in rupees."),
    _column("Kill", ".status.kill.id", wide=True, text="The kill that stands."),
    _column("Message", ".status.message", wide=True, text="What keeps it from trading."),
]

DROPPED = ("title", "$defs", "additionalProperties")


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Inline a reference; what stands beside it (a description, a default) wins over what it points to."""
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    if "$ref" not in schema:
        return beside
    target = definitions[schema["$ref"].rsplit("/", 1)[-1]]
    return _resolve(target, definitions) | beside


def _without_null(value: Any) -> Any:
    """Drop what is absent: a default of `null` means that there is none."""
    if isinstance(value, dict):
        return {key: _without_null(each) for key, each in value.items() if each is not None}
    return value


def _without_defaults(schema: Schema) -> Schema:
    """Drop every default: the API server must add nothing to a status that the operator wrote."""
    result = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in result:
        result["properties"] = {name: _without_defaults(each) for name, each in result["properties"].items()}
    if "items" in result:
        result["items"] = _without_defaults(result["items"])
    return result


def structural(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Translate one schema, and all below it, to a structural one."""
    found = _resolve(schema, definitions)
    if "anyOf" in found:  # `X | None`: an optional field is one that may be absent
        (kind,) = (each for each in found.pop("anyOf") if each.get("type") != "null")
        found = _resolve(kind, definitions) | found
    if "default" in found:
        found["default"] = _without_null(found["default"])
        if found["default"] is None:
            del found["default"]
    for bound, name in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if bound in found:
            found[name], found[bound] = found[bound], True
    keeps_unknown = found.get("x-kubernetes-preserve-unknown-fields", False)
    result = {key: value for key, value in found.items() if key not in DROPPED}
    if "properties" in result:
        result["properties"] = {name: structural(each, definitions) for name, each in result["properties"].items()}
    elif isinstance(found.get("additionalProperties"), dict) and not keeps_unknown:
        result["additionalProperties"] = structural(found["additionalProperties"], definitions)
    if "items" in result:
        result["items"] = structural(result["items"], definitions)
    first = [key for key in ("description", "type", "format", "default", "enum", "required") if key in result]
    return {key: result[key] for key in (*first, *(key for key in result if key not in first))}


def schema_of(part: type[Spec | Status]) -> Schema:
    """Write one part of the resource as a structural schema."""
    schema = part.model_json_schema(by_alias=True)
    return structural(schema, schema.get("$defs", {}))


def definition() -> Schema:
    """Build the CustomResourceDefinition."""
    schema = {
        "description": "A TradingSession runs one trading account: a leader that trades, a hot standby, one "
        "configuration of risk limits, a kill switch, and a record of the day.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
            "kind": {"type": "string", "description": KIND},
            "metadata": {"type": "object"},
            "spec": schema_of(Spec),
            "status": _without_defaults(schema_of(Status)),
        },
        "x-kubernetes-validations": [NAME_RULE],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["tsn"],
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": COLUMNS,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


class _Plain(yaml.SafeDumper):
    """A dumper without anchors: a schema inlined twice is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        """Never write an anchor."""
        return True


def as_yaml() -> str:
    """Write the CRD as it stands in `crds/tradingsession.yaml`."""
    head = "# Generated by `python -m session_operator.crd`. Change operator/src/session_operator/model.py instead.\n"
    return head + yaml.dump(definition(), Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    sys.stdout.write(as_yaml())

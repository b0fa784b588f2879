"""The CRD is what the model says, and Kubernetes' rules for structural schemas hold in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from session_operator.crd import as_yaml, definition
from session_operator.model import Spec
from session_operator.status import Status

ROOT = Path(__file__).parents[3]
SCHEMA = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk a schema."""
    yield path, schema
    for name, each in (schema.get("properties") or {}).items():
        yield from nodes(each, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


PARTS = [*nodes(SCHEMA["properties"]["spec"], "spec"), *nodes(SCHEMA["properties"]["status"], "status")]


def test_the_file_is_what_the_model_says() -> None:
    """`crds/tradingsession.yaml` is generated; after a change: python -m session_operator.crd > crds/tradingsession.yaml."""
    assert (ROOT / "crds" / "tradingsession.yaml").read_text() == as_yaml()


@pytest.mark.parametrize(("path", "node"), PARTS, ids=[path for path, _ in PARTS])
def test_every_field_has_words_and_a_type(path: str, node: dict[str, Any]) -> None:
    """`kubectl explain` shows a sentence for each field."""
    assert node["description"].endswith("."), path
    assert node["type"] in {"object", "array", "string", "integer", "number", "boolean"}


@pytest.mark.parametrize(("path", "node"), PARTS, ids=[path for path, _ in PARTS])
def test_every_node_is_structural(path: str, node: dict[str, Any]) -> None:
    """No reference, alternative, null or closed object: the API server would refuse the CRD."""
    assert not {"$ref", "anyOf", "oneOf", "title", "const", "additionalProperties"} & node.keys(), path
    assert "null" not in repr(node.get("default"))
    if node["type"] == "object":
        assert "properties" in node or node.get("x-kubernetes-preserve-unknown-fields")


def test_a_status_gets_no_defaults() -> None:
    """The API server adds nothing to a status that the operator wrote."""
    assert not [path for path, node in PARTS if path.startswith("status") and "default" in node]


def test_it_stays_small_enough_for_kubectl_apply() -> None:
    """The annotation of client-side apply holds 256 KiB."""
    assert len(as_yaml()) < 128 * 1024


def test_defaults_of_the_crd_are_those_of_the_model() -> None:
    """A spec that leaves everything optional out reads as the CRD's defaults say."""
    lease = SCHEMA["properties"]["spec"]["properties"]["trader"]["properties"]["lease"]["properties"]
    times = Spec.model_fields["trader"].default.lease
    assert lease["durationSeconds"]["default"] == times.duration_seconds == 15
    assert lease["renewDeadlineSeconds"]["default"] == times.renew_deadline_seconds == 8
    assert lease["retryPeriodSeconds"]["default"] == times.retry_period_seconds == 2


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "samples").glob("*.yaml")), ids=lambda path: path.name)
def test_samples_are_valid(path: Path) -> None:
    """Each sample session is accepted by the model."""
    for document in yaml.safe_load_all(path.read_text()):
        if document["kind"] == "TradingSession":
            Spec.model_validate(document["spec"])


def test_an_empty_status_is_a_status() -> None:
    """A session that nobody has looked at yet has a readable status."""
    assert Status.model_validate({}).conditions == []

"""The description of the surface is true, and schemathesis finds no server error behind it."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kitesim.config import SimulatorConfig
from kitesim.exchange.timers import ManualTimers
from kitesim.simulator import Simulator
from kitesim.web.application import build
from kitesim.web.openapi import document

from .conftest import Exchange

pytestmark = [pytest.mark.component, pytest.mark.timeout(120)]
SCHEMA = from_dict(document())
UNDESCRIBED = {("get", "/"), ("get", "/ws"), ("get", "/sim/openapi.json")}


def test_every_route_is_described_and_every_description_is_a_route() -> None:
    """The router and the document name the same methods and paths."""
    application = build(Simulator(SimulatorConfig(strikes=0), ManualTimers()), None)
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in application.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    described = {(method, path) for path, methods in document()["paths"].items() for method in methods}
    assert served - UNDESCRIBED == described


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """Return a kitesim of its own, whose clock and faults a fuzzer may turn."""
    made = Exchange(funds=50_000_000, limits={"enabled": False}, strikes=0)
    yield made
    made.stop()


def test_the_document_is_served(exchange: Exchange) -> None:
    """As JSON, to everybody."""
    assert requests.get(f"{exchange.url}/sim/openapi.json", timeout=15).json() == document()


@pytest.fixture(scope="module")
def headers(exchange: Exchange) -> dict[str, str]:
    """Return the authorization of a user."""
    kite = exchange.client("FUZZ01")
    return {"Authorization": f"token {kite.api_key}:{kite.access_token}"}


@SCHEMA.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_is_answered_with_a_server_error(
    case: "schemathesis.Case[Any]", exchange: Exchange, headers: dict[str, str]
) -> None:
    """Requests that fit the description and requests that do not: no 5xx, and an answer as described."""
    # A fault that was asked for would be a 5xx that was asked for; a session that ends would end the test.
    if case.path in ("/sim/faults", "/session/token") and case.method != "GET":
        forget(exchange)
    if case.path == "/sim/clock" and isinstance(case.body, dict):
        be_patient(case.body)
    reply = case.call(base_url=exchange.url, headers=headers, timeout=10, allow_redirects=False)
    forget(exchange)
    only: list[Any] = [
        checks.not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    case.validate_response(reply, checks=only)


def be_patient(body: dict[str, Any]) -> None:
    """Let a well-formed leap of weeks be one of an hour: the paths of all its days are walked, and the test waits."""
    for name, least, most in (("advance_seconds", 0, 3600), ("tick_seconds", 60, 86_400), ("speed", 0, 1000)):
        value = body.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            body[name] = min(max(value, least), most)


def forget(exchange: Exchange) -> None:
    """End every fault that a request put to work."""
    for fault in exchange.running.simulator.faults.rows():
        exchange.running.simulator.faults.remove(str(fault["id"]))

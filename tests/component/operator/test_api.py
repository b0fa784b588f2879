"""The client of the API server and the operator's own HTTP, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import kopf
import pytest
from aiohttp import web

from session_operator.adapters import api as api_module
from session_operator.adapters.api import KubernetesApi
from session_operator.adapters.measures import PrometheusMeasures
from session_operator.app.http import health_application, metrics_application, serve
from session_operator.errors import ApiConflictError, ApiError, ApiForbiddenError, ApiUnreachableError
from session_operator.kinds import BY_NAME

pytestmark = pytest.mark.component

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """An API server that answers as a test says and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.answer: Answer | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer."""
        self.asked.append((request.method, request.path_qs, dict(request.headers), await request.text()))
        assert self.answer is not None
        return await self.answer(request)


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, KubernetesApi]]:
    """A server and a client of it."""
    found = Server()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", found.handle)
    async with serve(application, "127.0.0.1", 0) as port:
        timeout = aiohttp.ClientTimeout(total=0.5)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            connection = kopf.ConnectionInfo(server=f"http://127.0.0.1:{port}", token="first")
            yield found, KubernetesApi(http, connection)


def saying(body: object, status: int = 200) -> Answer:
    """Always the same answer."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return answer


async def test_a_list_is_read_page_by_page(server: tuple[Server, KubernetesApi]) -> None:
    """With the kind's selectors, and the version of the last page."""
    found, client = server

    async def answer(request: web.Request) -> web.StreamResponse:
        token = "" if "continue" in request.query else "more"
        name = "b" if "continue" in request.query else "a"
        return web.json_response(
            {"items": [{"metadata": {"name": name}}], "metadata": {"continue": token, "resourceVersion": "7"}}
        )

    found.answer = answer
    items, version = await client.list(BY_NAME["Pod"], "desk")
    assert [(item["kind"], item["metadata"]["name"]) for item in items] == [("Pod", "a"), ("Pod", "b")]
    assert version == 7
    assert found.asked[0][1].startswith(
        "/api/v1/namespaces/desk/pods?limit=500&labelSelector=app.kubernetes.io%2Fname%3D"
    )


async def test_an_apply_is_server_side_and_ours(server: tuple[Server, KubernetesApi]) -> None:
    """One field manager, winning over others of our fields."""
    found, client = server
    found.answer = saying({"kind": "Lease"})
    await client.apply({"kind": "Lease", "metadata": {"namespace": "desk", "name": "account-ab1234"}})
    method, path, headers, _ = found.asked[0]
    assert method == "PATCH"
    assert path == (
        "/apis/coordination.k8s.io/v1/namespaces/desk/leases/account-ab1234?fieldManager=trading-session-operator&force=true"
    )
    assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert headers["Authorization"] == "Bearer first"


@pytest.mark.parametrize(
    ("status", "kind"), [(403, ApiForbiddenError), (409, ApiConflictError), (422, ApiError), (500, ApiError)]
)
async def test_a_refusal_says_what_was_asked_and_what_was_answered(
    server: tuple[Server, KubernetesApi], status: int, kind: type[ApiError]
) -> None:
    """In the API server's words."""
    found, client = server
    found.answer = saying({"message": "no, because"}, status)
    with pytest.raises(kind, match=rf"GET /api/v1/namespaces/desk/pods/x: {status} no, because"):
        await client.find("Pod", "desk", "x")


async def test_what_is_not_there_is_none(server: tuple[Server, KubernetesApi]) -> None:
    """And deleting it is fine."""
    found, client = server
    found.answer = saying({"message": "not found"}, 404)
    assert await client.find("Pod", "desk", "x") is None
    await client.delete("ConfigMap", "desk", "x", "uid")


async def test_a_silent_server_is_given_up(server: tuple[Server, KubernetesApi]) -> None:
    """Every request has a deadline."""
    found, client = server
    release = asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.json_response({})

    found.answer = answer
    with pytest.raises(ApiUnreachableError, match="GET /api/v1/namespaces/desk/pods/x"):
        await client.find("Pod", "desk", "x")
    release.set()


async def test_a_token_is_read_again(server: tuple[Server, KubernetesApi], monkeypatch: pytest.MonkeyPatch) -> None:
    """The kubelet replaces it; the process goes on."""
    found, client = server
    found.answer = saying({})
    url = client._connection.server  # the address stays
    monkeypatch.setattr(api_module, "find_connection", lambda: kopf.ConnectionInfo(server=url, token="second"))
    monkeypatch.setattr(api_module, "LOGIN_SECONDS", -1.0)
    await client.find("Pod", "desk", "x")
    assert found.asked[0][2]["Authorization"] == "Bearer second"


async def test_probes_and_metrics_answer() -> None:
    """`/healthz` fails with its complaints, `/metrics` names what the operator does."""
    complaints: list[str] = []
    measures = PrometheusMeasures()
    measures.reconciled(0.01)
    measures.failed("ApiError")
    measures.phase("desk", "index", "Live")
    health = health_application(lambda: tuple(complaints), lambda: not complaints)
    async with (
        serve(health, "127.0.0.1", 0) as health_port,
        serve(metrics_application(measures.exposition), "127.0.0.1", 0) as metrics_port,
        aiohttp.ClientSession() as http,
    ):
        for path in ("healthz", "readyz"):
            async with http.get(f"http://127.0.0.1:{health_port}/{path}") as response:
                assert response.status == 200
        complaints.append("watch of Pod missed desk/x")
        async with http.get(f"http://127.0.0.1:{health_port}/healthz") as response:
            assert response.status == 503
            assert "watch of Pod" in await response.text()
        async with http.get(f"http://127.0.0.1:{metrics_port}/metrics") as response:
            text = await response.text()
    assert 'operator_session_phase{namespace="desk",phase="Live",session="index"} 1.0' in text
    assert 'operator_reconcile_errors_total{error="ApiError"} 1.0' in text
    assert "operator_reconcile_duration_seconds_count 1.0" in text
    assert "operator_build_info{" in text
    measures.gone("desk", "index")
    assert b'session="index"' not in measures.exposition()

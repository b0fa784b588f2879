"""The trader's HTTP API: probes, metrics, state, kill.

Runs in the engine's own event loop, so that `/healthz` proves that loop; uvicorn keeps its hands off the signals.
"""

import contextlib
import hmac
import ipaddress
import socket
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response, status
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field

from trader.app.documents import ConfigInvalid
from trader.app.process import TraderProcess
from trader.domain.values import KillReason


class KillRequest(BaseModel):
    """The body of `POST /v1/kill`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reason: str = Field(min_length=1, max_length=500, description="Why, in words; kept in the journal.")


@contextlib.asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    """Boot the engine before the first request, stop it after the last.

    Boot order (a restart is a recovery; rule 6 of the architecture): the process begins in PAPER, standing by. Once it wins
    the Lease it takes the next epoch, waits out the longest send of its predecessor, replays the journal, and enters
    RECOVERING: the broker's book and positions are read until two reads in a row change nothing. Protection and exits are
    allowed from then on; new risk only when preflight passes and the desk wants it: LIVE.

    Stopping drains what is in flight, leaves stops at the broker, closes the journal and releases the Lease.
    """
    process: TraderProcess = application.state.process
    async with process.running():
        yield


def make_application(process: TraderProcess, api_token_file: Path) -> FastAPI:
    """The API of one process; GET asks for the token only when there is one."""
    application = FastAPI(
        title="Trader of a TradingSession", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )
    application.state.process = process

    def allowed(request: Request) -> None:
        _authorise(request, api_token_file)

    guarded = [Depends(allowed)]

    @application.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> PlainTextResponse:
        return _probe(*process.liveness())

    @application.get("/readyz", response_class=PlainTextResponse)
    async def readyz() -> PlainTextResponse:
        return _probe(*process.readiness())

    @application.get("/metrics")
    async def metrics() -> Response:
        return Response(process.telemetry.page(), media_type=CONTENT_TYPE_LATEST)

    @application.get("/v1/state", dependencies=guarded)
    async def state() -> dict[str, Any]:
        return process.state()

    @application.post("/v1/kill", dependencies=guarded, status_code=status.HTTP_202_ACCEPTED)
    async def kill(body: KillRequest, request: Request) -> dict[str, str]:
        engine = process.engine
        if engine is None:
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, f"not running yet: {process.message}")
        who = request.client.host if request.client else "unknown"
        return {"id": await engine.request_kill(KillReason.MANUAL, body.reason, f"api {who}")}

    return application


def _probe(passed: bool, message: str) -> PlainTextResponse:
    code = status.HTTP_200_OK if passed else status.HTTP_503_SERVICE_UNAVAILABLE
    return PlainTextResponse(f"{message or 'ok'}\n", status_code=code)


def _authorise(request: Request, api_token_file: Path) -> None:
    """The bearer token when its file exists; without one, changes are for loopback only."""
    if not api_token_file.exists():
        if request.method != "GET" and not _is_loopback(request):
            raise HTTPException(
                status.HTTP_403_FORBIDDEN, f"no {api_token_file.name} is mounted: changes are taken from loopback only"
            )
        return
    expected = f"Bearer {api_token_file.read_text(encoding='utf-8').strip()}"
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})


def _is_loopback(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: Ctrl-C and SIGTERM are the process's own to answer."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; made before anything else starts, so that a taken port is one clear message.

    Raises:
        ConfigInvalid: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, reuse_port=False)
    except OSError as error:
        raise ConfigInvalid([f"http: cannot listen on {host}:{port}: {error.strerror or error}"]) from error


def make_server(application: FastAPI) -> Server:
    """A server for this application."""
    return Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=2,
            server_header=False,
        )
    )

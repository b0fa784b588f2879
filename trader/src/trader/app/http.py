"""The trader's HTTP API: probes, metrics, state, report, configuration, kill, release.

Runs in the engine's own event loop, so that `/healthz` proves that loop; uvicorn keeps its hands off the signals. Every request
but `/healthz`, `/readyz` and `/metrics` carries a bearer token (`app.access`), and every change is on record (`app.auditing`).
"""

import contextlib
import socket
from collections.abc import AsyncIterator, Generator
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Response, status
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field

from trader.app.access import Access, Action
from trader.app.auditing import Audit
from trader.app.callers import BodyLimit, Caller, caller_for
from trader.app.configuring import config_routes
from trader.app.documents import ConfigInvalid
from trader.app.pages import add_pages
from trader.app.process import TraderProcess
from trader.app.signals import add_signals
from trader.domain.values import KillReason


class KillRequest(BaseModel):
    """The body of `POST /v1/kill`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reason: str = Field(min_length=1, max_length=500, description="Why, in words; kept in the journal.")


class ReleaseRequest(BaseModel):
    """The body of `POST /v1/release`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(min_length=1, max_length=100, description="The kill that stands; no other is released.")


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


def make_application(process: TraderProcess, access: Access) -> FastAPI:
    """The API of one process, open to whom `access` lets in."""
    application = FastAPI(
        title="Trader of a TradingSession", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )
    application.state.process = process
    application.state.access = access
    application.state.audit = Audit(process)
    application.add_middleware(BodyLimit)
    application.include_router(config_routes(process))

    @application.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> PlainTextResponse:
        return _probe(*process.liveness())

    @application.get("/readyz", response_class=PlainTextResponse)
    async def readyz() -> PlainTextResponse:
        return _probe(*process.readiness())

    @application.get("/metrics")
    async def metrics() -> Response:
        return Response(process.telemetry.page(), media_type=CONTENT_TYPE_LATEST)

    @application.get("/v1/state")
    async def state(_caller: Annotated[Caller, Depends(caller_for(Action.STATE))]) -> dict[str, Any]:
        return process.state()

    @application.post("/v1/kill", status_code=status.HTTP_202_ACCEPTED)
    async def kill(body: KillRequest, caller: Annotated[Caller, Depends(caller_for(Action.KILL))]) -> dict[str, str]:
        risk = _open_risk(process)
        kill_id = await process.request_kill(KillReason.MANUAL, body.reason, f"api {caller.who}")
        caller.note("taken", f"{kill_id}: {body.reason}{risk}")  # a kill never waits for its record
        return {"id": kill_id}

    @application.post("/v1/release")
    async def release(
        body: ReleaseRequest, caller: Annotated[Caller, Depends(caller_for(Action.RELEASE))]
    ) -> dict[str, str]:
        engine = process.engine
        if engine is None:
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, f"not running yet: {process.message}")
        await caller.record("taken", body.id)
        if not await engine.release_kill(body.id):
            raise HTTPException(status.HTTP_409_CONFLICT, f"no kill {body.id} stands, or the database does not answer")
        return {"released": body.id}

    add_signals(application, process)
    add_pages(application, process)
    return application


def _open_risk(process: TraderProcess) -> str:
    """What was at stake when somebody killed; in the audit trail beside the reason."""
    snapshot = process.snapshot()
    view = snapshot.view if snapshot is not None else None
    if view is None:
        return ""
    held = sum(1 for each in view.positions if each.quantity)
    return f" (open risk {view.heat / 100:.2f} rupees, {held} positions, {view.working_orders} working orders)"


def _probe(passed: bool, message: str) -> PlainTextResponse:
    code = status.HTTP_200_OK if passed else status.HTTP_503_SERVICE_UNAVAILABLE
    return PlainTextResponse(f"{message or 'ok'}\n", status_code=code)


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

"""What the kubelet and Prometheus ask: `/healthz` and `/readyz` on one port, `/metrics` on another.

`/healthz` is not a sign of life but of work: each kind was listed of late, no watch missed what a list has shown, and
no session waits for a worker. If it fails, starting anew is the cure.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Complaints = Callable[[], tuple[str, ...]]


def health_application(complaints: Complaints, is_ready: Callable[[], bool]) -> web.Application:
    """Build the application of the probes."""

    async def healthz(_: web.Request) -> web.Response:
        found = complaints()
        return web.json_response(
            {"status": "failing" if found else "ok", "complaints": found}, status=503 if found else 200
        )

    async def readyz(_: web.Request) -> web.Response:
        ready = is_ready()
        return web.json_response({"status": "ok" if ready else "starting"}, status=200 if ready else 503)

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return application


def metrics_application(exposition: Callable[[], bytes]) -> web.Application:
    """Build the application of the metrics."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    application = web.Application()
    application.add_routes([web.get("/metrics", metrics)])
    return application


@asynccontextmanager
async def serve(application: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve an application as long as the context lasts; yields the port it got."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()

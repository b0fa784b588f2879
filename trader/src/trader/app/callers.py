"""Who calls the HTTP API, as the routes see them: proved, allowed, and on record with whatever they change."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
from fastapi import HTTPException, Request, status
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trader.adapters.sql.audit import AuditEntry
from trader.app.access import LONGEST_TOKEN, Access, AccessDenied, Action
from trader.app.auditing import Audit, Unrecorded

log = structlog.get_logger(__name__)

LARGEST_BODY: Final = 262_144
"""Bytes; a profile is a few hundred."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may do what they ask for."""

    who: str
    action: Action
    address: str
    _audit: Audit
    _pod: str

    def note(self, outcome: str, detail: str) -> None:
        """Put it on record without waiting: for a kill."""
        self._audit.note(self._entry(outcome, detail))

    async def record(self, outcome: str, detail: str) -> None:
        """Put it on record before it takes effect.

        Raises:
            HTTPException: 503, it cannot be recorded now; it must not take effect.
        """
        try:
            await self._audit.record(self._entry(outcome, detail))
        except Unrecorded as error:
            raise HTTPException(
                status.HTTP_503_SERVICE_UNAVAILABLE, f"not done, for it cannot be put on record: {error}"
            ) from error

    def _entry(self, outcome: str, detail: str) -> AuditEntry:
        return AuditEntry(self.who, self.action.value, outcome, detail, self.address, self._pod)


def caller_for(action: Action) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that lets in whoever may do this, and answers everybody else with 401, 403 or 503."""

    async def proved(request: Request) -> Caller:
        access: Access = request.app.state.access
        audit: Audit = request.app.state.audit
        pod: str = request.app.state.process.name
        address = request.client.host if request.client else "unknown"
        try:
            who = await access.judge(_bearer(request), action)
        except AccessDenied as denied:
            if denied.who:
                audit.note(AuditEntry(denied.who, action.value, "refused", str(denied), address, pod))
            else:  # anybody can cause this one: a line in the log, no row
                log.warning("api_refused", action=action.value, address=address, reason=str(denied))
            headers = {"WWW-Authenticate": "Bearer"} if denied.status == status.HTTP_401_UNAUTHORIZED else None
            raise HTTPException(denied.status, str(denied), headers) from denied
        return Caller(who, action, address, audit, pod)

    return proved


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise AccessDenied(status.HTTP_401_UNAUTHORIZED, "a bearer token is needed")
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise AccessDenied(status.HTTP_401_UNAUTHORIZED, "the bearer token is malformed")
    return token


class BodyLimit:
    """Refuses bodies that are larger than anything sensible, declared or not, before they fill the memory."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > LARGEST_BODY:
                raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, f"a body has at most {LARGEST_BODY} bytes")
            return message

        await self._application(scope, counted, send)

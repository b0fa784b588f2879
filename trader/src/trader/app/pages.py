"""The two pages that a person opens on a phone: kill, and the day's login at the broker.

The pages themselves hold nothing secret and ask for no token; whatever they show or do goes through the authenticated API. The
broker's redirect carries no bearer either: it is let in by a `state` that only an authenticated caller was given.
"""

import base64
import hashlib
import re
from importlib.resources import files
from typing import Annotated, Final

from fastapi import Depends, FastAPI, HTTPException, Query, status
from fastapi.responses import HTMLResponse, RedirectResponse

from trader.adapters.sql.audit import AuditEntry
from trader.app.access import Action
from trader.app.auditing import Audit
from trader.app.callers import Caller, caller_for
from trader.app.login import LoginFailed, LoginUnavailable
from trader.app.process import TraderProcess

_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def _page(name: str) -> tuple[str, dict[str, str]]:
    """A page and its headers: its own script runs, by its hash, and nothing else; no frame, no cache, no referrer."""
    text = (files("trader") / "pages" / name).read_text(encoding="utf-8")
    scripts = (hashlib.sha256(each.encode()).digest() for each in _SCRIPT.findall(text))
    hashes = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return text, headers


def add_pages(application: FastAPI, process: TraderProcess) -> None:
    """Add `/kill`, `/login`, the broker's way back, and `POST /v1/login`."""
    audit: Audit = application.state.audit
    kill_text, kill_headers = _page("kill.html")
    login_text, login_headers = _page("login.html")

    @application.get("/kill", response_class=HTMLResponse)
    async def kill_page() -> HTMLResponse:
        return HTMLResponse(kill_text, headers=kill_headers)

    @application.get("/login", response_class=HTMLResponse)
    async def login_page() -> HTMLResponse:
        return HTMLResponse(login_text, headers=login_headers)

    @application.post("/v1/login")
    async def begin(caller: Annotated[Caller, Depends(caller_for(Action.LOGIN))]) -> dict[str, str]:
        try:
            url = process.login.begin(caller.who)
        except LoginUnavailable as error:
            raise HTTPException(status.HTTP_409_CONFLICT, str(error)) from error
        await caller.record("begun", "sent to the broker's login page")
        return {"url": url}

    @application.get("/login/done")
    async def done(
        request_token: Annotated[str, Query(max_length=200)] = "",
        state: Annotated[str, Query(max_length=500)] = "",
    ) -> RedirectResponse:
        try:
            who, outcome, detail = await process.login.finish(request_token, state), "stored", "a new token is stored"
        except LoginFailed as failure:
            who, outcome, detail = failure.who, failure.outcome, str(failure)
        audit.note(AuditEntry(who, Action.LOGIN.value, outcome, detail, "the broker's redirect", process.name))
        # Away from the address that holds the request token, at once.
        headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        return RedirectResponse(f"/login?outcome={outcome}", status.HTTP_303_SEE_OTHER, headers)

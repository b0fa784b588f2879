"""The API server, through aiohttp: list, get, server-side apply, delete, events. Nothing else is ever asked of it.

Why not the official client: docs/adr/0002-operator-shape.md. Each request has a deadline; errors are ours (`errors`).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode

import aiohttp
import kopf
from yarl import URL

from session_operator.adapters.credentials import find_connection
from session_operator.domain.names import API_VERSION, FIELD_MANAGER, KIND
from session_operator.errors import API_ERRORS, ApiError, ApiNotFoundError, ApiUnreachableError, SettingsError
from session_operator.kinds import BY_NAME, SESSIONS, Kind

Body = dict[str, Any]

PAGE = 500
LOGIN_SECONDS = 60.0
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class KubernetesApi:
    """A connection to the API server; safe to share between tasks."""

    def __init__(self, http: aiohttp.ClientSession, connection: kopf.ConnectionInfo) -> None:
        self._http = http
        self._connection = connection
        self._logged_in_at = asyncio.get_running_loop().time()

    async def list(self, kind: Kind, namespace: str | None = None) -> tuple[list[Body], int]:
        """List what the kind's selectors let through; returns the list's own resource version too."""
        query = {"limit": str(PAGE)}
        query |= {"labelSelector": kind.label_selector} if kind.label_selector else {}
        query |= {"fieldSelector": kind.field_selector} if kind.field_selector else {}
        found: list[Body] = []
        while True:
            page = await self._ask("GET", kind.path(namespace), query)
            found += ({"apiVersion": kind.api_version, "kind": kind.name, **item} for item in page["items"])
            token = page["metadata"].get("continue")
            if not token:
                return found, int(page["metadata"]["resourceVersion"])
            query["continue"] = token

    async def find(self, kind_name: str, namespace: str, name: str) -> Body | None:
        """Get one object by name, or None."""
        try:
            return await self._ask("GET", BY_NAME[kind_name].path(namespace, name))
        except ApiNotFoundError:
            return None

    async def apply(self, manifest: Mapping[str, Any]) -> Body:
        """Apply one object on the server, as our field manager, winning over other managers of our fields."""
        metadata = manifest["metadata"]
        path = BY_NAME[manifest["kind"]].path(metadata["namespace"], metadata["name"])
        return await self._apply(path, manifest)

    async def apply_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> Body:
        """Apply the whole status of a session; a session of that name with another UID is left alone."""
        metadata = {"namespace": namespace, "name": name, "uid": uid}
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "status": status}
        return await self._apply(SESSIONS.path(namespace, name, "status"), body)

    async def delete(self, kind_name: str, namespace: str, name: str, uid: str) -> None:
        """Delete one object if it still has that UID; gone already is fine."""
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._ask("DELETE", BY_NAME[kind_name].path(namespace, name), body=body)
        except ApiNotFoundError:
            return

    async def create(self, body: Body) -> Body:
        """Create one object.

        Raises:
            ApiConflictError: there is one of that name.
        """
        return await self._ask("POST", BY_NAME[body["kind"]].path(body["metadata"]["namespace"]), body=body)

    async def replace(self, body: Body) -> Body:
        """Write one object over the version that was read.

        Raises:
            ApiConflictError: it has changed since.
        """
        metadata = body["metadata"]
        path = BY_NAME[body["kind"]].path(metadata["namespace"], metadata["name"])
        return await self._ask("PUT", path, body=body)

    async def create_event(self, event: Mapping[str, Any]) -> None:
        """Create an event.

        Raises:
            ApiConflictError: there is one of that name.
        """
        await self._ask("POST", BY_NAME["Event"].path(event["metadata"]["namespace"]), body=event)

    async def patch_event(self, namespace: str, name: str, patch: Mapping[str, Any]) -> None:
        """Change an event that exists."""
        await self._ask("PATCH", BY_NAME["Event"].path(namespace, name), body=patch, content_type=MERGE)

    async def _apply(self, path: str, body: Mapping[str, Any]) -> Body:
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self._ask("PATCH", path, query, body, APPLY)

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Body:
        # Encoded here, once: tokens of the next page hold `+` and `/`, and aiohttp would decode some of it again.
        url = f"{(self._connection.server or '').rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Content-Type": content_type, "Accept": "application/json", **self._login()}
        data = json.dumps(body) if body is not None else None
        try:
            async with self._http.request(method, URL(url, encoded=True), data=data, headers=headers) as response:
                if response.status < 400:
                    found: Body = await response.json()
                    return found
                text = await response.text()
                kind = API_ERRORS.get(response.status, ApiError)
                raise kind(response.status, f"{method} {path}", _message(text))
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ApiUnreachableError(f"{method} {path}: {type(error).__name__}: {error}") from error

    def _login(self) -> dict[str, str]:
        now = asyncio.get_running_loop().time()
        if now - self._logged_in_at > LOGIN_SECONDS:
            self._logged_in_at = now
            # What cannot be read now (a kubeconfig being rewritten) leaves the credentials that worked.
            with suppress(SettingsError):
                self._connection = find_connection()
        return self._connection.as_http_headers()


def _message(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return text[:500]
    return str(found.get("message", text))[:2000] if isinstance(found, dict) else text[:500]


@asynccontextmanager
async def connect(timeout_seconds: float) -> AsyncIterator[KubernetesApi]:
    """Connect to the API server for as long as the context lasts."""
    connection = find_connection()
    timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=timeout_seconds / 2)
    connector = aiohttp.TCPConnector(limit=16, ssl=connection.as_ssl_context())
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        yield KubernetesApi(http, connection)

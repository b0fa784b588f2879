"""Events on a session, for `kubectl describe`. The same event again is counted, not repeated.

The name is made from the content, so that an operator that restarts between telling and writing the status counts up
instead of telling twice.
"""

import hashlib
from typing import Any

from session_operator.adapters.api import KubernetesApi
from session_operator.adapters.clocks import MachineClock
from session_operator.domain.actions import Emit
from session_operator.domain.names import API_VERSION, FIELD_MANAGER, KIND
from session_operator.domain.sessions import Session
from session_operator.errors import ApiConflictError

# The API server's limit on an event's message.
LONGEST_MESSAGE = 1024


class EventRecorder:
    """Writes events."""

    def __init__(self, api: KubernetesApi, clock: MachineClock) -> None:
        self._api = api
        self._clock = clock

    async def emit(self, session: Session, event: Emit) -> None:
        """Write one event, or count one that stands."""
        body = event_body(session, event, self._clock.now())
        try:
            await self._api.create_event(body)
        except ApiConflictError:
            name = body["metadata"]["name"]
            standing = await self._api.find("Event", session.namespace, name)
            count = (standing or {}).get("count") or 1
            patch = {"count": count + 1, "lastTimestamp": body["lastTimestamp"]}
            await self._api.patch_event(session.namespace, name, patch)


def event_body(session: Session, event: Emit, now: str) -> dict[str, Any]:
    """Build the event."""
    content = f"{session.uid}\n{event.type}\n{event.reason}\n{event.message}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{session.name}.{digest}", "namespace": session.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": session.namespace,
            "name": session.name,
            "uid": session.uid,
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message[:LONGEST_MESSAGE],
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
    }

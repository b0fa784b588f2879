"""TokenReview and SubjectAccessReview: who a bearer token belongs to, and what RBAC lets them do to one TradingSession.

The second is the namespaced form (LocalSubjectAccessReview), so that a Role of the session's own namespace can grant it. A token
made for our audience is worth nothing anywhere else, and is asked for first; one for the API server itself is taken too.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from kubernetes.client import ApiClient, ApiException, AuthenticationV1Api, AuthorizationV1Api
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from trader.adapters.identities import Identity, ReviewsAway
from trader.adapters.kubernetes_session import GROUP, PLURAL

AUDIENCE: Final = "trader.tradeops.dev"
ANSWER_SECONDS: Final = 2.0

T = TypeVar("T")
_FAILURES = (ApiException, HTTPError, OSError, ConfigException, ValueError, KeyError)


class KubernetesReviews:
    """Both reviews, each in a worker thread with a deadline; connections of its own."""

    def __init__(self, new_client: Callable[[], ApiClient], namespace: str, session: str) -> None:
        api = new_client()
        # Any: bodies and answers are plain dictionaries here, which the client takes and its annotations do not know.
        self._authentication: Any = AuthenticationV1Api(api)
        self._authorization: Any = AuthorizationV1Api(api)
        self._api = api
        self._namespace = namespace
        self._session = session
        self._executor = ThreadPoolExecutor(4, thread_name_prefix="reviews")

    async def identity(self, token: str) -> Identity | None:
        """Whose token this is; None when it is nobody's.

        Raises:
            ReviewsAway: nothing is known.
        """
        return await self._ask(lambda: self._identity(token))

    async def allows(self, identity: Identity, verb: str, subresource: str) -> bool:
        """Whether they may do that to our session.

        Raises:
            ReviewsAway: nothing is known.
        """
        attributes = {
            "group": GROUP,
            "resource": PLURAL,
            "subresource": subresource,
            "verb": verb,
            "namespace": self._namespace,
            "name": self._session,
        }
        spec = {
            "resourceAttributes": attributes,
            "user": identity.name,
            "uid": identity.uid,
            "groups": list(identity.groups),
            "extra": {name: list(values) for name, values in identity.extra},
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "LocalSubjectAccessReview",
            "metadata": {"namespace": self._namespace},
            "spec": spec,
        }

        def ask() -> bool:
            review = self._authorization.create_namespaced_local_subject_access_review(
                self._namespace, body, _request_timeout=ANSWER_SECONDS
            )
            return bool(review.status.allowed)

        return await self._ask(ask)

    def close(self) -> None:
        """Take no more questions."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._api.rest_client.pool_manager.clear()

    def _identity(self, token: str) -> Identity | None:
        for audiences in ([AUDIENCE], None):
            spec: dict[str, Any] = {"token": token} | ({"audiences": audiences} if audiences else {})
            body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
            status = self._authentication.create_token_review(body, _request_timeout=ANSWER_SECONDS).status
            if status.authenticated and (audiences is None or AUDIENCE in (status.audiences or ())):
                user = status.user
                extra = tuple((name, tuple(values)) for name, values in (user.extra or {}).items())
                return Identity(user.username, user.uid or "", tuple(user.groups or ()), extra)
        return None

    async def _ask(self, question: Callable[[], T]) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._executor, question)
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                return await running
        except TimeoutError as late:
            raise ReviewsAway(f"no answer within {2 * ANSWER_SECONDS:g} s") from late
        except _FAILURES as failure:
            status = failure.status if isinstance(failure, ApiException) else ""
            # Not the failure's text: an ApiException repeats headers and body.
            raise ReviewsAway(f"{type(failure).__name__} {status}".strip()) from None

"""The one Secret of the broker's credentials: a new access token is patched in; nothing is ever read through here."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from kubernetes.client import ApiClient, ApiException, CoreV1Api
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

ANSWER_SECONDS: Final = 5.0


class SecretUnwritten(Exception):  # noqa: N818 - what happened
    """The API server did not take it."""


class KubernetesSecret:
    """One Secret, by name."""

    def __init__(self, new_client: Callable[[], ApiClient], namespace: str, name: str) -> None:
        # Any: the client's annotations know neither a plain dictionary as body nor the time-out.
        self._api: Any = CoreV1Api(new_client())
        self._namespace = namespace
        self._name = name

    async def write(self, key: str, value: str) -> None:
        """Set one key; the others stay.

        Raises:
            SecretUnwritten: nothing is known to be written.
        """
        try:
            await asyncio.to_thread(
                self._api.patch_namespaced_secret,
                self._name,
                self._namespace,
                {"stringData": {key: value}},
                _request_timeout=ANSWER_SECONDS,
            )
        except (ApiException, HTTPError, OSError, ConfigException, ValueError) as failure:
            status = f" {failure.status}" if isinstance(failure, ApiException) else ""
            # Not the failure's text: it may repeat the body that was sent.
            raise SecretUnwritten(f"Secret {self._name}: {type(failure).__name__}{status}") from None

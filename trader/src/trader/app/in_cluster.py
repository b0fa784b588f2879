"""The doors of a pod: Lease, TradingSession and who its callers are, at the API server."""

import os
import sys
from functools import partial
from pathlib import Path

from kubernetes.config import ConfigException

from trader.adapters.kubernetes_api import new_client
from trader.adapters.kubernetes_lease import KubernetesLease
from trader.adapters.kubernetes_pods import KubernetesPods, peers_of
from trader.adapters.kubernetes_reviews import KubernetesReviews
from trader.adapters.kubernetes_secret import KubernetesSecret, SecretUnwritten
from trader.adapters.kubernetes_session import KubernetesSession
from trader.app.access import Action, ClusterAccess, TokenFile
from trader.app.documents import ConfigInvalid
from trader.app.login import TokenUnstored
from trader.app.settings import Settings
from trader.app.wiring import Doors

REPLICAS = 2
"""As the operator makes them (docs/seams.md §2): a leader and a standby."""


def cluster_doors(settings: Settings, kubeconfig: Path | None = None) -> Doors:
    """Connect to the API server; nothing is asked of it yet.

    Raises:
        ConfigInvalid: there is neither a service account nor a kubeconfig.
    """
    session, lease = settings.session.session, settings.session.lease
    connect = partial(new_client, kubeconfig)
    try:
        return Doors(
            lease=KubernetesLease(connect, session.namespace, lease.name, float(lease.retry_period_seconds)),
            watch=KubernetesSession(
                connect, session.namespace, session.name, needs_permission=settings.needs_permission
            ),
            end_process=end_at_once,
            live=False,
            images=KubernetesPods(connect, session.namespace, peers_of(settings.pod.name, REPLICAS))
            if settings.needs_permission
            else None,  # no operator made this process: there are no pods to compare
        )
    except ConfigException as error:
        raise ConfigInvalid([f"kubernetes: {error}"]) from error


def cluster_access(settings: Settings, kubeconfig: Path | None = None) -> ClusterAccess:
    """The API server proves callers; the token file may look and kill without it.

    Raises:
        ConfigInvalid: there is neither a service account nor a kubeconfig.
    """
    session = settings.session.session
    try:
        reviews = KubernetesReviews(partial(new_client, kubeconfig), session.namespace, session.name)
    except ConfigException as error:
        raise ConfigInvalid([f"kubernetes: {error}"]) from error
    return ClusterAccess(reviews, TokenFile(settings.credentials / "api_token", frozenset({Action.STATE, Action.KILL})))


class SecretKeeper:
    """`TokenKeeper` of a pod: the Secret that its credentials are mounted from."""

    def __init__(self, settings: Settings, kubeconfig: Path | None = None) -> None:
        """Raises nothing: without a name, or an API server, a login says so when it ends."""
        session = settings.session
        name = session.broker.credentials_secret
        self._secret = (
            KubernetesSecret(partial(new_client, kubeconfig), session.session.namespace, name)
            if name is not None
            else None
        )

    async def store(self, access_token: str) -> None:
        """Patch the one key."""
        if self._secret is None:
            raise TokenUnstored("session.yaml names no broker.credentialsSecret to store the token in")
        try:
            await self._secret.write("access_token", access_token)
        except SecretUnwritten as failure:
            raise TokenUnstored(str(failure)) from failure


def end_at_once(code: int) -> None:
    """Leadership is lost for certain: no cleanup may delay the end, or send anything more."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

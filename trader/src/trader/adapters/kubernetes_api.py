"""A client for the API server with connections of its own: no hidden retries, deadlines on everything, dead peers noticed."""

import os
import socket
from pathlib import Path

from kubernetes import client, config

_KEEPALIVE = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000),
]


def new_client(kubeconfig: Path | None = None) -> client.ApiClient:
    """A client with a pool of its own: the pod's service account, or the given kubeconfig.

    Raises:
        kubernetes.config.ConfigException: neither is there.
    """
    configuration = client.Configuration()
    if kubeconfig is not None:
        config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
    elif "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    else:
        config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    configuration.retries = False
    configuration.socket_options = _KEEPALIVE
    return client.ApiClient(configuration)

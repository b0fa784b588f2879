"""Who the operator is towards the API server: its service account in a pod, else the kubeconfig of whoever runs it.

kopf and our own client log in by the same function. A service account's token is replaced by the kubelet every hour or
so, hence read again from its file, not kept for the life of the process.
"""

import dataclasses
import os

import kopf
import yaml

from session_operator.errors import SettingsError


def find_connection() -> kopf.ConnectionInfo:
    """Log in.

    Raises:
        SettingsError: there is neither a service account nor a kubeconfig.
    """
    settings = kopf.OperatorSettings()
    found = kopf.login_with_service_account(settings=settings)
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if found is not None and host:
        # By address: the operator must work while the cluster's DNS does not.
        literal = f"[{host}]" if ":" in host else host
        return dataclasses.replace(found, server=f"https://{literal}:{port}")
    try:
        found = found or kopf.login_with_kubeconfig(settings=settings)
    except (kopf.LoginError, OSError, KeyError, yaml.YAMLError) as error:
        raise SettingsError(f"the kubeconfig cannot be used: {type(error).__name__}: {error}") from error
    if found is None:
        raise SettingsError("no way to the API server: neither a service account nor a kubeconfig (set KUBECONFIG)")
    return found

"""What a trader that runs but is not ready says of itself, in the words of those who read the session.

A pod speaks of the files that are mounted for it; a desk knows the Secrets behind them.
"""

import re

from session_operator.domain.facts import LONGEST_PROBLEM
from session_operator.domain.names import MOUNT_CREDENTIALS, MOUNT_DATABASE, MOUNT_NOTIFICATIONS, MOUNT_REDIS
from session_operator.domain.sessions import Session

# Credentials in a URL never belong into a status, whoever wrote them there.
USER_INFO = re.compile(r"://[^/@\s]*@")


def retell(complaint: str, session: Session) -> str:
    """Name Secrets and their keys instead of mounted files."""
    text = USER_INFO.sub("://***@", complaint)
    for mount, secret in _secrets(session).items():
        text = re.sub(rf"{re.escape(mount)}/(\w+)", rf"key \1 of Secret {secret}", text)
    return " ".join(text.split())[:LONGEST_PROBLEM]


def _secrets(session: Session) -> dict[str, str]:
    spec = session.spec
    if spec is None:
        return {}
    found = {
        MOUNT_CREDENTIALS: spec.account.broker.credentials_secret_ref.name,
        MOUNT_DATABASE: spec.storage.database_secret_ref.name,
    }
    if spec.storage.redis_secret_ref is not None:
        found[MOUNT_REDIS] = spec.storage.redis_secret_ref.name
    if spec.notifications is not None:
        found[MOUNT_NOTIFICATIONS] = spec.notifications.secret_ref.name
    return found

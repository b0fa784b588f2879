"""A configuration: what the pods of a session are told, frozen under the hash of its content.

The ConfigMap is immutable and named by the hash, so a change makes a new one and a new pod template; the old one stays
readable, for the pods that still run it and for whoever asks what changed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from session_operator.domain.names import lease_name
from session_operator.domain.sessions import Session
from session_operator.model import Spec

SHORT = 10
HISTORY = 5


@dataclass(frozen=True, slots=True)
class Revision:
    """One configuration, by hash, as the two files that a trader reads."""

    hash: str
    profile_name: str
    session_yaml: str
    profile_yaml: str

    @property
    def short_hash(self) -> str:
        """The part of the hash that names it for people."""
        return self.hash[:SHORT]


def session_document(session: Session, spec: Spec) -> dict[str, Any]:
    """Write what docs/seams.md calls session.yaml, without the hash."""
    broker = spec.account.broker
    urls = {"url": broker.url, "streamURL": broker.stream_url}
    stage = spec.config.stages[0]
    return {
        "session": {"name": session.name, "namespace": session.namespace, "uid": session.uid},
        "account": {"id": spec.account.id, "foreign": spec.account.foreign.value},
        "broker": {"type": broker.type.value, "credentialsSecret": broker.credentials_secret_ref.name}
        | {key: url for key, url in urls.items() if url is not None},
        "lease": {"name": lease_name(spec.account.id)} | spec.trader.lease.model_dump(by_alias=True),
        "calendar": {"exchange": spec.calendar.exchange.value, "timezone": spec.calendar.timezone.value},
        "strategies": [{"name": each.name, "parameters": dict(each.parameters)} for each in spec.strategies],
        "config": {"stage": stage.name, "profile": stage.profile},
    }


def build_revision(session: Session, spec: Spec, profile: Mapping[str, Any]) -> Revision:
    """Freeze what the spec and the profile say; the same content has the same hash, whatever its layout."""
    document = session_document(session, spec)
    content = json.dumps({"session": document, "profile": profile}, sort_keys=True, separators=(",", ":"), default=str)
    digest = hashlib.sha256(content.encode()).hexdigest()
    document["config"]["hash"] = digest
    return Revision(
        hash=digest,
        profile_name=spec.config.stages[0].profile,
        session_yaml=yaml.safe_dump(document, sort_keys=False, allow_unicode=True),
        profile_yaml=yaml.safe_dump(dict(profile), sort_keys=True, allow_unicode=True),
    )

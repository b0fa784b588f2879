"""Configurations: which risk limits there are, each frozen under the hash of its content.

A revision is a profile as a trader reads it, named by the sha256 of its bytes; trader and operator compute the same name.
Its ConfigMap is immutable and stays as history. What pods boot on is a pointer: one ConfigMap with the content of the
stable revision, whose change restarts nobody. What does need a restart (broker, strategies and their parameters, times of
the Lease) is the session file: its own immutable ConfigMap, whose name stands in the pod template.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from session_operator.domain.names import lease_name
from session_operator.domain.profiles import Profile
from session_operator.domain.sessions import Session
from session_operator.model import Broker, Spec
from session_operator.rules import seconds_of
from session_operator.stages import Approval, Stage

SHORT = 10
HISTORY = 5


@dataclass(frozen=True, slots=True)
class Revision:
    """One profile of risk limits, by hash, as the file that a trader reads."""

    hash: str
    profile_name: str
    profile_yaml: str

    @property
    def short_hash(self) -> str:
        """The part of the hash that names it for people."""
        return self.hash[:SHORT]


@dataclass(frozen=True, slots=True)
class Step:
    """One stage with its revision, and what it asks before the next one."""

    name: str
    revision: Revision
    market_seconds: int
    """Market time to be traded; 0 asks for none."""
    orders: int
    """Orders to be accepted; 0 asks for none."""
    checks: tuple[str, ...]
    needs_approval: bool

    @property
    def asks_nothing(self) -> bool:
        """Whether it is passed as soon as it is reached."""
        return not (self.market_seconds or self.orders or self.checks or self.needs_approval)


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages of a configuration, first to last."""

    steps: tuple[Step, ...]
    halts_on_failure: bool
    identity: str
    """Hash over the content of all stages: the same one is never tried again by itself after it failed."""

    @property
    def final(self) -> Step:
        """What the configuration is meant to become."""
        return self.steps[-1]

    @property
    def revisions(self) -> tuple[Revision, ...]:
        """Those of all stages."""
        return tuple(step.revision for step in self.steps)


@dataclass(frozen=True, slots=True)
class SessionFile:
    """What docs/seams.md calls session.yaml, by the hash of its content."""

    hash: str
    text: str


def hash_of(profile_yaml: str) -> str:
    """Name a profile by its bytes, as the traders do."""
    return hashlib.sha256(profile_yaml.encode()).hexdigest()


@lru_cache(maxsize=256)
def read_revision(profile_yaml: str) -> Revision:
    """Name a profile's bytes."""
    found = yaml.safe_load(profile_yaml)
    name = found.get("name", "") if isinstance(found, Mapping) else ""
    return Revision(hash_of(profile_yaml), str(name), profile_yaml)


def build_revision(profile: Profile) -> Revision:
    """Freeze a profile; the same content has the same hash, whatever its layout.

    Parameters of strategies are left out: they stand in the session file, since a trader takes them at its start.
    """
    limits = {key: value for key, value in profile.items() if key != "strategies"}
    return read_revision(_as_yaml(json.dumps(limits, sort_keys=True)))


@lru_cache(maxsize=256)  # each look at each session writes the same few documents
def _as_yaml(document: str) -> str:
    """Write a JSON document as YAML, for people; its keys stay in their order."""
    return yaml.safe_dump(json.loads(document), sort_keys=False, allow_unicode=True)


def build_plan(spec: Spec, profiles: Mapping[str, Profile]) -> Plan:
    """Freeze the stages that a spec names."""
    steps = tuple(_step(stage, profiles[stage.profile]) for stage in spec.config.stages)
    content = json.dumps([[step.name, step.revision.hash] for step in steps])
    identity = hashlib.sha256(content.encode()).hexdigest()[:SHORT]
    return Plan(steps, spec.config.on_failure.value == "Halt", identity)


def _step(stage: Stage, profile: Profile) -> Step:
    return Step(
        name=stage.name,
        revision=build_revision(profile),
        market_seconds=seconds_of(stage.minimum_market_time) if stage.minimum_market_time else 0,
        orders=stage.minimum_samples.orders if stage.minimum_samples is not None else 0,
        checks=tuple(check.slo.value for check in stage.analysis),
        needs_approval=stage.approval is Approval.REQUIRED,
    )


def session_document(session: Session, spec: Spec, parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Write session.yaml as a document; `parameters` of the profile lie over those of the session."""
    return {
        "session": {"name": session.name, "namespace": session.namespace, "uid": session.uid},
        "account": {"id": spec.account.id, "foreign": spec.account.foreign.value},
        "broker": _broker_document(spec.account.broker),
        "lease": {"name": lease_name(spec.account.id)} | spec.trader.lease.model_dump(by_alias=True),
        "calendar": {"exchange": spec.calendar.exchange.value, "timezone": spec.calendar.timezone.value},
        "strategies": [
            {"name": each.name, "parameters": {**each.parameters, **parameters.get(each.name, {})}}
            for each in spec.strategies
        ],
    }


def _broker_document(broker: Broker) -> dict[str, Any]:
    optional = {
        "url": broker.url,
        "streamURL": broker.stream_url,
        "paper": broker.paper.model_dump(by_alias=True) if broker.paper is not None else None,
        "tokenCommand": broker.token_command,
        "egress": broker.egress.model_dump(by_alias=True, exclude_none=True) if broker.egress is not None else None,
    }
    found = {key: value for key, value in optional.items() if value is not None}
    return {"type": broker.type.value, "credentialsSecret": broker.credentials_secret_ref.name} | found


def build_session_file(session: Session, spec: Spec, profile: Profile) -> SessionFile:
    """Freeze what a trader is told once, at its start."""
    document = session_document(session, spec, profile.get("strategies") or {})
    content = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    text = _as_yaml(json.dumps(document, default=str))
    return SessionFile(hashlib.sha256(content.encode()).hexdigest(), text)

"""The world as the operator's watches and lists show it, and who must be woken when it changes.

Reading costs no request: an idle session costs the API server nothing but its own Lease renewals.
An object is replaced only by a newer one (resource versions of one kind are ordered), so that a late watch event never
undoes what an answer to our own write has shown.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from session_operator.domain.complaints import retell
from session_operator.domain.facts import read_pod, read_secret
from session_operator.domain.leadership import significance
from session_operator.domain.names import KIND, LABEL_SESSION, http_service_name, lease_name, trader_name
from session_operator.domain.observed import Child, JobPod, Observed, PodFacts, Rival, SecretFacts
from session_operator.domain.sessions import Manifest, Session, read_session


class Key(NamedTuple):
    """A session, as the queue knows it."""

    namespace: str
    name: str


class Reference(NamedTuple):
    """Any object."""

    kind: str
    namespace: str
    name: str


def reference_of(body: Manifest) -> Reference:
    """Name the object that a body describes."""
    return Reference(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])


def version_of(body: Manifest) -> int:
    """Read an object's resource version; those of one kind are ordered (KEP-5504)."""
    return int(body["metadata"].get("resourceVersion") or 0)


class World:
    """What was seen last; belongs to one event loop."""

    def __init__(self) -> None:
        self.profiles: Mapping[str, str] | None = None
        self._versions: dict[Reference, int] = {}
        self._kept: dict[Reference, Any] = {}
        self._by_session: dict[Key, set[Reference]] = defaultdict(set)
        self._by_account: dict[str, set[Key]] = defaultdict(set)
        self._by_secret: dict[Key, set[Key]] = defaultdict(set)
        self._lease_changed: dict[Reference, tuple[Any, float]] = {}
        self._renewed: set[Reference] = set()
        self._holders: dict[Reference, tuple[str, float]] = {}
        self._complaints: dict[Reference, str] = {}

    def sessions(self) -> tuple[Session, ...]:
        """List the sessions."""
        return tuple(kept for reference, kept in self._kept.items() if reference.kind == KIND)

    def session_keys(self) -> frozenset[Key]:
        """Name the sessions."""
        return frozenset(Key(session.namespace, session.name) for session in self.sessions())

    def put(self, body: Manifest, now: float) -> frozenset[Key]:
        """Take an object as it is now; returns the sessions that this concerns."""
        reference, version = reference_of(body), version_of(body)
        if version <= self._versions.get(reference, -1):
            return frozenset()
        self._versions[reference] = version
        before, after = self._kept.get(reference), _keep(body)
        if isinstance(after, PodFacts) and not _waits(after):
            self._complaints.pop(reference, None)
        woken = self._concerned(reference, before) | (self._enter(reference, after))
        if reference.kind == "Lease":
            return woken if self._note_lease(reference, before, after, now) else frozenset()
        return woken if before != after else frozenset()

    def remove(self, reference: Reference, version: int) -> frozenset[Key]:
        """Take it that an object is gone, unless a newer one was seen."""
        if self._versions.get(reference, -1) > version or reference not in self._versions:
            return frozenset()
        before = self._kept.pop(reference)
        woken = self._concerned(reference, before)
        del self._versions[reference]
        self._lease_changed.pop(reference, None)
        self._renewed.discard(reference)
        self._holders.pop(reference, None)
        self._complaints.pop(reference, None)
        self._leave(reference, before)
        return woken

    def replace(
        self, kind: str, namespace: str | None, bodies: Iterable[Manifest], version: int, now: float
    ) -> frozenset[Key]:
        """Take a whole list: what it lacks is gone."""
        woken: frozenset[Key] = frozenset()
        listed = set()
        for body in bodies:
            listed.add(reference_of(body))
            woken |= self.put(body, now)
        for reference in [each for each in self._versions if each.kind == kind and each not in listed]:
            if namespace in (None, reference.namespace):
                woken |= self.remove(reference, version)
        return woken

    def version(self, reference: Reference) -> int:
        """Tell which version of an object is known; -1 for none."""
        return self._versions.get(reference, -1)

    def session(self, key: Key) -> Session | None:
        """Find a session."""
        return self._kept.get(Reference(KIND, key.namespace, key.name))

    def waiting_traders(self) -> dict[Reference, str]:
        """List the addresses of traders that run but are not ready."""
        pods = ((reference, kept) for reference, kept in self._kept.items() if isinstance(kept, PodFacts))
        return {reference: kept.address for reference, kept in pods if _waits(kept)}

    def note_complaint(self, pod: Reference, complaint: str) -> frozenset[Key]:
        """Take what a trader says it waits for, empty for nothing; returns the sessions that this concerns."""
        kept = self._kept.get(pod)
        if not isinstance(kept, PodFacts) or not _waits(kept) or self._complaints.get(pod, "") == complaint:
            return frozenset()
        self._complaints[pod] = complaint
        return self._concerned(pod, kept)

    def observe(
        self, key: Key, now: float, *, status_age_seconds: float = float("inf"), fault: str = ""
    ) -> Observed | None:
        """Put together what a decision about one session looks at; None if it is gone."""
        session = self.session(key)
        if session is None:
            return None
        references = self._by_session.get(key, set()) | self._names_of(session)
        found = {each: self._kept[each] for each in sorted(references) if each in self._kept}
        silent, is_renewed, held = 0.0, True, 0.0
        if session.account is not None:
            lease = Reference("Lease", key.namespace, lease_name(session.account))
            silent = now - self._lease_changed.get(lease, (None, now))[1]
            is_renewed = lease in self._renewed
            held = now - self._holders.get(lease, ("", now))[1]
        secrets = {name: self._kept.get(Reference("Secret", key.namespace, name)) for name in session.secret_names}
        return Observed(
            session=session,
            children={Child(each.kind, each.name): kept for each, kept in found.items() if each.kind != "Pod"},
            pods=tuple(self._heard(each, kept, session) for each, kept in found.items() if isinstance(kept, PodFacts)),
            job_pods=tuple(kept for kept in found.values() if isinstance(kept, JobPod)),
            secrets={name: facts for name, facts in secrets.items() if isinstance(facts, SecretFacts)},
            profiles=self.profiles,
            rivals=self._rivals(session, key),
            lease_silent_seconds=silent,
            lease_is_renewed=is_renewed,
            lease_holder_seconds=held,
            status_age_seconds=status_age_seconds,
            fault=fault,
        )

    def _heard(self, pod: Reference, facts: PodFacts, session: Session) -> PodFacts:
        """What the trader says itself is newer than what the kubelet says of its last end."""
        complaint = self._complaints.get(pod, "")
        return replace(facts, problem=retell(complaint, session)) if complaint else facts

    def _rivals(self, session: Session, key: Key) -> tuple[Rival, ...]:
        if session.account is None:
            return ()
        found = []
        for other in sorted(self._by_account.get(session.account, ())):
            rival = self.session(other)
            if other != key and rival is not None:
                found.append(Rival(rival.namespace, rival.name, rival.uid, rival.created))
        return tuple(found)

    @staticmethod
    def _names_of(session: Session) -> set[Reference]:
        """Name what the session will make: somebody else's object of that name must be seen too."""
        names = {("Service", http_service_name(session.name))}
        kinds = ("StatefulSet", "Service", "ServiceAccount", "Role", "RoleBinding", "PodDisruptionBudget")
        names |= {(kind, trader_name(session.name)) for kind in kinds}
        names |= {("Lease", lease_name(session.account))} if session.account else set()
        return {Reference(kind, session.namespace, name) for kind, name in names}

    def _enter(self, reference: Reference, kept: Any) -> frozenset[Key]:
        self._leave(reference, self._kept.get(reference))
        self._kept[reference] = kept
        owner = Key(reference.namespace, reference.name)
        if isinstance(kept, Session):
            if kept.account is not None:
                self._by_account[kept.account].add(owner)
            for name in kept.secret_names:
                self._by_secret[Key(kept.namespace, name)].add(owner)
        else:
            for key in self._labelled(reference, kept):
                self._by_session[key].add(reference)
        return self._concerned(reference, kept)

    def _leave(self, reference: Reference, kept: Any) -> None:
        owner = Key(reference.namespace, reference.name)
        if isinstance(kept, Session):
            if kept.account is not None:
                self._by_account[kept.account].discard(owner)
            for name in kept.secret_names:
                self._by_secret[Key(kept.namespace, name)].discard(owner)
        elif kept is not None:
            for key in self._labelled(reference, kept):
                self._by_session[key].discard(reference)

    @staticmethod
    def _labelled(reference: Reference, kept: Any) -> frozenset[Key]:
        if isinstance(kept, PodFacts | JobPod):
            name: str | None = kept.session
        elif isinstance(kept, Mapping):
            name = (kept["metadata"].get("labels") or {}).get(LABEL_SESSION)
        else:
            name = None
        return frozenset({Key(reference.namespace, name)}) if name else frozenset()

    def _concerned(self, reference: Reference, kept: Any) -> frozenset[Key]:
        """Name the sessions that look at this object."""
        owner = Key(reference.namespace, reference.name)
        if isinstance(kept, Session):
            return frozenset({owner, *self._by_account.get(kept.account or "", ())})
        if reference.kind == "Secret":
            return frozenset(self._by_secret.get(owner, ()))
        found = self._labelled(reference, kept) if kept is not None else frozenset()
        if reference.kind == "Lease":
            account = reference.name.removeprefix("account-").upper()
            found |= {key for key in self._by_account.get(account, ()) if key.namespace == reference.namespace}
        return found

    def _note_lease(self, reference: Reference, before: Any, after: Any, now: float) -> bool:
        """Note that a Lease was renewed; says whether it shows anything that matters at once."""
        spec = after.get("spec") or {}
        renewal = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        is_back = False
        holder = spec.get("holderIdentity") or ""
        if self._holders.get(reference, (None, 0.0))[0] != holder:
            self._holders[reference] = (holder, now)
        known = self._lease_changed.get(reference)
        if known is None or known[0] != renewal:
            if known is not None:
                # A leader that was silent for its Lease's duration, or since before we started, is back.
                is_back = reference not in self._renewed or now - known[1] > (spec.get("leaseDurationSeconds") or 15)
                self._renewed.add(reference)
            self._lease_changed[reference] = (renewal, now)
        return is_back or before is None or significance(before) != significance(after)


def _waits(pod: PodFacts) -> bool:
    """Whether there is a trader that runs and is not ready."""
    return bool(pod.address) and not pod.is_ready


def _keep(body: Manifest) -> Any:
    """Keep of an object what decisions look at; resource versions and managers change without meaning anything."""
    match body["kind"]:
        case "TradingSession":
            return read_session(body)
        case "Secret":
            return read_secret(body)
        case "Pod":
            return read_pod(body)
        case _:
            dropped = ("managedFields", "resourceVersion")
            metadata = {key: value for key, value in body["metadata"].items() if key not in dropped}
            return {**body, "metadata": metadata}

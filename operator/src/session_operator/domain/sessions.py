"""A TradingSession as the operator reads it.

The API server has checked the spec against the CRD. It is read again against the model all the same: an object stored
under an older CRD, or past a weaker one, becomes a condition here and never a half-understood trader.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from session_operator.domain.names import ANNOTATION_JOB_REQUEST, ANNOTATION_REQUEST, API_VERSION, KIND
from session_operator.model import Spec

# A value longer than this says less than the message beside it.
LONGEST_VALUE = 120

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """One TradingSession: identity, spec (or why it has none) and the status that stands."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: str
    deleting: bool
    spec: Spec | None
    spec_error: str
    account: str | None
    status: Manifest
    request: str = ""
    """What a person asks of the rollout, as the annotation has it."""
    job_request: str = ""
    """What a person asks for in Jobs, as the annotation has it."""

    @property
    def owner_reference(self) -> dict[str, Any]:
        """Refer to the session as the controller of what is made for it."""
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Name the Secrets that the spec refers to."""
        if self.spec is None:
            return ()
        names = [self.spec.account.broker.credentials_secret_ref.name, self.spec.storage.database_secret_ref.name]
        redis = self.spec.storage.redis_secret_ref
        return (*names, redis.name) if redis is not None else tuple(names)


def describe(error: ValidationError) -> str:
    """Name each field, its value and what would be right, in one line."""
    found = []
    for each in error.errors(include_url=False):
        path = ".".join(("spec", *(str(part) for part in each["loc"])))
        shown = repr(each["input"])
        value = f", was {shown}" if len(shown) <= LONGEST_VALUE else ""
        found.append(f"{path}: {each['msg'].removeprefix('Value error, ')}{value}")
    return "; ".join(found)


def read_session(body: Manifest) -> Session:
    """Read a TradingSession; never raises on a bad spec."""
    metadata = body["metadata"]
    raw = body.get("spec") or {}
    spec, problem = None, ""
    try:
        spec = Spec.model_validate(raw)
    except ValidationError as error:
        problem = describe(error)
    account = spec.account.id if spec is not None else _account_of(raw)
    return Session(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        created=metadata.get("creationTimestamp", ""),
        deleting="deletionTimestamp" in metadata,
        spec=spec,
        spec_error=problem,
        account=account,
        status=body.get("status") or {},
        request=(metadata.get("annotations") or {}).get(ANNOTATION_REQUEST, ""),
        job_request=(metadata.get("annotations") or {}).get(ANNOTATION_JOB_REQUEST, ""),
    )


def _account_of(raw: Manifest) -> str | None:
    """Find the account even in a spec that is otherwise unreadable: it may have traders that run."""
    account = raw.get("account")
    found = account.get("id") if isinstance(account, Mapping) else None
    return found if isinstance(found, str) else None

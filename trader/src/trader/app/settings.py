"""What a trader process is told, from files and flags into frozen values; read once, passed down.

In the cluster the operator writes `session.yaml` and `profile.yaml` (docs/seams.md §2); by hand the flags of `trader run` make
the same values, so that everything after this module is the same road.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, IPvAnyAddress, model_validator

from trader.app.documents import ConfigInvalid, load
from trader.app.profiles import Parameter, Part, Profile
from trader.engine.leases import LeaseTimes

# Where the operator mounts what it gives a pod (docs/seams.md §2).
CREDENTIALS = Path("/etc/trader/credentials")
DATABASE = Path("/etc/trader/database")
REDIS = Path("/etc/trader/redis")
NOTIFICATIONS = Path("/etc/trader/notifications")
STAGE_FILE = "stage.yaml"

Found = TypeVar("Found")
DnsName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)]


class SessionReference(Part):
    """Which TradingSession this process serves."""

    name: DnsName
    namespace: DnsName
    uid: Annotated[str, Field(min_length=1)]


class Account(Part):
    """Whose account, and what to do about what is in it beside ours."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{2,20}$")]
    foreign: Literal["Refuse", "Ignore"] = "Refuse"


class Egress(Part):
    """From which addresses Kite takes our orders, and who tells us which one is ours."""

    registered_addresses: Annotated[
        tuple[IPvAnyAddress, ...], Field(min_length=1, max_length=2, alias="registeredAddresses")
    ]
    check_url: Annotated[str, Field(pattern=r"^https?://", alias="checkURL")]
    """Answers with the caller's address as text; a service of the desk's own, or one that it trusts."""
    proxy_url: Annotated[str, Field(pattern=r"^http://[^\s/@]+/?$")] | None = Field(default=None, alias="proxyURL")
    """An HTTP proxy for all that goes to the broker, and for the check."""


class PaperAddress(Part):
    """A kitesim that mirrors the market of the account's broker."""

    url: Annotated[str, Field(pattern=r"^https?://[^/]+/?$")]
    stream_url: Annotated[str, Field(pattern=r"^wss?://[^/]+/?$", alias="streamURL")]


class BrokerAddress(Part):
    """Kite itself, or a simulator that speaks its protocols."""

    type: Literal["Kite", "Kitesim"]
    url: Annotated[str, Field(pattern=r"^https?://[^/]+/?$")] | None = None
    stream_url: Annotated[str, Field(pattern=r"^wss?://[^/]+/?$")] | None = Field(default=None, alias="streamURL")
    credentials_secret: DnsName | None = Field(default=None, alias="credentialsSecret")
    """The Secret whose files are mounted: a login writes the day's token there."""
    token_command: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(default=None, alias="tokenCommand")
    """A program that prints the access token, instead of the mounted file."""
    egress: Egress | None = None
    paper: PaperAddress | None = None
    """Where orders go on paper. A simulator without it has a second account for that; at Kite nothing is traded on paper then."""

    @property
    def proxy(self) -> str | None:
        """The HTTP proxy that stands between us and the broker; None without one."""
        return self.egress.proxy_url if self.egress is not None else None

    @model_validator(mode="after")
    def _addressed(self) -> "BrokerAddress":
        if self.type == "Kitesim" and (self.url is None or self.stream_url is None):
            raise ValueError("type Kitesim needs url and streamURL")
        if self.type == "Kite" and (self.url is not None or self.stream_url is not None):
            raise ValueError("type Kite takes no url and no streamURL: they are Zerodha's own")
        return self


class Lease(Part):
    """The Lease of the account and its timing."""

    name: DnsName
    duration_seconds: Annotated[int, Field(ge=1, alias="durationSeconds")] = 15
    renew_deadline_seconds: Annotated[int, Field(ge=1, alias="renewDeadlineSeconds")] = 8
    retry_period_seconds: Annotated[int, Field(ge=1, alias="retryPeriodSeconds")] = 2

    @model_validator(mode="after")
    def _leaves_room(self) -> "Lease":
        self.times()
        return self

    def times(self) -> LeaseTimes:
        """In the engine's words; raises ValueError for timings that leave no room."""
        return LeaseTimes(self.duration_seconds, self.renew_deadline_seconds, self.retry_period_seconds)


class CalendarChoice(Part):
    """Whose trading hours hold."""

    exchange: Literal["AlwaysOpen", "NFO", "NSE"]
    timezone: Literal["Asia/Kolkata"] = "Asia/Kolkata"


class StrategyChoice(Part):
    """One strategy and its parameters."""

    name: Annotated[str, Field(min_length=1)]
    parameters: dict[str, Parameter] = Field(default_factory=dict)


class ConfigReference(Part):
    """Which revision of the configuration this is."""

    stage: str = ""
    profile: str = ""
    hash: str = ""


class StageFile(Part):
    """`stage.yaml`, beside the profile: what the operator says about it."""

    stage: str
    awaits_promotion: Annotated[bool, Field(alias="awaitsPromotion")] = False


class SessionFile(Part):
    """`session.yaml`."""

    session: SessionReference
    account: Account
    broker: BrokerAddress
    lease: Lease
    calendar: CalendarChoice
    strategies: Annotated[tuple[StrategyChoice, ...], Field(min_length=1)]
    config: ConfigReference = Field(default_factory=ConfigReference)

    @model_validator(mode="after")
    def _each_strategy_once(self) -> "SessionFile":
        names = [each.name for each in self.strategies]
        if len(set(names)) != len(names):
            raise ValueError("each strategy stands once")
        return self


@dataclass(frozen=True, slots=True)
class Pod:
    """Who this process is."""

    name: str
    uid: str
    namespace: str
    node: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it, checked."""

    session: SessionFile
    profile: Profile
    pod: Pod
    credentials: Path
    """One file a key; may lack what this broker does not need."""
    database_url: str | None
    """None: read `database / "url"` until it is there."""
    database: Path
    redis: Path
    """Where `url` may stand; without it the leader's picture is not shared."""
    notifications: Path
    """Where `urls` may stand: whom to tell, one Apprise URL a line."""
    emergency_directory: Path
    in_cluster: bool
    http_host: str
    http_port: int
    awaits_promotion: bool = False
    """No configuration is stable yet: no new risk until the operator has spoken for one."""
    needs_permission: bool = False
    """An operator made this pod: new risk needs its word in the session's status."""


def pod_from_environment() -> Pod:
    """From the downward API.

    Raises:
        ConfigInvalid: a variable is missing.
    """
    names = ("POD_NAME", "POD_UID", "POD_NAMESPACE", "NODE_NAME")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise ConfigInvalid([f"{name}: is missing from the environment; the operator sets it" for name in missing])
    return Pod(*(os.environ[name] for name in names))


def cluster_settings(session_file: Path, profile_file: Path, host: str, port: int) -> Settings:
    """Read what the operator mounted.

    Raises:
        ConfigInvalid: a document or the environment is wrong.
    """
    problems: list[str] = []
    session, profile, stage, pod = (
        _collect(problems, lambda: load(session_file, SessionFile)),
        _collect(problems, lambda: load(profile_file, Profile)),
        _collect(problems, lambda: _stage(profile_file.with_name(STAGE_FILE))),
        _collect(problems, pod_from_environment),
    )
    if problems or session is None or profile is None or stage is None or pod is None:
        raise ConfigInvalid(problems)
    reference = ConfigReference(stage=stage.stage, profile=profile.name, hash=hash_of(profile_file))
    return Settings(
        session=session.model_copy(update={"config": reference}),
        profile=profile,
        pod=pod,
        credentials=Path(os.environ.get("TRADER_CREDENTIALS", CREDENTIALS)),
        database_url=None,
        database=Path(os.environ.get("TRADER_DATABASE", DATABASE)),
        redis=Path(os.environ.get("TRADER_REDIS", REDIS)),
        notifications=Path(os.environ.get("TRADER_NOTIFICATIONS", NOTIFICATIONS)),
        emergency_directory=Path(os.environ.get("TRADER_EMERGENCY", "/var/lib/trader")),
        in_cluster=True,
        http_host=host,
        http_port=port,
        awaits_promotion=stage.awaits_promotion,
        needs_permission=bool(stage.stage),
    )


def _stage(path: Path) -> StageFile:
    """What the operator says of the profile; without the file there is no operator (a drill, a trial)."""
    return load(path, StageFile) if path.exists() else StageFile(stage="")


def hash_of(profile_file: Path) -> str:
    """The name of a configuration: the sha256 of its profile's bytes."""
    return hashlib.sha256(profile_file.read_bytes()).hexdigest()


def _collect(problems: list[str], read: Callable[[], Found]) -> Found | None:
    try:
        return read()
    except ConfigInvalid as error:
        problems.extend(error.problems)
        return None

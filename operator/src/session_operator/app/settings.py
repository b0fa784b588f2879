"""What the operator is told by its environment, `OPERATOR_…`; read once, at the start."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from session_operator.errors import SettingsError

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Settings(BaseSettings):
    """The operator's settings."""

    model_config = SettingsConfigDict(env_prefix="OPERATOR_", frozen=True, extra="ignore")

    trader_image: str = Field(min_length=1, description="The traders' image, where a session names none.")
    namespace: str = Field(default="", description="The operator's own namespace; default: that of its account.")
    namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Namespaces with sessions, comma-separated; empty: the whole cluster."
    )
    profiles_configmap: str = Field(default="trading-session-profiles", min_length=1)
    resync_seconds: float = Field(default=30.0, ge=1, le=3600)
    report_seconds: float = Field(default=10.0, ge=1, le=600)
    relist_seconds: float = Field(default=60.0, ge=5, le=3600)
    rollout_seconds: float = Field(default=2.0, ge=0.2, le=60)
    trader_token_file: Path = Field(
        default=Path("/var/run/secrets/tradeops.dev/trader/token"),
        description="Where the kubelet keeps a token of our account, made for the traders' audience alone.",
    )
    profiles_seconds: float = Field(default=5.0, ge=0.2, le=600)
    request_seconds: float = Field(default=10.0, ge=1, le=60)
    lease: str = Field(
        default="trading-session-operator", min_length=1, description="The Lease by which replicas elect one."
    )
    identity: str = Field(default="", description="This replica's name in the Lease; default: the host's.")
    workers: int = Field(default=4, ge=1, le=64)
    host: str = Field(default="0.0.0.0")  # noqa: S104  # the kubelet and Prometheus come from outside the pod
    metrics_port: int = Field(default=9090, ge=0, le=65535)
    health_port: int = Field(default=8081, ge=0, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @property
    def own_namespace(self) -> str:
        """The operator's own namespace: as told, else its service account's, else `default`."""
        if self.namespace:
            return self.namespace
        return NAMESPACE_FILE.read_text().strip() if NAMESPACE_FILE.exists() else "default"


def read_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a variable is missing or wrong; the message names each.
    """
    try:
        return Settings()
    except ValidationError as error:
        found = []
        for each in error.errors(include_url=False):
            name = f"OPERATOR_{'_'.join(str(part) for part in each['loc']).upper()}"
            was = "" if each["type"] == "missing" else f", was {each['input']!r}"
            found.append(f"{name}: {each['msg']}{was}")
        raise SettingsError("; ".join(found)) from error

"""Which image a pod runs; apart from the API server's client, which a run by hand does not load."""

from dataclasses import dataclass


class PodsAway(Exception):  # noqa: N818 - what happened
    """The API server did not tell."""


@dataclass(frozen=True, slots=True)
class PodImage:
    """What a pod runs."""

    uid: str
    digest: str
    """`sha256:…`; empty while its container has not started."""

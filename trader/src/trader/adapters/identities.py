"""Who a bearer token belongs to, as some authority says; apart from the authority's client, which a run by hand does not load."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of the API server."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


class ReviewsAway(Exception):  # noqa: N818 - what happened
    """The API server did not answer, or not with a review."""

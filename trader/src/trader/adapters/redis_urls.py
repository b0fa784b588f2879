"""Redis by its URL: one that cannot be used is told without its parts, for what a parser takes for a port may be the password."""

from typing import Any

from redis.asyncio import Redis


def redis_of(url: str, **options: Any) -> Redis:
    """A client; it connects when it is asked something.

    Raises:
        ValueError: not a URL of a Redis.
    """
    try:
        client = Redis.from_url(url, **options)
        # A parameter that nobody knows is found here, not by the first order.
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError):
        raise ValueError(
            "is no Redis URL: expected redis://USER:PASSWORD@HOST:PORT/NUMBER, with / # ? @ and : of the password as "
            "%2F %23 %3F %40 and %3A"
        ) from None
    return client

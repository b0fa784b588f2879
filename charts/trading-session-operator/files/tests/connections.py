"""What `helm test` runs in the trader image: each part answers, by the names and Secrets that sessions use."""

import os
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

SECRETS = Path("/etc/trading-session-test")


def web(url: str, token: str = "") -> str:
    """Ask a URL; anything but a 2xx answer within 5 s is an error."""
    request = urllib.request.Request(url)  # noqa: S310  # the chart's own services
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return f"HTTP {answer.status}"


def database(url: str) -> str:
    """Log in and ask for the version."""
    import psycopg  # noqa: PLC0415  # only where a database is part of the release

    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute("show server_version").fetchone()
    return f"PostgreSQL {row[0] if row else '?'}"


def broker(url: str) -> str:
    """Log in and ping."""
    import redis  # noqa: PLC0415  # only where a Redis is part of the release

    with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
        client.ping()
    return "PONG"


def secret(name: str) -> str:
    """Read a mounted Secret value."""
    return (SECRETS / name).read_text(encoding="utf-8").strip()


def checks() -> dict[str, Callable[[], str]]:
    """List what this release has, by name."""
    found: dict[str, Callable[[], str]] = {"operator": lambda: web(os.environ["OPERATOR_URL"])}
    if kitesim := os.environ.get("KITESIM_URL"):
        found["kitesim"] = lambda: web(f"{kitesim}/sim/clock", secret("control_token"))
    if (SECRETS / "database_url").exists():
        found["postgresql"] = lambda: database(secret("database_url"))
    if (SECRETS / "redis_url").exists():
        found["redis"] = lambda: broker(secret("redis_url"))
    return found


def main() -> int:
    """Run all checks, print one line each, and fail if any failed."""
    failed = 0
    for name, check in checks().items():
        try:
            sys.stdout.write(f"ok      {name}: {check()}\n")
        except Exception as error:  # each part is judged; the line says why it failed
            failed += 1
            sys.stdout.write(f"failed  {name}: {type(error).__name__}: {error}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

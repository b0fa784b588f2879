"""A PostgreSQL of the test run's own: real, private, in a temporary directory, gone afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"


def _binaries() -> Path:
    """Where initdb and pg_ctl are; installs Debian's package when they are missing and we may."""
    found = _find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "--yes", "--no-install-recommends", "postgresql"]
        subprocess.run(install, check=True, env=environment, capture_output=True, timeout=600)
        found = _find()
    if found is None:
        raise RuntimeError("PostgreSQL's initdb is missing: install it (Debian: apt-get install postgresql)")
    return found


def _find() -> Path | None:
    on_path = shutil.which("initdb")
    candidates = [Path(on_path)] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return candidates[-1].resolve().parent if candidates else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server() -> Iterator[str]:
    """Start it; yields `host:port` on loopback, user `postgres`, no password."""
    binaries = _binaries()
    is_root = os.geteuid() == 0
    user = USER if is_root else None  # initdb refuses root
    home = Path(tempfile.mkdtemp(prefix="trader-postgresql-"))
    port = _free_port()
    try:
        if is_root:
            record = pwd.getpwnam(USER)
            os.chown(home, record.pw_uid, record.pw_gid)

        def run(*command: str) -> None:
            done = subprocess.run(
                [str(binaries / command[0]), *command[1:]],
                user=user,
                cwd=home,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
            if done.returncode != 0:
                raise RuntimeError(f"{command[0]} failed with {done.returncode}: {done.stderr.strip()}")

        data = str(home / "data")
        run("initdb", "--pgdata", data, "--username", USER, "--auth", "trust", "--encoding", "UTF8", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {home} -c max_connections=50"
        try:
            run("pg_ctl", "--pgdata", data, "--wait", "--log", str(home / "log"), "--options", options, "start")
            yield f"127.0.0.1:{port}"
        finally:
            run("pg_ctl", "--pgdata", data, "--wait", "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)

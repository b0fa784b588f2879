"""A Redis of a test's own: real, on a socket in a temporary directory, gone afterwards."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def redis_program() -> str:
    """redis-server, installed when this is root on Debian."""
    if (found := shutil.which("redis-server")) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True, timeout=120)
        # The package would start a server of its own; only the program is wanted.
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "redis-tools", "redis-server"]
        policy = Path("/usr/sbin/policy-rc.d")
        stands = policy.exists()
        if not stands:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            subprocess.run(command, check=True, timeout=300, env=environment, stdout=subprocess.DEVNULL)
        finally:
            if not stands:
                policy.unlink()
        found = shutil.which("redis-server")
    assert found, "redis-server is missing; install Debian's package redis-server"
    return found


@contextlib.contextmanager
def running_redis(directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start one in a directory of its own; yields the process, which may be stopped with SIGSTOP, and its URL."""
    path = directory / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(directory)]
    process = subprocess.Popen([redis_program(), *options], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, "redis-server did not start"
        time.sleep(0.02)
    try:
        yield process, f"unix://{path}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()

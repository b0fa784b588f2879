"""A Docker daemon of the tool's own: started for the cluster, gone with it.

It shares nothing with a daemon of the machine's: own containerd, sockets,
pid files, data root and cgroup. What the machine was like before is written
down first, so that `stop` and `sweep` can take away exactly what was added,
also after a crash, a `kill -9` or a restart of the machine.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ops.cluster import binaries, leftovers, packages, pins
from ops.cluster.console import step
from ops.cluster.errors import ClusterError, CommandError
from ops.cluster.places import DATA, RUNTIME
from ops.cluster.running import Result, run

_START_SECONDS = 40
_STOP_SECONDS = 25
_CAP_SYS_RESOURCE = 24
CGROUP = "tsn-docker"
DOCKER_SOCKET = RUNTIME / "docker.sock"
CONTAINERD_SOCKET = RUNTIME / "containerd.sock"


def start() -> None:
    """Start the daemon, after sweeping up what an earlier one may have left."""
    packages.ensure_daemon_packages()
    with step("start a private Docker daemon"):
        sweep()
        for folder in (RUNTIME / "bin", DATA):
            folder.mkdir(parents=True, exist_ok=True)
        leftovers.remember(RUNTIME / "before.json")
        _link_client()
        (RUNTIME / "daemon.json").write_text(json.dumps(daemon_configuration(_shim()), indent=2))
        (RUNTIME / "containerd.toml").write_text(_containerd_configuration())
        _launch("containerd", f"{RUNTIME}/containerd.toml", CONTAINERD_SOCKET.exists)
        _launch("dockerd", f"{RUNTIME}/daemon.json", _answers)


def empty(docker: Callable[..., Result]) -> None:
    """Remove the daemon's containers, volumes and unnamed images, while it still runs."""
    containers = docker("ps", "--all", "--quiet").output.split()
    if containers:
        docker("rm", "--force", "--volumes", *containers, timeout_seconds=120)
    for kind in ("network", "volume", "image"):
        docker(kind, "prune", "--force", timeout_seconds=120, check=False)


def stop() -> None:
    """Stop the daemon and take away what it added to the machine. Images stay in its data root."""
    with step("stop the private Docker daemon"):
        for name in ("dockerd", "containerd"):
            process = _alive(name)
            if process is not None:
                os.kill(process, signal.SIGTERM)
                _await_end(process)
        sweep()
        shutil.rmtree(RUNTIME, ignore_errors=True)


def sweep() -> None:
    """Take away processes, mounts, interfaces, rules and cgroups that a dead daemon left behind."""
    leftovers.end_processes([str(CONTAINERD_SOCKET), f"{RUNTIME}/daemon.json", f"{RUNTIME}/containerd.toml"], CGROUP)
    leftovers.unmount([RUNTIME, DATA])
    leftovers.restore_network(RUNTIME / "before.json")
    leftovers.remove_cgroups(CGROUP)
    for stale in (
        "docker.sock",
        "docker.pid",
        "containerd.sock",
        "containerd.sock.ttrpc",
        "dockerd.pid",
        "containerd.pid",
    ):
        (RUNTIME / stale).unlink(missing_ok=True)


def has_containers() -> bool:
    """Tell whether the data root still holds containers of an earlier daemon."""
    folder = DATA / "docker" / "containers"
    return folder.is_dir() and any(folder.iterdir())


def leaves_traces() -> bool:
    """Tell whether anything of a private daemon, alive or dead, is left outside its data root."""
    return RUNTIME.exists()


def purge() -> None:
    """Remove the data root with all images. Only for a stopped daemon."""
    if DATA.exists():
        with step("remove the private daemon's images"):
            leftovers.unmount([DATA])
            shutil.rmtree(DATA)


def daemon_configuration(shim: Path | None) -> dict[str, object]:
    """Return the daemon's configuration, with the shim as default runtime if there is one."""
    configuration: dict[str, object] = {
        "hosts": [f"unix://{DOCKER_SOCKET}"],
        "pidfile": f"{RUNTIME}/docker.pid",
        "exec-root": f"{RUNTIME}/exec",
        "data-root": f"{DATA}/docker",
        "containerd": str(CONTAINERD_SOCKET),
        # One parent for all containers, so that what a crash leaves can be found and removed.
        "cgroup-parent": f"/{CGROUP}",
        # Lowering it needs CAP_SYS_RESOURCE, and the daemon refuses to start if it may not.
        "oom-score-adjust": 0,
        # It would write a key for image signing that nothing reads into /etc/docker.
        "deprecated-key-path": f"{DATA}/docker/key.json",
        "storage-driver": "overlay2",
        "log-opts": {"max-size": "20m"},
    }
    if shim is not None:
        configuration |= {"runtimes": {"bounded": {"path": str(shim)}}, "default-runtime": "bounded"}
    return configuration


def may_grant(status: str, capability: int) -> bool:
    """Tell from the text of /proc/self/status whether a capability is in the bounding set."""
    for line in status.splitlines():
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> capability & 1)
    return False


def _shim() -> Path | None:
    if may_grant(Path("/proc/self/status").read_text(), _CAP_SYS_RESOURCE):
        return None
    # A copy: the cache may be purged while the daemon lives.
    built = binaries.ensure([pins.RUNTIME_SHIM])[pins.RUNTIME_SHIM.name]
    return Path(shutil.copy(built, RUNTIME / "bin" / "runtime-shim"))


def _link_client() -> None:
    link = RUNTIME / "bin" / "docker"
    link.unlink(missing_ok=True)
    link.symlink_to("/usr/bin/docker")


def _containerd_configuration() -> str:
    return f"""version = 2
root = "{DATA}/containerd"
state = "{RUNTIME}/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[plugins."io.containerd.internal.v1.opt"]
path = "{DATA}/containerd/opt"
[grpc]
address = "{CONTAINERD_SOCKET}"
"""


def _launch(name: str, configuration: str, is_ready: Callable[[], bool]) -> None:
    command = {"containerd": ["/usr/bin/containerd", "--config"], "dockerd": ["/usr/sbin/dockerd", "--config-file"]}
    log = RUNTIME / f"{name}.log"
    with log.open("ab") as output:
        # A session of its own: it must outlive this tool and its terminal.
        process = subprocess.Popen(
            [*command[name], configuration],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            cwd="/",
        )
    (RUNTIME / f"{name}.pid").write_text(str(process.pid))
    limit = time.monotonic() + _START_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        if is_ready():
            return
        time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
    raise ClusterError(f"the private {name} did not start; the end of {log}:\n{tail}")


def _answers() -> bool:
    if not DOCKER_SOCKET.exists():
        return False
    command = ["/usr/bin/docker", "--host", f"unix://{DOCKER_SOCKET}", "version", "--format", "{{.Server.Version}}"]
    try:
        return run(command, timeout_seconds=10, check=False).code == 0
    except CommandError:
        return False


def _alive(name: str) -> int | None:
    """Return the id of the running daemon, None if the pid file is stale or names some other program."""
    try:
        process = int((RUNTIME / f"{name}.pid").read_text())
        command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, ValueError):
        return None
    is_ours = bool(command[0]) and Path(command[0].decode()).name == name and state != "Z"
    return process if is_ours else None


def _await_end(process: int) -> None:
    limit = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < limit and leftovers.is_running(process):
        time.sleep(0.1)
    if leftovers.is_running(process):
        os.kill(process, signal.SIGKILL)

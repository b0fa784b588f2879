"""Takes away what a private Docker daemon leaves on the machine.

Each thing is recognised as ours by construction, never by a broad name:
processes by our socket's path in their arguments or by our cgroup, mounts
by our folders, bridges and rules by a note of what was there before.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from ops.cluster.running import run

_CGROUPS = Path("/sys/fs/cgroup")
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
# What Docker names its bridges: the default one, and br- with the network's id.
_BRIDGE = re.compile(r"^(docker0|br-[0-9a-f]{12})$")
# Folders that Docker or containerd make at fixed places, where the machine has none.
_FOLDERS = ("/lib/modules", "/run/containerd", "/run/docker", "/opt/containerd", "/etc/docker")
_END_SECONDS = 10


def remember(file: Path) -> None:
    """Write down what the machine was like before the daemon; a start after a crash does not overwrite it."""
    boot = _BOOT.read_text().strip()
    if _remembered(file).get("boot") == boot:
        return
    state = {
        "boot": boot,
        "forwarding": _FORWARDING.read_text().strip(),
        "bridges": sorted(_bridges()),
        "tables": _tables(),
        "folders": [folder for folder in _FOLDERS if Path(folder).exists()],
    }
    aside = file.with_suffix(".aside")
    aside.write_text(json.dumps(state))
    aside.replace(file)


def restore_network(file: Path) -> None:
    """Remove the bridges, rules, tables and folders that came after `remember`. The note itself stays."""
    state = _remembered(file)
    # Another boot has other bridges and empty tables: nothing of ours can be left.
    if state.get("boot") != _BOOT.read_text().strip():
        return
    for bridge in sorted(_bridges() - set(state["bridges"])):
        run(["ip", "link", "delete", bridge], timeout_seconds=10, check=False)
    for program in ("iptables", "ip6tables"):
        _remove_rules(program)
    for table in _tables():
        if table not in state["tables"] and _is_empty(table):
            run(["nft", "delete", "table", *table.split()], timeout_seconds=10, check=False)
    if _FORWARDING.read_text().strip() != state["forwarding"]:
        _FORWARDING.write_text(str(state["forwarding"]))
    for folder in _FOLDERS:
        if folder not in state.get("folders", _FOLDERS) and not Path(folder, "containerd.sock").exists():
            shutil.rmtree(folder, ignore_errors=True)


def end_processes(marks: Iterable[str], cgroup: str) -> None:
    """End every process that carries one of our paths among its arguments or lives in our cgroup."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        ours = {*_marked(marks), *_members(cgroup)} - {os.getpid()}
        for process in ours:
            _signal(process, number)
        limit = time.monotonic() + _END_SECONDS
        while ours and time.monotonic() < limit:
            ours = {process for process in ours if is_running(process)}
            # A container's first process ignores SIGTERM unless it asked for it; do not wait long for those.
            if number == signal.SIGTERM and time.monotonic() > limit - _END_SECONDS + 3:
                break
            time.sleep(0.05)


def unmount(folders: Iterable[Path]) -> None:
    """Unmount everything under our folders, the deepest first."""
    points = mount_points(Path("/proc/self/mountinfo").read_text(), folders)
    for point in points:
        run(["umount", "--lazy", point], timeout_seconds=20, check=False)


def mount_points(mountinfo: str, folders: Iterable[Path]) -> list[str]:
    """Return the mount points of a mountinfo text that lie under the folders, the deepest first."""
    fields = (line.split() for line in mountinfo.splitlines())
    points = [entry[4].replace("\\040", " ") for entry in fields if len(entry) > 4]
    ours = [point for point in points if any(Path(point).is_relative_to(folder) for folder in folders)]
    return sorted(ours, key=lambda point: point.count("/"), reverse=True)


def remove_cgroups(name: str) -> None:
    """Remove our cgroup in every hierarchy, the deepest folder first."""
    for top in _cgroup_folders(name):
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:
                continue  # a process that is just ending still holds it; the next sweep takes it


def is_running(process: int) -> bool:
    """Tell whether a process exists and is more than a zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def rules_to_delete(saved: str) -> list[list[str]]:
    """Return the arguments that delete Docker's rules and chains, from the text of `iptables-save`.

    A rule is Docker's if it names one of its chains or bridges, or if it lets a container reach
    itself through a published port: such a rule names nothing but an address of a bridge's range.
    """
    rules: list[list[str]] = []
    chains: list[list[str]] = []
    table = ""
    ranges = _bridge_ranges(saved)
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":DOCKER"):
            chain = line[1:].split()[0]
            rules.append(["-t", table, "-F", chain])
            chains.append(["-t", table, "-X", chain])
        elif line.startswith("-A ") and not line.startswith("-A DOCKER"):
            words = line.split()
            is_named = any(word.startswith("DOCKER") or _BRIDGE.match(word) for word in words)
            if is_named or _is_loop(words, ranges):
                rules.append(["-t", table, "-D", *words[1:]])
    return [*rules, *chains]


def _bridge_ranges(saved: str) -> list[IPv4Network | IPv6Network]:
    """Return the address ranges that are translated on their way out of Docker's bridges."""
    found = re.findall(r"^-A POSTROUTING -s (\S+) ! -o (\S+) -j MASQUERADE$", saved, re.MULTILINE)
    return [ip_network(source) for source, interface in found if _BRIDGE.match(interface)]


def _is_loop(words: list[str], ranges: list[IPv4Network | IPv6Network]) -> bool:
    """Tell whether a rule translates what an address of one of the ranges sends to itself."""
    if "-s" not in words or "-d" not in words or words[-1] != "MASQUERADE":
        return False
    source, destination = words[words.index("-s") + 1], words[words.index("-d") + 1]
    address = ip_network(source).network_address
    return source == destination and any(address in known for known in ranges)


def _remove_rules(program: str) -> None:
    if shutil.which(program) is None:
        return
    saved = run([f"{program}-save"], timeout_seconds=10, check=False).output
    deletions = rules_to_delete(saved)
    for arguments in deletions:
        run([program, *arguments], timeout_seconds=10, check=False)
    # Docker closes the chain that it opens for its own containers; only what it did is undone.
    if deletions:
        run([program, "-P", "FORWARD", "ACCEPT"], timeout_seconds=10, check=False)


def _remembered(file: Path) -> dict[str, list[str] | str]:
    try:
        state: dict[str, list[str] | str] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return state


def _bridges() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir() if _BRIDGE.match(path.name)}


def _tables() -> list[str]:
    if shutil.which("nft") is None:
        return []
    listed = run(["nft", "list", "tables"], timeout_seconds=10, check=False).output
    return [line.removeprefix("table ").strip() for line in listed.splitlines() if line.startswith("table ")]


def _is_empty(table: str) -> bool:
    """Tell whether a table has base chains that accept, and nothing else."""
    text = run(["nft", "list", "table", *table.split()], timeout_seconds=10, check=False).output
    inner = [line.strip() for line in text.splitlines()[1:] if line.strip() not in ("", "}")]
    return all(line.startswith("chain ") or (line.startswith("type ") and "policy accept" in line) for line in inner)


def _marked(marks: Iterable[str]) -> set[int]:
    wanted = [mark.encode() for mark in marks]
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                arguments = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(argument in wanted for argument in arguments):
                found.add(int(folder.name))
    return found


def _members(name: str) -> set[int]:
    found: set[int] = set()
    for top in _cgroup_folders(name):
        for file in top.rglob("cgroup.procs"):
            try:
                found.update(int(line) for line in file.read_text().split())
            except OSError:
                continue
    # Zero stands for a process of another pid namespace's parent: nobody's id here.
    return found - {0}


def _cgroup_folders(name: str) -> list[Path]:
    hierarchies = [_CGROUPS, *_CGROUPS.iterdir()] if _CGROUPS.is_dir() else []
    return [hierarchy / name for hierarchy in hierarchies if (hierarchy / name).is_dir()]


def _signal(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)

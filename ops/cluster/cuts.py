"""Puts cuts onto a node and takes them off, through the Docker daemon.

Nothing is remembered in files: which cuts are active is read from the node
itself, so a test that dies leaves a state that `status` shows and `heal`
repairs. A node that restarts has a new network namespace, and no cuts.
"""

import os
from pathlib import Path

from ops.cluster import rules
from ops.cluster.docker import Docker
from ops.cluster.errors import ClusterError
from ops.cluster.running import run

_INTERFACES = Path("/sys/class/net")
_NODE_INTERFACE = "eth0"
_UP = 0x1  # IFF_UP of linux/if.h


def active(docker: Docker, node: str) -> frozenset[str]:
    """Return the cuts that are active on a node."""
    listed = docker.run("exec", node, "nft", "list", "tables", timeout_seconds=15)
    link = _link(docker, node)
    down = link is not None and not int((link / "flags").read_text(), 16) & _UP
    return rules.cuts_in(listed.output) | ({"all"} if down else set())


def apply(docker: Docker, node: str, text: str) -> None:
    """Give rules to a node, all or none of them."""
    # Through the shell's standard input a multi-line text arrives as it is.
    run(
        [docker.client(), "exec", "--interactive", node, "nft", "-f", "-"],
        environment=docker.environment(),
        text=text,
        timeout_seconds=15,
    )


def cut_link(docker: Docker, node: str) -> None:
    """Take the node's link down at its outer end: it keeps its name, address and routes, and loses everybody."""
    link = _link(docker, node)
    if link is None:
        apply(docker, node, rules.link_cut(_NODE_INTERFACE))
    else:
        run(["ip", "link", "set", link.name, "down"], timeout_seconds=10)


def lift(docker: Docker, node: str) -> frozenset[str]:
    """Take every cut off a node; return which there were."""
    found = active(docker, node)
    link = _link(docker, node)
    if link is not None and "all" in found:
        run(["ip", "link", "set", link.name, "up"], timeout_seconds=10)
    if found:
        apply(docker, node, "".join(rules.lifted(cut) for cut in sorted(found)))
    return found


def _link(docker: Docker, node: str) -> Path | None:
    """Return this machine's end of the node's link, None where the links are not this machine's to change."""
    if os.geteuid() != 0 or not docker.is_local:
        return None
    peer = docker.run(
        "exec", node, "cat", f"/sys/class/net/{_NODE_INTERFACE}/iflink", timeout_seconds=15
    ).output.strip()
    for interface in _INTERFACES.iterdir():
        if (interface / "ifindex").read_text().strip() == peer:
            return interface
    raise ClusterError(f"this machine has no interface with the index {peer}, the outer end of {node}'s link")

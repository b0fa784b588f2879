"""The nftables rules of a cut, as text. Pure: nothing here touches a machine.

The rules live in the network namespace of one node. They look at packets
after Service addresses are translated, so a cut holds for a Service's name
and address as well as for the pod's own. They drop without an answer and
without regard to connection state: to both ends, also of connections that
stand already, the other end simply falls silent, as in a real partition.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

# Cuts by their short name, the table of each in its node, and what the target pods are labelled with.
CUTS = ("all", "api", "database", "broker")
COMPONENTS = {"database": "postgresql", "broker": "kitesim"}
PODS = "pods"
"""The cut that takes single pods, not a node, from the API server."""
_PREFIX = "tsn_cut_"


@dataclass(frozen=True, slots=True)
class Target:
    """A pod that a node shall not reach."""

    address: str
    node: str


def table_name(cut: str) -> str:
    """Return the name of the table that holds a cut."""
    return _PREFIX + cut


def cuts_in(listed: str) -> frozenset[str]:
    """Return the cuts whose tables `nft list tables` prints."""
    names = (line.split()[-1] for line in listed.splitlines() if line.strip())
    return frozenset(name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX))


def lifted(cut: str) -> str:
    """Return the rules that lift a cut; they are valid whether or not it is active."""
    return f"table inet {table_name(cut)}\ndelete table inet {table_name(cut)}\n"


def api_cut(addresses: Sequence[str], port: int) -> str:
    """Return the rules that part a node and its pods from the API server at these addresses."""
    outgoing = [f"{_match(address, 'daddr')} tcp dport {port} drop" for address in addresses]
    incoming = [f"{_match(address, 'saddr')} tcp sport {port} drop" for address in addresses]
    # postrouting sees what the node sends and what it forwards for its pods, both after translation.
    return _table("api", {("postrouting", 300): outgoing, ("prerouting", -350): incoming})


def pods_api_cut(addresses: Sequence[str], port: int, pods: Sequence[str]) -> str:
    """Return the rules that part some pods of a node from the API server at these addresses; the node itself stays."""
    routed = []
    for pod in pods:
        for address in (each for each in addresses if _family(each) == _family(pod)):
            routed.append(f"{_match(pod, 'saddr')} {_match(address, 'daddr')} tcp dport {port} drop")
            routed.append(f"{_match(address, 'saddr')} {_match(pod, 'daddr')} tcp sport {port} drop")
    # forward sees what the node routes for its pods, after Service addresses are translated.
    return _table(PODS, {("forward", -10): routed})


def api_cut_at_home(addresses: Sequence[str], port: int, pod_range: str) -> str:
    """Return the rules that part the pods of the API server's own node from it.

    The kubelet there stays connected: it would otherwise find the API server dead and restart it,
    which would cut off everybody.
    """
    pods = _family(pod_range.split("/", maxsplit=1)[0])
    own = [address for address in addresses if _family(address) == pods]
    asking = [f"{pods} saddr {pod_range} {_match(address, 'daddr')} tcp dport {port} drop" for address in own]
    answering = [f"{pods} daddr {pod_range} {_match(address, 'saddr')} tcp sport {port} drop" for address in own]
    return _table("api", {("input", -10): asking, ("output", -10): answering})


def pods_cut(cut: str, node: str, pod_range: str, targets: Sequence[Target]) -> str:
    """Return the rules that part a node and its pods from the target pods.

    For a target on the node itself only the other pods are parted from it, not the kubelet,
    whose probes would otherwise turn a cut into a restart.
    """
    everywhere = [target.address for target in targets]
    elsewhere = [target.address for target in targets if target.node != node]
    pods = _family(pod_range.split("/", maxsplit=1)[0])
    forwarded = [f"{pods} saddr {pod_range} {_match(address, 'daddr')} drop" for address in everywhere]
    forwarded += [f"{pods} daddr {pod_range} {_match(address, 'saddr')} drop" for address in everywhere]
    chains = {
        ("forward", -10): forwarded,
        ("output", -10): [f"{_match(address, 'daddr')} drop" for address in elsewhere],
        ("input", -10): [f"{_match(address, 'saddr')} drop" for address in elsewhere],
    }
    return _table(cut, chains)


def link_cut(interface: str) -> str:
    """Return rules that silence a node's interface, for daemons whose links this machine cannot take down."""
    chains = {
        ("prerouting", -350): [f'iifname "{interface}" drop'],
        ("postrouting", 300): [f'oifname "{interface}" drop'],
    }
    return _table("all", chains)


def _table(cut: str, chains: dict[tuple[str, int], list[str]]) -> str:
    # Declared, deleted and written in one transaction: a repeated cut replaces the former without a gap.
    lines = [lifted(cut), f"table inet {table_name(cut)} {{"]
    for (hook, priority), rules in chains.items():
        lines.append(f"  chain {hook} {{")
        lines.append(f"    type filter hook {hook} priority {priority}; policy accept;")
        lines += [f"    {rule}" for rule in rules]
        lines.append("  }")
    return "\n".join([*lines, "}", ""])


def _match(address: str, side: str) -> str:
    return f"{_family(address)} {side} {address}"


def _family(address: str) -> str:
    return "ip" if ip_address(address).version == 4 else "ip6"

"""The rules of a cut, as text."""

from ops.cluster import rules

TARGETS = [rules.Target("10.244.0.9", "tsn-control-plane"), rules.Target("10.244.1.7", "tsn-worker")]


def chain(text: str, hook: str) -> list[str]:
    """Return the rules of one chain."""
    inner = text.split(f"  chain {hook} {{\n")[1].split("  }", maxsplit=1)[0]
    return [line.strip() for line in inner.splitlines()[1:]]


def test_a_cut_replaces_its_former_self_in_one_transaction() -> None:
    """Declaring, deleting and writing the table in one text leaves no moment without the cut."""
    text = rules.api_cut(["172.18.0.4"], 6443)
    assert text.startswith("table inet tsn_cut_api\ndelete table inet tsn_cut_api\n")
    assert text.count("table inet tsn_cut_api {") == 1


def test_no_rule_answers_or_asks_for_the_connections_state() -> None:
    """Silence, for standing connections as for new ones, is what a partition looks like."""
    texts = [
        rules.api_cut(["172.18.0.4", "fc00::4"], 6443),
        rules.api_cut_at_home(["172.18.0.4"], 6443, "10.244.0.0/24"),
        rules.pods_cut("database", "tsn-worker", "10.244.1.0/24", TARGETS),
        rules.link_cut("eth0"),
    ]
    for text in texts:
        assert "reject" not in text
        assert "ct state" not in text
        assert " drop" in text


def test_the_api_cut_hits_both_directions_of_every_address() -> None:
    """The node reaches the API server under no address of either family, and hears nothing from it."""
    text = rules.api_cut(["172.18.0.4", "fc00::4"], 6443)
    assert chain(text, "postrouting") == [
        "ip daddr 172.18.0.4 tcp dport 6443 drop",
        "ip6 daddr fc00::4 tcp dport 6443 drop",
    ]
    assert chain(text, "prerouting") == [
        "ip saddr 172.18.0.4 tcp sport 6443 drop",
        "ip6 saddr fc00::4 tcp sport 6443 drop",
    ]


def test_at_home_only_the_pods_lose_the_api_server() -> None:
    """Every rule names the pod range, so the kubelet's probes of the API server still pass."""
    text = rules.api_cut_at_home(["172.18.0.4", "fc00::4"], 6443, "10.244.0.0/24")
    assert chain(text, "input") == ["ip saddr 10.244.0.0/24 ip daddr 172.18.0.4 tcp dport 6443 drop"]
    assert chain(text, "output") == ["ip daddr 10.244.0.0/24 ip saddr 172.18.0.4 tcp sport 6443 drop"]


def test_a_pod_on_the_cut_node_keeps_its_probes_and_its_other_clients() -> None:
    """For a target on the node itself only that node's pods are cut off, not the kubelet and not other nodes."""
    text = rules.pods_cut("database", "tsn-worker", "10.244.1.0/24", TARGETS)
    assert all("10.244.1.0/24" in rule for rule in chain(text, "forward"))
    assert chain(text, "output") == ["ip daddr 10.244.0.9 drop"]
    assert chain(text, "input") == ["ip saddr 10.244.0.9 drop"]


def test_single_pods_lose_the_api_server_and_nobody_else_does() -> None:
    """Both directions of the pods named, by address; the node and its other pods stay connected."""
    text = rules.pods_api_cut(["172.18.0.4"], 6443, ["10.244.1.7"])
    assert chain(text, "forward") == [
        "ip saddr 10.244.1.7 ip daddr 172.18.0.4 tcp dport 6443 drop",
        "ip saddr 172.18.0.4 ip daddr 10.244.1.7 tcp sport 6443 drop",
    ]
    assert "hook output" not in text
    assert rules.cuts_in("table inet tsn_cut_pods\n") == {"pods"}


def test_active_cuts_are_read_from_the_tables_of_a_node() -> None:
    """Other tables, kube-proxy's and the pod network's, are not taken for cuts."""
    listed = "table ip kube-proxy\ntable ip pod_network\ntable inet tsn_cut_api\ntable inet tsn_cut_broker\n"
    assert rules.cuts_in(listed) == {"api", "broker"}
    assert rules.cuts_in("") == frozenset()


def test_lifting_is_valid_whether_or_not_the_cut_is_there() -> None:
    """Declaring a table before deleting it makes the deletion succeed always."""
    assert rules.lifted("all") == "table inet tsn_cut_all\ndelete table inet tsn_cut_all\n"

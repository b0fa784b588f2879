"""The cluster's shape, and the names of its nodes."""

import yaml

from ops.cluster import config


def test_node_names_are_kinds() -> None:
    """kind numbers workers from the second on."""
    assert config.node_names("tsn") == ["tsn-control-plane", "tsn-worker", "tsn-worker2"]


def test_nodes_are_found_by_full_and_short_name() -> None:
    """`worker2` means `tsn-worker2`; what names no node is None, not a guess."""
    assert config.full_node_name("tsn", "worker2") == "tsn-worker2"
    assert config.full_node_name("tsn", "tsn-control-plane") == "tsn-control-plane"
    assert config.full_node_name("tsn", "worker3") is None
    assert config.full_node_name("tsn", "other-worker") is None


def test_workers_lie_in_zones_of_their_own() -> None:
    """Traders spread over zones, so no two workers share one."""
    nodes = yaml.safe_load(config.kind_configuration())["nodes"]
    zones = [node["labels"]["topology.kubernetes.io/zone"] for node in nodes if node["role"] == "worker"]
    assert len(zones) == len(set(zones)) == config.WORKERS


def test_both_kubeadm_versions_get_the_same_times() -> None:
    """kubeadm's map and its later list say the same, and the list keeps kind's own argument."""
    patches = [yaml.safe_load(patch) for patch in yaml.safe_load(config.kind_configuration())["kubeadmConfigPatches"]]
    by_version = {patch.get("apiVersion"): patch for patch in patches}
    older = by_version["kubeadm.k8s.io/v1beta3"]["controllerManager"]["extraArgs"]
    newer = by_version["kubeadm.k8s.io/v1beta4"]["controllerManager"]["extraArgs"]
    assert older == {"node-monitor-grace-period": "20s"}
    assert {entry["name"]: entry["value"] for entry in newer} == {"enable-hostpath-provisioner": "true"} | older
    assert by_version[None] == {
        "kind": "KubeletConfiguration",
        "nodeStatusUpdateFrequency": "4s",
        "syncFrequency": "5s",
    }


def test_fsync_is_a_switch() -> None:
    """Tests do without waiting for the disk; a durability drill asks for it."""
    assert "unsafe-no-fsync" in config.kind_configuration()
    assert "unsafe-no-fsync" not in config.kind_configuration(fsync=True)

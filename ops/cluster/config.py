"""The kind configuration of the cluster, as text.

The times are shortened so that fault tests do not wait for defaults: a lost
node is noticed after 20 s instead of 50, and a changed ConfigMap reaches its
pods within seconds instead of a minute. Nothing else differs from stock kind.
"""

WORKERS = 2
# How long the control plane waits for a silent node before it counts as lost (default 50 s).
NODE_MONITOR_GRACE_SECONDS = 20
_KUBELET = {"nodeStatusUpdateFrequency": "4s", "syncFrequency": "5s"}


def node_names(cluster: str) -> list[str]:
    """Return the names that kind gives to the nodes, the control plane first."""
    workers = [f"{cluster}-worker{number if number > 1 else ''}" for number in range(1, WORKERS + 1)]
    return [f"{cluster}-control-plane", *workers]


def full_node_name(cluster: str, name: str) -> str | None:
    """Return the node meant by a full or short name (`worker2` for `tsn-worker2`), None if there is none."""
    for node in node_names(cluster):
        if name in (node, node.removeprefix(f"{cluster}-")):
            return node
    return None


def kind_configuration(*, fsync: bool = False) -> str:
    """Return kind's configuration. Without `fsync` etcd does not wait for the disk: faster, lost on power failure."""
    manager = {"node-monitor-grace-period": f"{NODE_MONITOR_GRACE_SECONDS}s"}
    etcd = {} if fsync else {"unsafe-no-fsync": "true"}
    kubelet = "\n".join(f"  {key}: {value}" for key, value in _KUBELET.items())
    workers = "\n".join(
        f"- role: worker\n  labels: {{topology.kubernetes.io/zone: zone-{chr(ord('a') + number)}, tradeops.dev/traders: 'true'}}"
        for number in range(WORKERS)
    )
    # kubeadm's v1beta3 takes arguments as a map; from v1beta4 on (Kubernetes 1.36 with this kind) they are a list,
    # and a patch replaces the whole list, so kind's own argument is repeated. A patch applies to its version only.
    # Not nftables: on kernel 6.18 with nft 1.0.6, kube-proxy's whole resync (each hour, and at its restart) flushes and
    # refills its maps in one transaction and leaves them empty; every Service then refuses connections.
    return f"""kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking:
  kubeProxyMode: iptables
nodes:
- role: control-plane
{workers}
kubeadmConfigPatches:
- |
  apiVersion: kubeadm.k8s.io/v1beta3
  kind: ClusterConfiguration
  controllerManager:
    extraArgs: {_mapping(manager)}
  etcd:
    local:
      extraArgs: {_mapping(etcd)}
- |
  apiVersion: kubeadm.k8s.io/v1beta4
  kind: ClusterConfiguration
  controllerManager:
    extraArgs: {_listing({"enable-hostpath-provisioner": "true"} | manager)}
  etcd:
    local:
      extraArgs: {_listing(etcd)}
- |
  kind: KubeletConfiguration
{kubelet}
"""


def _mapping(arguments: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}: "{value}"' for name, value in arguments.items()) + "}"


def _listing(arguments: dict[str, str]) -> str:
    return "[" + ", ".join(f'{{name: {name}, value: "{value}"}}' for name, value in arguments.items()) + "]"

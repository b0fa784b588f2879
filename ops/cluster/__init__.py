"""The real Kubernetes cluster that tests, drills and the demo run on.

One kind cluster, one control plane and two workers, from one small tool:
`python -m ops.cluster up`. Where a container registry can be reached it is
stock kind; where none can, the tool builds the node image itself from Go
modules and Debian packages, and starts a Docker daemon of its own if none
answers. Both ways end in the same cluster, so whatever is proven here is
proven against real kubeadm, kubelet and etcd, not against a stand-in.

The library entry for tests is `ops.cluster.faults`.
"""

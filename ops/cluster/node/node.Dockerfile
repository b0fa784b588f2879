# The node image but for the preloaded images: Kubernetes' own programs and what kind reads from /kind.
ARG NODE_BASE
FROM ${NODE_BASE}
COPY kubeadm kubelet kubectl /usr/bin/
COPY version /kind/version
COPY default-cni.yaml /kind/manifests/default-cni.yaml
COPY default-storage.yaml /kind/manifests/default-storage.yaml
RUN chmod 755 /usr/bin/kubeadm /usr/bin/kubelet /usr/bin/kubectl

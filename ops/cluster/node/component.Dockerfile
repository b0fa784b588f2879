# One static Kubernetes component per image; kubeadm's manifests start it by its name from PATH.
ARG FROM=scratch
FROM ${FROM}
ARG BINARY
COPY ${BINARY} /usr/local/bin/
ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

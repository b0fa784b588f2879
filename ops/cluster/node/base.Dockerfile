# The ground of a node: systemd, containerd and what kubelet needs, from Debian's packages.
# The build context also holds kind-files/, the files of kind's own base image, taken from its Go module.
ARG BASE
FROM ${BASE}
COPY kind-files/usr/local/bin/ /usr/local/bin/
COPY kind-files/kind/ /kind/
COPY kind-files/etc/ /etc/
COPY crictl /usr/local/bin/crictl
COPY base-setup.sh /tmp/base-setup.sh
RUN bash /tmp/base-setup.sh
# systemd asks for this variable to know that it runs in a container, and stops cleanly at this signal only.
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]

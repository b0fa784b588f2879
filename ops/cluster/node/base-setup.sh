#!/bin/bash
# Turns the Debian base into a kind node base: packages, units, containerd's configuration.
# The list follows kind's own base image; NFS, iSCSI and FUSE are left out, nothing here uses them.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

apt-get update -qq
# Packages bring files that kind's own already stand for, containerd's configuration first of all.
apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold \
  systemd dbus conntrack iptables nftables iproute2 ethtool util-linux mount kmod libseccomp2 pigz e2fsprogs \
  bash ca-certificates curl jq procps containerd runc containernetworking-plugins >/dev/null
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /usr/share/{doc,man,locale}/*

chmod 755 /kind /kind/bin /kind/bin/* /usr/local/bin/*

# A node boots only what Kubernetes needs: Debian's default units would wait for hardware that is not there.
find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete
rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
  /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* \
  /lib/systemd/system/sockets.target.wants/*initctl* /lib/systemd/system/basic.target.wants/*
echo 'ReadKMsg=no' >>/etc/systemd/journald.conf
ln -sf /usr/lib/systemd/systemd /sbin/init

# kind's unit and its tools look in /usr/local/bin and /opt/cni/bin, Debian installs elsewhere.
ln -s /usr/bin/containerd /usr/local/bin/containerd
mkdir -p /opt/cni/bin /etc/kubernetes/manifests
for plugin in host-local loopback ptp portmap; do ln -s "/usr/lib/cni/$plugin" "/opt/cni/bin/$plugin"; done

systemctl enable kubelet.service containerd.service undo-mount-hacks.service 2>/dev/null
# It would register interpreters with the kernel that all containers share.
systemctl mask systemd-binfmt.service 2>/dev/null

# Without CAP_SYS_RESOURCE on the machine no process may lower its OOM score, and every sandbox would fail.
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml
grep -q 'restrict_oom_score_adj = true' /etc/containerd/config.toml

# kind's hook hides the machine's product id from pods; limits are inherited, for raising them may be refused.
ctr oci spec |
  jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
    >/etc/containerd/cri-base.json
rm /tmp/base-setup.sh

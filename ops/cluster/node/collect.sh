#!/bin/bash
# Copies a few programs, and every library they load, into a folder that becomes an image of its own.
# kube-proxy writes through iptables: the one binary behind its names, every extension, and what the extensions load in turn
# (libm for `statistic`: without it each Service with two endpoints fails).
set -euo pipefail
into=$1
programs=(dash cat mv cp rm mkdir sleep sed grep cut head sort tr env ls ip nft conntrack kmod)

mkdir -p "$into"/{etc,tmp,proc,sys,run,usr/{bin,sbin,lib,lib64,local/bin}}
chmod 1777 "$into/tmp"
# The same merged layout as Debian's, so that the paths ldd prints are right.
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$into/$folder"; done

extensions=$(dirname "$(find /usr/lib -name 'libxt_statistic.so' -print -quit)")
mkdir -p "$into$extensions"
cp -L "$extensions"/*.so "$into$extensions/"
cp -L "$(command -v xtables-nft-multi)" "$into/usr/sbin/xtables-nft-multi"
for name in {iptables,ip6tables}{,-save,-restore}; do ln -s xtables-nft-multi "$into/usr/sbin/$name"; done

{
  for program in "${programs[@]}"; do
    source=$(command -v "$program")
    cp -L "$source" "$into/usr/bin/$program"
    ldd "$source" 2>/dev/null || true
  done
  ldd "$into/usr/sbin/xtables-nft-multi" "$extensions"/*.so 2>/dev/null || true
} | { grep -o '/[^ ):]*' || true; } | grep -v "^$extensions\|^$into" | sort -u | while read -r library; do
  mkdir -p "$into$(dirname "$library")"
  cp -L "$library" "$into$library"
done
ln -s dash "$into/usr/bin/sh"
ln -s kmod "$into/usr/bin/modprobe"
# Name look-ups load these at run time, so ldd does not list them.
libraries=$(dirname "$(find /usr/lib -name 'libnss_dns.so.2' -print -quit)")
cp -L "$libraries"/libnss_{files,dns}.so.2 "$libraries/libresolv.so.2" "$into$libraries/"
echo 'hosts: files dns' >"$into/etc/nsswitch.conf"
echo 'root:x:0:0:root:/:/bin/sh' >"$into/etc/passwd"
echo 'root:x:0:' >"$into/etc/group"

chroot "$into" nft --version >/dev/null
chroot "$into" ip -V >/dev/null
chroot "$into" iptables --version >/dev/null
chroot "$into" iptables -m statistic -m conntrack -m comment -h >/dev/null  # loads the extensions and their libraries
chroot "$into" sh -c 'echo ok | sed s/ok/ok/' >/dev/null

#!/bin/sh
# collect.sh ROOT PATH...: copies files and folders, and every shared library that they load, into an empty root file system.
# It is what keeps the images small that are made from Debian's packages.
set -eu
root=$1
shift

for folder in bin sbin lib lib64; do
  # Debian merged these into /usr; the links must stand before anything is copied through them.
  mkdir -p "$root/usr/$folder"
  [ -e "$root/$folder" ] || ln -s "usr/$folder" "$root/$folder"
done

copy() {
  [ -e "$root$1" ] && return
  mkdir -p "$root$(dirname "$1")"
  cp -aL "$1" "$root$1"
}

libraries() {
  # Not every file is dynamic: ldd says so on stderr and fails, which is no error here.
  ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// {print $3} $1 ~ /^\// && $1 !~ /:$/ {print $1}' | sort -u
}

for path; do
  [ -e "$path" ] || { echo "collect: $path is missing; did the package change its layout?" >&2; exit 1; }
  copy "$path"
done
for path in $(find "$@" -type f \( -perm /0111 -o -name '*.so*' \)); do
  for library in $(libraries "$path"); do copy "$library"; done
done

#!/bin/bash
# Makes a clean Debian, once: DIR/RELEASE.tar, with the packages of each network manager fetched and none of them installed.
# usage: tests/host_network/fetch.sh DIR RELEASE      (bookworm, trixie)
set -euo pipefail
dir=$1 release=$2
PATH=$PATH:/usr/sbin:/sbin
fail() { echo "tests/host_network: $*" >&2; exit 1; }
command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing: tools/install-packages test"
((EUID == 0)) || fail "only root can make a Debian with files of many users"
managers="network-manager dhcpcd ifupdown"
[[ $release != bookworm ]] || managers="network-manager dhcpcd5 ifupdown"
options=()
for part in doc man locale; do options+=("--dpkgopt=path-exclude=/usr/share/$part/*"); done
mkdir -p "$dir"
exec 9>"$dir/$release.lock"
flock 9
stamp=$(md5sum <"$0")
[[ ! -f $dir/$release.ready || $(<"$dir/$release.ready") != "$stamp" ]] || exit 0
rm -rf "$dir/$release"{.ready,.tar,.new}
mkdir "$dir/$release.new"
export dir release managers
# In memory: dpkg writes each file out, which takes minutes on a busy disk.
unshare -m bash -euo pipefail -c '
    mount --make-rprivate /
    mount -t tmpfs -o size=2000M build "$dir/$release.new"
    export TMPDIR=$dir/$release.new
    mmdebstrap --quiet --variant=minbase --mode=root --dpkgopt=force-unsafe-io "$@" --skip=cleanup/apt \
        --include=systemd,udev,dbus,iproute2,nftables \
        --customize-hook="chroot \"\$1\" apt-get -y --download-only --no-install-recommends install $managers" \
        --customize-hook="rm -f \"\$1\"/etc/resolv.conf" \
        "$release" "$TMPDIR/tree.tar" >"$dir/$release.log" 2>&1 </dev/null \
        || { tail -n 30 "$dir/$release.log" >&2; exit 1; }
    cp "$TMPDIR/tree.tar" "$dir/$release.tar"
' bash "${options[@]}" || fail "mmdebstrap failed"
rmdir "$dir/$release.new"
echo "$stamp" >"$dir/$release.ready"

#!/bin/bash
# Makes a clean Debian in which the package is installed and removed, once: DIR/RELEASE.tar.
# usage: tests/package/fetch.sh DIR RELEASE      (bookworm, trixie)
set -euo pipefail
dir=$1 release=$2
PATH=$PATH:/usr/sbin:/sbin
fail() { echo "tests/package: $*" >&2; exit 1; }
command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing: tools/install-packages test"
((EUID == 0)) || fail "only root can make a Debian with files of many users"
mkdir -p "$dir"
exec 9>"$dir/$release.lock"
flock 9
stamp=$(md5sum <"$0")
[[ ! -f $dir/$release.ready || $(<"$dir/$release.ready") != "$stamp" ]] || exit 0
rm -rf "$dir/$release".{ready,tar,new}
mkdir "$dir/$release.new"
export dir release
# In memory: dpkg writes each file out, which takes minutes on a busy disk.
unshare -m bash -euo pipefail -c '
    mount --make-rprivate /
    mount -t tmpfs -o size=1800M build "$dir/$release.new"
    export TMPDIR=$dir/$release.new
    mmdebstrap --quiet --variant=minbase --mode=root --include=systemd,udev,man-db,debconf --dpkgopt=force-unsafe-io \
        --customize-hook="rm -rf \"\$1\"/var/lib/apt/lists/* \"\$1\"/var/cache/apt/*" \
        "$release" "$TMPDIR/tree.tar" >"$dir/$release.log" 2>&1 </dev/null \
        || { tail -n 30 "$dir/$release.log" >&2; exit 1; }
    cp "$TMPDIR/tree.tar" "$dir/$release.tar"
' || fail "mmdebstrap failed"
rmdir "$dir/$release.new"
echo "$stamp" >"$dir/$release.ready"

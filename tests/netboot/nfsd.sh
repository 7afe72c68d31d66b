#!/bin/bash
# The programs of Debian's kernel NFS server, unpacked and not installed, for a virtual machine (tests/rig).
# usage: tests/netboot/nfsd.sh fetch DIR      unpacks them, once
#        tests/netboot/nfsd.sh install DIR    within the machine: puts them where they belong
#        tests/netboot/nfsd.sh start          within the machine: port mapper, mount daemon, kernel server
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
what=$1 dir=${2:-}
fail() { echo "tests/netboot: $*" >&2; exit 1; }

case $what in
fetch)
    packages=(nfs-kernel-server nfs-common rpcbind libtirpc3 libtirpc-common libnfsidmap1 libevent-core-2.1-7 libwrap0
        libkeyutils1 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2)
    mkdir -p "$dir"
    exec 9>"$dir/lock"
    flock 9
    stamp=$(md5sum <"$0")
    [[ ! -f $dir/ready || $(<"$dir/ready") != "$stamp" ]] || exit 0
    rm -rf "$dir"/{ready,debs,unpacked,tree}
    mkdir -p "$dir/debs" "$dir/unpacked" "$dir/tree"
    cd "$dir/debs"
    if ! apt-get -qq download "${packages[@]}" 2>"$dir/log"; then
        apt-get -qq update
        apt-get -qq download "${packages[@]}" 2>"$dir/log" || fail "$(cat "$dir/log")"
    fi
    for deb in *.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -C "$dir/unpacked" -x --exclude=./usr/share --exclude='*/systemd/*'
    done
    # Where they go, these are links into usr.
    for folder in bin sbin lib; do
        [[ ! -d $dir/unpacked/$folder ]] || { mkdir -p "$dir/tree/usr/$folder"
            cp -a "$dir/unpacked/$folder/." "$dir/tree/usr/$folder/"; rm -rf "$dir/unpacked/$folder"; }
    done
    cp -a "$dir/unpacked/." "$dir/tree/"
    rm -rf "$dir/debs" "$dir/unpacked"
    echo "$stamp" >"$dir/ready"
    ;;
install)
    cp -a "$dir/tree/." /
    # rpcbind becomes this user.
    grep -q ^_rpc: /etc/passwd || echo '_rpc:x:65533:65534::/run/rpcbind:/usr/sbin/nologin' >>/etc/passwd
    mkdir -p /run/rpcbind /run/sendsigs.omit.d /var/lib/nfs
    chown 65533 /run/rpcbind
    touch /var/lib/nfs/{etab,rmtab}
    ;;
start)
    modprobe nfsd
    mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
    rpcbind -w
    exportfs -ra
    # Version 4 wants a directory for what clients hold; clients of piprov ask for version 3.
    rpc.nfsd -N 4 2
    rpc.mountd
    ;;
*) fail "what is $what?" ;;
esac

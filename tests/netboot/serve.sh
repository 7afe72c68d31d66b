#!/bin/bash
# An NFS server of version 3 and a port mapper, in the network that this runs in and file systems of its own.
# usage: tests/netboot/serve.sh SERVER EXPORTS LOG   (where fetch.sh unpacked it, piprov's file, a directory)
set -euo pipefail
server=$1 exports=$2 log=$3
PATH=$PATH:/usr/sbin:/sbin
mount --make-rprivate /
mount -t tmpfs run /run
mkdir -p /run/ganesha /run/rpcbind /var/lib/nfs
mount -t tmpfs nfs /var/lib/nfs
# rpcbind becomes this user, who needn't be there.
{ cat /etc/passwd; echo '_rpc:x:65533:65534::/run/rpcbind:/usr/sbin/nologin'; } >/run/passwd
mount --bind /run/passwd /etc/passwd
chown 65533 /run/rpcbind
libraries=$server/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH=$libraries:$server/usr/lib/ganesha
printf '[General]\nDomain = localdomain\n[Translation]\nMethod = nsswitch\n' >/run/idmapd.conf
cat >/run/ganesha.conf <<CONF
NFS_CORE_PARAM {
    Protocols = 3; Plugins_Dir = "$libraries/ganesha"; MNT_Port = 20048; NFS_Port = 2049;
    Enable_NLM = false; Enable_RQUOTA = false;
}
NFSV4 { IdmapConf = "/run/idmapd.conf"; }
%include "$exports"
CONF
"$server/sbin/rpcbind" -f -w >"$log/rpcbind" 2>&1 &
for _ in $(seq 100); do
    [[ $(</proc/net/tcp) != *:006F* ]] || break
    read -rt 0.1 <> <(:) || true
done
exec "$server/usr/bin/ganesha.nfsd" -F -L "$log/ganesha" -f /run/ganesha.conf -N EVENT -p /run/ganesha/pid

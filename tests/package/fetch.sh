#!/bin/bash
# Makes a clean Debian, once: DIR/RELEASE.tar, in which the package is installed and removed; or the tree DIR/RELEASE-system,
# which has what a board's system has at its first start: cloud-init, NetworkManager, SSH, sudo, and a kernel.
# usage: tests/package/fetch.sh DIR RELEASE [system]      (bookworm, trixie)
set -euo pipefail
dir=$1 release=$2 kind=${3:-}
PATH=$PATH:/usr/sbin:/sbin
fail() { echo "tests/package: $*" >&2; exit 1; }
command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing: tools/install-packages test"
((EUID == 0)) || fail "only root can make a Debian with files of many users"
include=systemd,udev,man-db,debconf options=() name=$release
if [[ $kind == system ]]; then
    name=$release-system
    include=systemd-sysv,udev,dbus,kmod,procps,iproute2,openssh-server,sudo,tzdata,keyboard-configuration
    include+=,cloud-init,netplan.io,network-manager,python3-toml,initramfs-tools,linux-image-cloud-amd64
    for part in doc man locale; do options+=("--dpkgopt=path-exclude=/usr/share/$part/*"); done
fi
mkdir -p "$dir"
exec 9>"$dir/$name.lock"
flock 9
stamp=$(md5sum <"$0")
[[ ! -f $dir/$name.ready || $(<"$dir/$name.ready") != "$stamp" ]] || exit 0
rm -rf "$dir/$name"{,.ready,.tar,.new}
mkdir "$dir/$name.new"
export dir name
# In memory: dpkg writes each file out, which takes minutes on a busy disk.
unshare -m bash -euo pipefail -c '
    mount --make-rprivate /
    mount -t tmpfs -o size=2500M build "$dir/$name.new"
    export TMPDIR=$dir/$name.new
    mmdebstrap --quiet --variant=minbase --mode=root --include="$2" --dpkgopt=force-unsafe-io "${@:3}" \
        --customize-hook="rm -rf \"\$1\"/var/lib/apt/lists/* \"\$1\"/var/cache/apt/*" \
        "$1" "$TMPDIR/tree.tar" >"$dir/$name.log" 2>&1 </dev/null \
        || { tail -n 30 "$dir/$name.log" >&2; exit 1; }
    cp "$TMPDIR/tree.tar" "$dir/$name.tar"
' bash "$release" "$include" "${options[@]}" || fail "mmdebstrap failed"
rmdir "$dir/$name.new"
if [[ $kind == system ]]; then
    tree=$dir/$name
    mkdir "$tree"
    tar -xpf "$dir/$name.tar" -C "$tree"
    rm "$dir/$name.tar"
    echo raspberrypi >"$tree/etc/hostname"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n' >"$tree/etc/hosts"
    mkdir -p "$tree/boot/firmware"
    printf 'proc /proc proc defaults 0 0\nPARTUUID=8a3b01c7-01 /boot/firmware vfat defaults 0 2\nPARTUUID=8a3b01c7-02 / ext4 defaults,noatime 0 1\n' \
        >"$tree/etc/fstab"
    # Where boards' systems look for the seed: on the boot partition, and nowhere else.
    printf 'datasource_list: [NoCloud, None]\ndatasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware/\n' \
        >"$tree/etc/cloud/cloud.cfg.d/99-boot-partition.cfg"
    # What no setting is about, and an emulated machine needs time for.
    printf 'growpart: {mode: "off"}\nresize_rootfs: false\nssh_deletekeys: false\nlocale: false\n' \
        >"$tree/etc/cloud/cloud.cfg.d/99-no-more.cfg"
    mkdir -p "$tree/etc/systemd/system-generators"
    ln -s /dev/null "$tree/etc/systemd/system-generators/systemd-ssh-generator"
    # Tells on the console what the system has become, and switches off.
    cat >"$tree/etc/systemd/system/report.service" <<'UNIT'
[Unit]
After=multi-user.target cloud-final.service
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c 'echo; echo "REPORT name $$(hostname)"; echo "REPORT user $$(getent passwd 1000)"; \
    echo "REPORT ssh $$(systemctl is-enabled ssh) $$(systemctl is-active ssh)"; \
    echo "REPORT failed $$(systemctl --failed --no-legend --plain | cut -d" " -f1 | tr "\\n" " ")"; \
    echo "REPORT cloud $$(cloud-init status | tr "\\n" " ")"; echo "REPORT end"'
UNIT
    mkdir -p "$tree/etc/systemd/system/multi-user.target.wants"
    # What an emulated machine needn't start.
    for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
        fstrim.timer systemd-pstore.service systemd-timesyncd.service systemd-binfmt.service \
        proc-sys-fs-binfmt_misc.automount modprobe@drm.service modprobe@efi_pstore.service \
        NetworkManager-wait-online.service systemd-networkd-wait-online.service; do
        ln -sf /dev/null "$tree/etc/systemd/system/$unit"
    done
    ln -s ../report.service "$tree/etc/systemd/system/multi-user.target.wants/"
fi
echo "$stamp" >"$dir/$name.ready"

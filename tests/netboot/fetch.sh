#!/bin/bash
# Makes what tests/network/netboot_boot.rs boots, once, in DIR: a small Debian with systemd, sshd, an initramfs as
# Raspberry Pi OS has it (initramfs-tools, klibc) and network managers, which are masked; and an NFS server that needs no
# kernel module, unpacked.
# usage: tests/netboot/fetch.sh DIR
set -euo pipefail
dir=$1
PATH=$PATH:/usr/sbin:/sbin
fail() { echo "tests/netboot: $*" >&2; exit 1; }
for tool in mmdebstrap apt-get dpkg-deb; do
    command -v "$tool" >/dev/null || fail "$tool is missing: tools/install-packages test"
done
[[ $(dpkg --print-architecture) == amd64 ]] || fail "only amd64 is known here"
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
stamp=$(md5sum <"$0")
[[ ! -f $dir/ready || $(<"$dir/ready") != "$stamp" ]] || exit 0
rm -rf "$dir"/{ready,new,server,tree,debs,netplan}
. /etc/os-release

mkdir -p "$dir/debs" "$dir/server"
if ! (cd "$dir/debs" && apt-get -qq download nfs-ganesha nfs-ganesha-vfs 'libntirpc4*' rpcbind nfs-common netplan.io libnetplan0 2>"$dir/log"); then
    apt-get -qq update
    (cd "$dir/debs" && apt-get -qq download nfs-ganesha nfs-ganesha-vfs 'libntirpc4*' rpcbind nfs-common netplan.io libnetplan0 2>"$dir/log") \
        || fail "$(cat "$dir/log")"
fi
mkdir -p "$dir/netplan"
for deb in "$dir"/debs/*.deb; do
    case $deb in
    # Its generator needs no Python; the rest of it would bring that.
    */netplan.io_*|*/libnetplan0_*) dpkg-deb -x "$deb" "$dir/netplan" ;;
    *) dpkg-deb -x "$deb" "$dir/server" ;;
    esac
done

# In memory: dpkg writes each file out, which takes minutes on a busy disk.
lists=/usr/share
include=systemd-sysv,udev,openssh-server,iproute2,kmod,procps,initramfs-tools,linux-image-cloud-amd64
include+=,network-manager,connman,dhcpcd,ifupdown,isc-dhcp-client,libyaml-0-2
include+=,netbase,libtirpc3,libkeyutils1,libmount1,libgssapi-krb5-2,libcap2
export dir include lists VERSION_CODENAME
unshare -m bash -euo pipefail -c '
    mount --make-rprivate /
    mkdir -p "$dir/new"
    mount -t tmpfs -o size=1800M build "$dir/new"
    export TMPDIR=$dir/new
    mmdebstrap --quiet --variant=minbase --mode=root --include="$include" --dpkgopt="path-exclude=$lists/doc/*" \
        --dpkgopt="path-exclude=$lists/man/*" --dpkgopt="path-exclude=$lists/locale/*" --dpkgopt=force-unsafe-io \
        "$VERSION_CODENAME" "$dir/new/tree.tar" >"$dir/log" 2>&1 </dev/null || { tail -n 30 "$dir/log" >&2; exit 1; }
    mkdir -p "$dir/tree"
    tar -C "$dir/tree" -xf "$dir/new/tree.tar" --exclude="./dev/*" --exclude="./var/cache/apt/*" --exclude="./var/lib/apt/lists/*"
' || fail "mmdebstrap failed"
rm -rf "$dir/new"
tree=$dir/tree
cp "$dir/server/sbin/mount.nfs" "$tree/usr/sbin/"
mkdir -p "$tree/boot/firmware" "$dir/boot"
mv "$tree"/boot/vmlinuz-* "$dir/boot/kernel8.img"
mv "$tree"/boot/initrd.img-* "$dir/boot/initramfs8"
rm -f "$tree"/boot/System.map-* "$tree"/etc/ssh/ssh_host_* "$tree/etc/resolv.conf"
# Each manager would give the boot interface an address that leads nowhere; a test takes the masks away.
for place in usr/libexec/netplan usr/lib/netplan usr/lib/systemd/system-generators lib/systemd/system-generators usr/lib/x86_64-linux-gnu; do
    [[ ! -d $dir/netplan/$place ]] || { mkdir -p "$tree/$place"; cp -a "$dir/netplan/$place/." "$tree/$place/"; }
done
for unit in NetworkManager NetworkManager-wait-online NetworkManager-dispatcher connman connman-wait-online dhcpcd networking \
    systemd-networkd systemd-networkd-wait-online ModemManager wpa_supplicant; do
    ln -sf /dev/null "$tree/etc/systemd/system/$unit.service"
done
ln -sf /dev/null "$tree/etc/systemd/system/systemd-networkd.socket"
printf 'auto lo eth0\niface lo inet loopback\niface eth0 inet static\n    address 10.55.0.1/24\n' >"$tree/etc/network/interfaces"
mkdir -p "$tree"/etc/{netplan,systemd/network,NetworkManager/system-connections,connman}
printf 'network:\n  version: 2\n  renderer: networkd\n  ethernets:\n    eth0:\n      addresses: [10.55.0.2/24]\n' >"$tree/etc/netplan/50-lan.yaml"
chmod 600 "$tree/etc/netplan/50-lan.yaml"
printf '[Match]\nName=e*\n[Network]\nAddress=10.55.0.3/24\n' >"$tree/etc/systemd/network/20-lan.network"
printf '[connection]\nid=lan\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=manual\naddress1=10.55.0.4/24\n' \
    >"$tree/etc/NetworkManager/system-connections/lan.nmconnection"
chmod 600 "$tree/etc/NetworkManager/system-connections/lan.nmconnection"
printf 'interface eth0\nstatic ip_address=10.55.0.5/24\n' >>"$tree/etc/dhcpcd.conf"
# Of the modules those that a root over NFS needs; the others would only be copied.
modules=$(echo "$tree"/usr/lib/modules/*/kernel)
find "$modules" -name '*.ko' ! -path '*/fs/nfs*' ! -path '*/fs/overlayfs/*' ! -path '*/fs/lockd/*' ! -path '*/net/sunrpc/*' -delete
echo 'Raspberry Pi reference, for tests' >"$tree/etc/rpi-issue"
echo raspberrypi >"$tree/etc/hostname"
echo 0123456789abcdef0123456789abcdef >"$tree/etc/machine-id"
printf 'proc /proc proc defaults 0 0\nPARTUUID=35c84628-01 /boot/firmware vfat defaults 0 2\nPARTUUID=35c84628-02 / ext4 defaults,noatime 0 1\n' \
    >"$tree/etc/fstab"
# Tells on the console what the client has become, before getty takes it away.
cat >"$tree/etc/systemd/system/report.service" <<'UNIT'
[Unit]
After=ssh.service remote-fs.target piprov-resolve.service
Wants=ssh.service
Before=serial-getty@ttyS0.service
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c 'echo "REPORT id $$(cat /etc/machine-id)"; echo "REPORT name $$(hostname)"; \
    echo "REPORT ssh $$(systemctl is-active ssh)"; echo "REPORT root $$(findmnt -no FSTYPE /)"; \
    echo "REPORT boot $$(findmnt -no SOURCE,FSTYPE /boot/firmware)"; echo "REPORT dns $$(grep nameserver /etc/resolv.conf)"; \
    echo "REPORT addresses $$(ip -br -4 address show eth0 | tr -s " " | cut -d" " -f3-)"; \
    echo "REPORT managers $$(systemctl is-active NetworkManager systemd-networkd connman dhcpcd networking | tr "\\n" " ")"; \
    echo "REPORT networkd $$(networkctl --no-legend 2>/dev/null | grep eth0 | tr -s " ")"; \
    echo "REPORT networkmanager $$(nmcli -t -f DEVICE,STATE device 2>/dev/null | grep eth0)"; \
    echo "REPORT failed $$(systemctl --failed --no-legend --plain | cut -d" " -f1 | tr "\\n" " ")"; echo "REPORT end"'
UNIT
# What a login doesn't need, an emulated machine needn't start.
for unit in proc-sys-fs-binfmt_misc.automount systemd-binfmt.service apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-pstore.service \
    systemd-timesyncd.service modprobe@drm.service modprobe@efi_pstore.service; do
    ln -sf /dev/null "$tree/etc/systemd/system/$unit"
done
mkdir -p "$tree/etc/systemd/system/multi-user.target.wants"
ln -sf /etc/systemd/system/report.service "$tree/etc/systemd/system/multi-user.target.wants/"
echo 'console=ttyS0 net.ifnames=0 root=PARTUUID=35c84628-02 rootfstype=ext4 fsck.repair=yes rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot' \
    >"$dir/boot/cmdline.txt"
echo 'auto_initramfs=1' >"$dir/boot/config.txt"
echo "$stamp" >"$dir/ready"

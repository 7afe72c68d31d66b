#!/bin/bash
# Fetches what the virtual machine of tests/rig/run.sh is made of, once, into target/rig: a Debian kernel, udev and
# a few tools, unpacked and not installed; and the gpio-sim module, which Debian doesn't build, from its own source.
# usage: tests/rig/fetch.sh
# RIG_KEEP keeps the packages and takes those that are there, for work on this script.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
rig=$top/target/rig
PATH=$PATH:/usr/sbin:/sbin

fail() { echo "tests/rig: $*" >&2; exit 1; }
for tool in apt-get apt-cache dpkg-deb; do
    command -v "$tool" >/dev/null || fail "$tool is missing: the virtual machine is made of Debian's packages"
done
[[ $(dpkg --print-architecture) == amd64 ]] || fail "only amd64 is known here"

mkdir -p "$rig"
exec 9>"$rig/lock"
flock 9

# The kernel's ABI number is in the package's name and changes with it.
find_kernel() {
    local name
    name=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
    kernel=${name#linux-image-}
}
find_kernel
if [[ -f $rig/ready ]] && [[ $(<"$rig/ready") == "$(md5sum <"$0") ${kernel:-none}" || -z $kernel ]]; then
    exit 0
fi

refresh() {
    local root=()
    ((EUID == 0)) || root=(sudo)
    "${root[@]}" apt-get -qq update
}
if [[ -z $kernel ]]; then
    refresh
    find_kernel
    [[ -n $kernel ]] || fail "apt knows no linux-image-amd64"
fi
rm -f "$rig/ready"

# Downloads packages into a directory, with fresh lists if the ones there are too old.
download() {
    local folder=$1
    shift
    mkdir -p "$folder"
    [[ -z ${RIG_KEEP:-} || ! -e $folder/.all ]] || return 0
    if ! (cd "$folder" && apt-get -qq download "$@" 2>"$rig/log"); then
        refresh
        (cd "$folder" && apt-get -qq download "$@" 2>"$rig/log") || fail "$(cat "$rig/log")"
    fi
    touch "$folder/.all"
}

echo "tests/rig: fetching Linux $kernel and tools into target/rig (80 MB)" >&2
rm -rf "$rig/guest" "$rig/initrd" "$rig/new"
[[ -n ${RIG_KEEP:-} ]] || rm -rf "$rig/debs"
download "$rig/debs" "linux-image-$kernel" busybox-static udev libudev1 kmod libkmod2 libblkid1 \
    libusb-1.0-0 usbutils gpiod libgpiod2 systemd libsystemd-shared libapparmor1 libcryptsetup12 \
    libdevmapper1.02.1 libfdisk1 libip4tc2 libjson-c5 libargon2-1 libssl3 libseccomp2 libmount1
mkdir -p "$rig/new"
for deb in "$rig"/debs/*.deb; do
    # Of the kernel's modules most are for hardware that the machine doesn't have. usb-storage needs the core of scsi.
    dpkg-deb --fsys-tarfile "$deb" | tar -C "$rig/new" -x --exclude='./usr/share' --exclude='./lib/modules/*/kernel/sound' \
        --exclude='*/drivers/gpu' --exclude='*/drivers/media' --exclude='*/drivers/infiniband' \
        --exclude='*/drivers/net/wireless' --exclude='*/drivers/net/ethernet' --exclude='*/drivers/staging' \
        --exclude='*/drivers/scsi/*/*' --exclude='*/drivers/iio' --exclude='*/fs/xfs' --exclude='*/fs/btrfs'
done
# The host's root, over which this is laid, has its programs and libraries below usr only.
for folder in bin sbin lib lib64; do
    if [[ -d $rig/new/$folder ]]; then
        mkdir -p "$rig/new/usr/$folder"
        cp -a "$rig/new/$folder/." "$rig/new/usr/$folder/"
        rm -rf "${rig:?}/new/$folder"
    fi
done

# Debian's kernels have neither gpio-sim nor the interrupt simulator that it needs; both build against the headers.
echo "tests/rig: building gpio-sim for it from linux-source (150 MB)" >&2
series=${kernel%%-*}
series=${series%.*}
sources=$rig/sources
rm -rf "$sources"
mkdir -p "$sources"
common=linux-headers-${kernel%-amd64}-common
download "$rig/source-debs" "linux-headers-$kernel" "$common" "linux-kbuild-$series" "linux-source-$series"
for deb in "$rig"/source-debs/linux-[hk]*.deb; do
    dpkg-deb -x "$deb" "$sources"
done
module=$sources/module
mkdir -p "$module"
# Of the 140 MB only three files, and without waiting for the end of it.
files=("linux-source-$series"/{drivers/gpio/gpio-sim.c,drivers/gpio/gpiolib.h,kernel/irq/irq_sim.c})
{ dpkg-deb --fsys-tarfile "$rig"/source-debs/linux-source-*.deb \
    | tar -xO "./usr/src/linux-source-$series.tar.xz" \
    | tar -C "$module" -xJ --strip-components=3 --occurrence=1 "${files[@]}"; } 2>"$rig/log" || true
for file in "${files[@]}"; do
    [[ -s $module/${file##*/} ]] || fail "linux-source-$series has no $file: $(tail -n 3 "$rig/log")"
done
# irq_to_desc is not exported to modules; this does the same by number.
sed -i -E 's/handle_simple_irq\(irq_to_desc\(([^)]*)\)\)/generic_handle_irq(\1)/' "$module/irq_sim.c"
cat >"$module/Kbuild" <<'KBUILD'
obj-m := rig-gpio-sim.o
rig-gpio-sim-y := gpio-sim.o irq_sim.o
KBUILD
# The headers' makefiles name each other by absolute paths below /usr.
find "$sources/usr/src" -name Makefile -newermt 2000-01-01 -print0 \
    | xargs -0 sed -i -E "s#(include|:=|=) /usr/#\1 $sources/usr/#"
ln -sfn "$sources/usr/lib/linux-kbuild-$series/scripts" "$sources/usr/src/linux-headers-$kernel/scripts" || true
make -s -C "$sources/usr/src/linux-headers-$kernel" M="$module" modules >"$rig/log" 2>&1 \
    || fail "gpio-sim doesn't build: $(tail -n 20 "$rig/log")"
mkdir -p "$rig/new/usr/lib/modules/$kernel/extra"
cp "$module/rig-gpio-sim.ko" "$rig/new/usr/lib/modules/$kernel/extra/"
rm -rf "$sources"

libraries=$rig/new/usr/lib/x86_64-linux-gnu
# depmod looks below lib/modules, not usr/lib/modules.
ln -s usr/lib "$rig/new/lib"
(LD_LIBRARY_PATH=$libraries exec -a depmod "$rig/new/usr/bin/kmod" -b "$rig/new" "$kernel") || fail "depmod failed"
rm "$rig/new/lib"
cp "$rig/new/boot/vmlinuz-$kernel" "$rig/vmlinuz"
rm -rf "$rig/new/boot"
[[ -n ${RIG_KEEP:-} ]] || rm -rf "$rig/debs" "$rig/source-debs"

# An initramfs that gets at the host's root.
initrd=$rig/new-initrd
rm -rf "$initrd"
mkdir -p "$initrd"/{bin,proc,sys,dev,h,g,rw,new,modules}
cp "$rig/new/usr/bin/busybox" "$initrd/bin/busybox"
ln -s busybox "$initrd/bin/sh"
number=10
for name in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci 9pnet 9pnet_virtio netfs \
    fscache 9p overlay; do
    file=$(find "$rig/new/usr/lib/modules/$kernel/kernel" -name "$name.ko")
    [[ -n $file ]] || fail "Linux $kernel has no module $name"
    cp "$file" "$initrd/modules/$((number++))-$name.ko"
done
cp "$top/tests/rig/init" "$initrd/init"
chmod 755 "$initrd/init"
(cd "$initrd" && find . | "$rig/new/usr/bin/busybox" cpio -o -H newc 2>/dev/null | gzip -1 >"$rig/initrd")
rm -rf "$initrd"
mv "$rig/new" "$rig/guest"
echo "$(md5sum <"$0") $kernel" >"$rig/ready"

#!/bin/bash
# Makes a small disk image that looks like a Raspberry Pi's: a FAT boot partition with cmdline.txt, config.txt
# and a kernel that isn't one, and an ext4 root partition with etc/fstab and some incompressible files.
# Needs no root and no loop device; only mtools, fdisk and e2fsprogs (and gdisk for --gpt).
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: make-sample-image.sh OUT [--p1-offset MiB] [--boot-size MiB] [--root-size MiB]
                            [--files N] [--marker TEXT] [--gpt]
  --p1-offset MiB  where the boot partition starts; 8, as on today's images
  --boot-size MiB  size of the boot partition; 40
  --root-size MiB  size of the root partition; 32
  --files N        how many files of 300 KiB of noise the root partition holds; 8
  --marker TEXT    goes into etc/sample-release, to tell two images apart; the image's name
  --gpt            a GPT with random GUIDs instead of an MBR
TEXT
}

fail() { echo "make-sample-image.sh: $*" >&2; exit 1; }
number() { [[ $2 =~ ^[0-9]+$ && $2 -gt 0 ]] || fail "$1 needs a whole number above 0, not \`$2\`"; }

out='' p1_offset=8 boot_size=40 root_size=32 files=8 marker='' gpt=no
while [ $# -gt 0 ]; do
    case $1 in
        -h|--help) usage; exit 0 ;;
        --gpt) gpt=yes; shift; continue ;;
        --p1-offset|--boot-size|--root-size|--files|--marker)
            [ $# -ge 2 ] || fail "$1 needs a value"
            [ "$1" = --marker ] || number "$1" "$2"
            case $1 in
                --p1-offset) p1_offset=$2 ;;
                --boot-size) boot_size=$2 ;;
                --root-size) root_size=$2 ;;
                --files) files=$2 ;;
                --marker) marker=$2 ;;
            esac
            shift 2 ;;
        -*) usage >&2; fail "there is no option $1" ;;
        *) [ -z "$out" ] || fail "one output is enough: $out, or $1?"; out=$1; shift ;;
    esac
done
[ -n "$out" ] || { usage >&2; exit 2; }
marker=${marker:-$(basename "$out")}
PATH=$PATH:/usr/sbin:/sbin
need='truncate sfdisk mformat mcopy mkfs.ext4'
[ $gpt = no ] || need="$need sgdisk"
for tool in $need; do
    command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install mtools fdisk gdisk e2fsprogs"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/sample-image.XXXXXX")
trap 'rm -rf "$work"' EXIT

boot_start=$((p1_offset * 2048)) boot_len=$((boot_size * 2048))
root_start=$((boot_start + boot_len)) root_len=$((root_size * 2048))
# An MBR image ends with its last partition, as pi-gen makes it; a GPT needs room for its second copy.
end=$((p1_offset + boot_size + root_size))
[ $gpt = no ] || end=$((end + 1))
rm -f "$out"
truncate -s "${end}M" "$out"
if [ $gpt = yes ]; then
    sgdisk --clear --set-alignment=1 \
        --new="1:$boot_start:+${boot_size}M" --typecode=1:0700 --change-name=1:bootfs \
        --new="2:$root_start:+${root_size}M" --typecode=2:8300 --change-name=2:rootfs "$out" >/dev/null
    guid() { sgdisk --info="$1" "$out" | sed -n 's/^Partition unique GUID: //p' | tr A-F a-f; }
    boot="PARTUUID=$(guid 1)" root="PARTUUID=$(guid 2)"
else
    sfdisk --quiet "$out" <<TEXT
label: dos
label-id: 0x35c84628
start=$boot_start, size=$boot_len, type=c
start=$root_start, size=$root_len, type=83
TEXT
    boot=PARTUUID=35c84628-01 root=PARTUUID=35c84628-02
fi

mkdir -p "$work/boot/overlays" "$work/root/etc" "$work/root/boot/firmware" "$work/root/var/lib/sample"
echo "console=serial0,115200 console=tty1 root=$root rootfstype=ext4 fsck.repair=yes rootwait" \
    > "$work/boot/cmdline.txt"
printf '# A sample.\narm_64bit=1\ndtoverlay=sample\n' > "$work/boot/config.txt"
# It begins as a kernel of 64 bits does, and is noise.
{ head -c 56 /dev/zero; printf 'ARM\x64'; head -c 3000000 /dev/urandom; } > "$work/boot/kernel8.img"
for tree in bcm2710-rpi-3-b bcm2711-rpi-4-b; do
    printf '\320\015\376\355 not a device tree: %s\n' "$tree" > "$work/boot/$tree.dtb"
done
printf '\320\015\376\355 not an overlay\n' > "$work/boot/overlays/sample.dtbo"
cat > "$work/root/etc/fstab" <<TEXT
proc            /proc           proc    defaults          0       0
$boot  /boot/firmware  vfat    defaults          0       2
$root  /               ext4    defaults,noatime  0       1
# a swapfile is not a swap partition, no line here
TEXT
echo "$marker" > "$work/root/etc/sample-release"
for n in $(seq "$files"); do
    head -c 307200 /dev/urandom > "$work/root/var/lib/sample/noise-$n"
done

# FAT32 needs 65525 clusters, so smaller boot partitions are FAT16, which mformat chooses by itself.
fat32=()
[ "$boot_size" -lt 34 ] || fat32=(-F -c 1)
mformat -i "$out@@${p1_offset}M" "${fat32[@]}" -v bootfs -T "$boot_len" -H "$boot_start" -h 64 -s 32 ::
mcopy -s -Q -i "$out@@${p1_offset}M" "$work/boot"/* ::
mkfs.ext4 -q -F -L rootfs -E "offset=$((root_start * 512)),root_owner=0:0" -d "$work/root" "$out" "${root_size}M"

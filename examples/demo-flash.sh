#!/usr/bin/env bash
# Flashes a virtual board over the network, and proves on the host what arrived.
#
#   demo-flash.sh [DIR]
#
# Everything is made below DIR (default: ./demo), which may be deleted at any time. PIPROV names the binary (default:
# target/demo/piprov, built if need be), PIPROV_DEMO_SERVER the loopback address to serve at (default: 127.0.0.2).
# Runs as root, with unprivileged user namespaces, or with sudo.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
cd "$here/.."
PATH=$PATH:/usr/sbin:/sbin

board=demo-01 mac=52:54:00:de:40:01 server=${PIPROV_DEMO_SERVER:-127.0.0.2}
# Where piprov puts an image's partitions on a card: behind U-Boot's, which ends at 44 MiB.
image_start=$((8 << 20)) card_start=$((44 << 20)) boot_len=$((40 << 20)) root_len=$((64 << 20))

# shellcheck source=examples/demo-lib.sh
. "$here/demo-lib.sh"
# Shows a piprov command as one would type it, and runs it.
piprov() { printf '  $ piprov %s\n' "$*"; "${as_server[@]}" "$PIPROV" "$@"; }
table() { sfdisk -l "$1" | sed -n "s/^\(Device\|$1\)/  \1/p"; }

need_tools qemu-system-aarch64:qemu-system-arm mformat:mtools sfdisk:fdisk debugfs:e2fsprogs xz:xz-utils cmp:diffutils
[ -f /usr/lib/u-boot/qemu_arm64/u-boot.bin ] || fail "U-Boot is missing: apt-get install u-boot-qemu"

# Before the network below is left: building may have to fetch crates.
if [ -z "${PIPROV:-}" ]; then
    ! command -v cargo > /dev/null || cargo build --locked --profile demo --bin piprov --quiet
    export PIPROV=$PWD/target/demo/piprov
fi
[ -x "$PIPROV" ] || fail "$PIPROV is missing: cargo build --profile demo"

# U-Boot asks for TFTP on port 69 and nowhere else, and a port below 1024 is not for everybody.
as_server=()
first_port=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2> /dev/null || echo 1024)
if [ "$(id -u)" != 0 ] && [ "$first_port" -gt 69 ]; then
    if unshare -rn ip link set lo up 2> /dev/null; then
        say "Port 69 needs a privilege, so the demo runs in a network of its own (unshare -rn): no root needed."
        exec unshare -rn sh -c 'ip link set lo up && exec "$@"' sh "$here/demo-flash.sh" "$@"
    fi
    command -v sudo > /dev/null && command -v setpriv > /dev/null ||
        fail "port 69 needs root, sudo, or user namespaces for everybody"
    say "Port 69 needs a privilege: sudo lends piprov that one (cap_net_bind_service), and no other."
    as_server=(sudo setpriv --reuid "$(id -u)" --regid "$(id -g)" --init-groups
        --inh-caps +net_bind_service --ambient-caps +net_bind_service --)
fi

dir=$(realpath -m "${1:-demo}")
export PIPROV_BOARDS=$dir/boards PIPROV_BOARDS_OWNER=$$ PIPROV_STATE_DIR=$dir/state
# sudo hands on nothing of that by itself.
as_server+=(env "PIPROV_BOARDS=$PIPROV_BOARDS" "PIPROV_BOARDS_OWNER=$$" "PIPROV_STATE_DIR=$PIPROV_STATE_DIR")
virtual_board=$here/virtual-board
switch_off() { [ ! -d "$PIPROV_BOARDS/$board" ] || "$virtual_board" stop $board; }
trap switch_off EXIT
trap 'exit 130' INT TERM
switch_off
fresh_directory "$dir"
mkdir -p "$dir/uboot"
cd "$dir"

step "1. An image as it could be for a Raspberry Pi: FAT boot partition, ext4 root, compressed with xz"
"$here"/make-sample-image.sh os.img --root-size 64 --files 60 --marker "the new system"
xz -T0 -1 -k os.img
table os.img
say "$(du -h os.img.xz | cut -f1) compressed; its root partition is known by PARTUUID=35c84628-02"

step "2. A recovery card: U-Boot in front, an older and smaller system behind it"
"$here"/make-sample-image.sh base.img --p1-offset 4 --boot-size 8 --root-size 6 --files 1 --marker "the old system"
echo "# A virtual board has no firmware that would read this." > uboot/config.txt
piprov card build --quiet --image base.img --uboot uboot --size 192MiB \
    --server $server --board-ip 10.0.2.15/24 --gateway 10.0.2.2 -o card.img
cp --sparse=always card.img card-before.img
table card.img

step "3. A board with that card: real U-Boot in QEMU, switched off; a command of ours is its reset"
"$virtual_board" create $board card.img $mac
piprov targets add $board --mac $mac --reset "command:'$virtual_board' reset $board" --targets targets.csv

step "4. Flash it"
piprov flash $board os.img.xz --targets targets.csv --listen $server:69 --part-size 32MiB
"$virtual_board" wait $board 20

step "5. Was it true? Other tools look at the card"
# Compares ranges of two files; gives how many bytes differ.
differ() { cmp -l --bytes="$5" --ignore-initial="$2:$4" "$1" "$3" | wc -l; }
expect() { [ "$2" -eq "$3" ] || fail "$1: $2 bytes differ, expected were $3"; }

table card.img
expect "U-Boot's partition" "$(differ card-before.img $((4 << 20)) card.img $((4 << 20)) $((40 << 20)))" 0
proved "U-Boot's own partition: not one byte of 40 MiB has changed"
expect "the boot partition" "$(differ os.img $image_start card.img $card_start $boot_len)" 1
cmdline=$(mtype -i card.img@@$card_start ::cmdline.txt)
[[ $cmdline == *root=PARTUUID=35c84628-03\ * ]] || fail "cmdline.txt: $cmdline"
proved "boot partition: 40 MiB as in the image, but for one digit. cmdline.txt now says:"
say "    $cmdline"
root_image=$((image_start + boot_len)) root_card=$((card_start + boot_len))
expect "the root partition" "$(differ os.img $root_image card.img $root_card $root_len)" 2
fstab=$(debugfs -R "cat /etc/fstab" "card.img?offset=$root_card" 2> /dev/null | grep PARTUUID)
[[ $fstab == *35c84628-02*/boot/firmware*35c84628-03*/\ * ]] || fail "fstab: $fstab"
proved "root partition: 64 MiB as in the image, but for two digits. /etc/fstab now says:"
sed 's/^/      /' <<< "$fstab"
e2fsck -fn "card.img?offset=$root_card" > e2fsck.log 2>&1 || fail "e2fsck: $(cat e2fsck.log)"
release=$(debugfs -R "cat /etc/sample-release" "card.img?offset=$root_card" 2> /dev/null)
proved "its file system is clean, and /etc/sample-release reads: $release"

step "What happened"
say "piprov reset the board by its command, and answered its U-Boot over TFTP. The board wrote every"
say "part and read it back; piprov compared checksums, and the partition table went out last."
say "The partitions moved up by one, because U-Boot's is the first, and the files that name them followed."
say "See for yourself: the board's console, and the record of the run:"
say "  $dir/boards/$board/console.log"
say "  $(ls "$dir"/state/runs/*.json)"

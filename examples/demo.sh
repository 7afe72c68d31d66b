#!/usr/bin/env bash
# A station deploys an image onto boards, and other tools look at what arrived: three simulated boards at once, one of
# them killed in the middle; then a PC in QEMU, from its PXE ROM to a verified disk.
#
#   demo.sh [DIR]
#
# Everything is made below DIR (default: ./demo), which may be deleted at any time. PIPROV names the binary, PIPROV_AGENT
# the agent (default: below target, built if need be); PIPROV_DEMO_PC=no leaves the PC out. Runs as root, with
# unprivileged user namespaces, or with sudo: the network that PC boots from is one of its own, not this host's.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
cd "$here/.."
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=examples/demo-lib.sh
. "$here/demo-lib.sh"
# Shows a piprov command as one would type it, and runs it.
piprov() { printf '  $ piprov %s\n' "$*"; "$PIPROV" "$@" 2>&1 | sed 's/^/  /'; }

need_tools mformat:mtools sfdisk:fdisk mkfs.ext4:e2fsprogs xz:xz-utils cmp:diffutils ip:iproute2 unshare:util-linux
pc=${PIPROV_DEMO_PC:-yes}
[ "$pc" = no ] || need_tools qemu-system-x86_64:qemu-system-x86
[ "$pc" = no ] || [ -w /dev/net/tun ] ||
    fail "/dev/net/tun, which connects the PC, is not for this user: run it by sudo, or without the PC (PIPROV_DEMO_PC=no)"

# Before this network is left: building may have to fetch crates, and the boards' system is made of Debian's packages.
if [ -z "${PIPROV:-}" ]; then
    ! command -v cargo > /dev/null || "${CARGO:-cargo}" build --locked --profile demo --bin piprov --quiet
    export PIPROV=$PWD/target/demo/piprov
fi
[ -x "$PIPROV" ] || fail "$PIPROV is missing: cargo build --profile demo"
if [ -z "${PIPROV_AGENT:-}" ]; then
    ! command -v cargo > /dev/null || tools/build-agent --profile demo amd64 > /dev/null
    export PIPROV_AGENT=$PWD/target/demo/piprov-agent-amd64
fi
[ -x "$PIPROV_AGENT" ] || fail "$PIPROV_AGENT is missing: tools/build-agent --profile demo amd64"

dir=$(realpath -m "${1:-demo}")
ours=10.55.0.1 port=7400
if [ -z "${PIPROV_DEMO_INSIDE:-}" ]; then
    fresh_directory "$dir"
    if [ "$pc" != no ]; then
        step "Before all: the system that a PC runs while it is deployed, out of Debian's packages and our agent"
        piprov initramfs build --arch amd64 --agent "$PIPROV_AGENT" --station "http://$ours:$port" -o "$dir/boot"
    fi
    export PIPROV_DEMO_INSIDE=yes
    if [ "$(id -u)" = 0 ]; then exec unshare -n -- "$here/demo.sh" "$dir"; fi
    if unshare -rn true 2> /dev/null; then exec unshare -rn -- "$here/demo.sh" "$dir"; fi
    fail "a network of its own needs root, or user namespaces for everybody: sudo -E $here/demo.sh"
fi

cd "$dir"
export PIPROV_STATE_DIR=$dir/state PIPROV_STATION_URL=unix:$dir/station.sock PIPROV_CONFIG=$dir/piprov.toml
started=()
end() { ((${#started[@]} == 0)) || kill "${started[@]}" 2> /dev/null || true; wait; }
trap end EXIT
trap 'exit 130' INT TERM
# Waits until a command works: DEADLINE-IN-SECONDS WHAT COMMAND…
until_it() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" > /dev/null 2>&1; do
        ((SECONDS < end)) || fail "$what doesn't come; look below $dir"
        sleep 0.1
    done
}
known() { [ "$("$PIPROV" board list --json | wc -l)" -ge "$1" ]; }
# A simulated board: the agent, with a file as its disk. NAME SERIAL
board() {
    "$PIPROV_AGENT" --station "http://127.0.0.1:$port" --serial "$2" --key "$1.key" --disk "$1.disk" > "$1.log" 2>&1 &
    started+=($!)
}
# Whether 150 MiB are on a disk; a block of stat's is 512 bytes.
written() { [ "$(stat -c %b "$1")" -gt 307200 ]; }
same() { cmp --bytes="$(stat -c %s os.img)" os.img "$1"; }

# One switch with this host and, later, the PC.
ip link set lo up
ip link add br0 type bridge
ip link add up0 type veth peer name up1
ip link set up0 master br0 up
ip link set up1 up
ip addr add "$ours/24" dev br0
ip link set br0 up
printf 'control-socket = "%s/control/bootd.sock"\n[netboot]\nboot-files = ["0=piprov.ipxe"]\n' "$dir" > piprov.toml

step "1. An image as it could be for a Raspberry Pi: FAT boot partition, ext4 root, compressed with xz"
"$here"/make-sample-image.sh os.img --root-size 300 --files 450 --marker "the new system"
# For the PC: its BIOS starts what stands in the first sector, which says so and stops.
printf '\xbe\x11\x7c\xac\x84\xc0\x74\x06\xb4\x0e\xcd\x10\xeb\xf5\xf4\xeb\xfdSTARTED FROM ITS DISK\r\n\0' |
    dd of=os.img conv=notrunc status=none
xz -T0 -0 -k os.img
say "$(du -h --apparent-size os.img | cut -f1) raw, $(du -h os.img.xz | cut -f1) compressed"

step "2. A station, which takes no set-up, and the image into its store"
say "\$ piprov serve --listen $ours:$port &"
"$PIPROV" serve --listen "127.0.0.1:$port" --listen "$ours:$port" --socket "$dir/station.sock" --state "$dir/station" --enrol open \
    > serve.log 2>&1 &
started+=($!)
until_it 20 "the station" "$PIPROV" station status
piprov image add os.img.xz --name os

step "3. Three simulated boards: each is the real agent, with a file as its disk"
serials=(100000000000000a 100000000000000b 100000000000000c)
for name in a b c; do
    truncate -s 500M $name.disk
    board $name 100000000000000$name
    [ $name != b ] || victim=$!
done
until_it 30 "three boards" known 3
piprov board list

step "4. All at once; in the middle of it board b loses its power"
printf '  $ piprov board deploy %s --image os --end wait\n' "${serials[*]}"
"$PIPROV" board deploy "${serials[@]}" --image os --end wait --confirm "$(IFS=,; echo "${serials[*]}")" > deploy.log 2>&1 &
deploy=$!
until_it 60 "something on b.disk" written b.disk
kill -9 "$victim"
wait "$victim" 2> /dev/null || true
# Without its first sector nothing starts from a disk.
cmp -s --bytes=512 b.disk /dev/zero || fail "board b has half an image, and something would start from it"
proved "$(($(stat -c %b b.disk) / 2048)) MiB are on its disk; its first sector is empty, so nothing starts from it. On again:"
board b 100000000000000b
wait "$deploy" || fail "the deploy ended badly: $(cat deploy.log)"
sed 's/^/  /' deploy.log
for name in a b c; do same $name.disk || fail "$name.disk isn't what the image is"; done
proved "cmp says the same: all three disks hold the image, byte for byte"

step "5. The record: every attempt is there, also the one that was lost"
piprov run list

if [ "$pc" != no ]; then
    step "6. A PC that has nothing: from its PXE ROM over the network to a disk that was read back"
    say "\$ piprov bootd --interface br0 --mode dhcp --range 10.55.0.100-10.55.0.120 --tftp-root boot &"
    "$PIPROV" bootd --interface br0 --mode dhcp --range 10.55.0.100-10.55.0.120 --tftp-root boot --state "$dir/netboot" \
        --config piprov.toml > bootd.log 2>&1 &
    started+=($!)
    ip tuntap add tap0 mode tap
    ip link set tap0 master br0 up
    mac=52:54:00:de:40:02
    truncate -s 500M pc.disk
    qemu-system-x86_64 -accel tcg -m 384 -smp 1 -nographic -monitor none -serial file:pc.console -boot order=nc \
        -netdev tap,id=n,ifname=tap0,script=no,downscript=no -device "virtio-net-pci,netdev=n,mac=$mac" \
        -drive file=pc.disk,format=raw,if=virtio > qemu.log 2>&1 &
    started+=($!)
    began=$SECONDS
    is_there() { "$PIPROV" board list --enrolment enrolled --json | grep -q "$mac"; }
    until_it 150 "the PC" is_there
    proved "$((SECONDS - began)) s after its start the station knows it: ROM, DHCP, TFTP, kernel, agent"
    piprov board deploy "$mac" --image os --target other --end reboot --confirm "$mac"
    same pc.disk || fail "pc.disk isn't what the image is"
    proved "cmp says the same of its disk"
    started_itself() { grep -q "STARTED FROM ITS DISK" pc.console; }
    until_it 150 "its own system" started_itself
    proved "it is done, so its ROM gets no answer any more, and it has started from its disk. Its console: $dir/pc.console"
fi

step "What happened"
say "Each board fetched the chunks that its disk hadn't got, wrote them, put the first MiB down last, read the whole"
say "disk back past the cache, and told the digest; the station compared it with the image's. That is what"
say "\"verified\" means. The record of each attempt, the station's log and the boards' are below $dir."

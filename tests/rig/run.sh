#!/bin/bash
# Runs a command in a virtual machine with real Linux USB, udev, GPIO and serial ports, as root, in the host's file
# system (what it writes is gone afterwards), with its arguments, working directory and exit status. See fetch.sh.
# usage: tests/rig/run.sh COMMAND [ARGUMENT...]
# With RIG_SYSTEMD=1 systemd runs the machine; that takes some seconds longer.
# RIG_ENV names the environment variables to hand on; RIG_TIMEOUT the seconds that it may take (300). What the command puts
# into /run/rig/kept is there afterwards in the directory RIG_KEPT.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
rig=$top/target/rig
[[ $# -gt 0 ]] || { sed -n '2,7s/^# //p' "$0" >&2; exit 2; }
command -v qemu-system-x86_64 >/dev/null \
    || { echo "tests/rig: qemu-system-x86_64 is missing: apt-get install qemu-system-x86" >&2; exit 1; }
"$top/tests/rig/fetch.sh"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
{
    printf 'cd %q || exit 1\n' "$PWD"
    for name in PATH ${RIG_ENV:-}; do
        [[ -z ${!name+set} ]] || printf 'export %s=%q\n' "$name" "${!name}"
    done
    printf '%q ' "$@"
    echo
} | sed 's/^export PATH=/PATH=$PATH:/' >"$out/command"

[[ -z ${RIG_SYSTEMD:-} ]] || touch "$out/systemd"

truncate -s 64M "$out/nvme"

# Never KVM: where there is one it may be another emulator, in which the machine hangs. One processor is the fastest.
status=0
timeout --foreground "${RIG_TIMEOUT:-300}" qemu-system-x86_64 -accel tcg,thread=multi -m 1024 -smp 1 -nodefaults \
    -no-reboot -display none -serial "file:$out/console" -kernel "$rig/vmlinuz" -initrd "$rig/initrd" \
    -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
    -virtfs local,path="$rig/guest",mount_tag=guest,security_model=none,readonly=on \
    -virtfs local,path="$out",mount_tag=out,security_model=none \
    -drive if=none,id=nvme,format=raw,file="$out/nvme" -device nvme,drive=nvme,serial=RIG-0001 \
    -smbios type=1,serial=10000000aa00bb03 \
    -append "console=ttyS0 quiet panic=-1 rig=$top" </dev/null 2>"$out/qemu" || status=$?

[[ ! -f $out/stdout ]] || cat "$out/stdout"
[[ ! -f $out/stderr ]] || cat "$out/stderr" >&2
if [[ -n ${RIG_LOGS:-} ]]; then
    mkdir -p "$RIG_LOGS"
    cp -f "$out"/{console,dmesg,qemu} "$RIG_LOGS/" 2>/dev/null || true
fi
if [[ -n ${RIG_KEPT:-} ]]; then
    rm -rf "$RIG_KEPT"
    [[ ! -d $out/kept ]] || { mkdir -p "${RIG_KEPT%/*}" && mv "$out/kept" "$RIG_KEPT"; }
fi
if [[ ! -s $out/status ]]; then
    echo "tests/rig: the virtual machine ended without a result (status $status); its console ends:" >&2
    tail -n 40 "$out/console" "$out/qemu" >&2 || true
    exit 125
fi
exit "$(<"$out/status")"

#!/bin/sh
# A provisioning client as NETWORK-BOOT-DEPLOYMENT-FLOW describes it: register, poll, deploy or back up, reboot.
# It was written from that description alone, before anything of the server was read, so what it expects is what a
# stranger's client expects. It needs a POSIX shell, curl, dd, sha256sum, sed, head, tee, wc, and gzip or zstd.
#
#   PROVISIONING_SERVER  http://10.20.50.1:5000
#   DISK                 the disk to write or read        (/dev/mmcblk0)
#   MAC, IP              what it registers with           (of the first wired interface)
#   FORM                 json or form: how it registers   (json)
#   SEND                 stream or whole: how it uploads  (stream)
#   PACKED               "", .gz or .zst: appended to url (nothing: what url names is taken by its ending)
#   REBOOT               what it runs to reboot           (reboot -f)
#   EVERY                seconds between polls            (5)
#   ONCE                 1: it exits after one action, as the first client did; else it goes on to poll
set -u
DISK=${DISK:-/dev/mmcblk0}
FORM=${FORM:-json}
SEND=${SEND:-stream}
PACKED=${PACKED:-}
REBOOT=${REBOOT:-reboot -f}
EVERY=${EVERY:-5}
ONCE=${ONCE:-0}
PIECE=${PIECE:-4194304}
MAC=${MAC:-$(cat /sys/class/net/eth0/address)}
IP=${IP:-$(ip -4 -o addr show dev eth0 | sed -n 's/.* inet \([0-9.]*\).*/\1/p')}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

say() { echo "client: $*" >&2; }

# The string that is member $1 of the JSON object on standard input, as a shell without jq reads it.
member() { tr -d '\n' | sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }

register() {
    case $FORM in
    json) curl -fsS -X POST -H 'Content-Type: application/json' \
        -d "{\"mac\": \"$MAC\", \"ip\": \"$IP\"}" "$PROVISIONING_SERVER/api/register-device" ;;
    form) curl -fsS -d "mac=$MAC" -d "ip=$IP" "$PROVISIONING_SERVER/api/register-device" ;;
    esac
}

# The bytes of url $1, piece by piece: a piece that breaks off is asked for again from where it broke off.
pieces() {
    at=0 tries=0 total=
    while [ -z "$total" ] || [ "$at" -lt "$total" ]; do
        rm -f "$work/piece"
        code=$(curl -sS -r "$at-$((at + PIECE - 1))" -D "$work/head" -o "$work/piece" -w '%{http_code}' "$1")
        cut=$?
        case $code in
        206)
            total=$(tr -d '\r' <"$work/head" |
                sed -n 's,^[Cc]ontent-[Rr]ange: bytes [0-9]*-[0-9]*/\([0-9]*\)$,\1,p')
            begins=$at ;;
        200) begins=0 ;; # A server may give all of it instead: what is there already is left out.
        *) begins= ;;
        esac
        got=0
        if [ -n "$begins" ] && [ -f "$work/piece" ]; then
            size=$(($(wc -c <"$work/piece")))
            got=$((size - at + begins))
            [ "$code" != 200 ] || [ "$cut" -ne 0 ] || total=$size
        fi
        if [ "$got" -gt 0 ]; then
            tail -c "$got" "$work/piece" || return 1
            at=$((at + got)) tries=0
        fi
        if [ "$got" -eq 0 ] || [ "$cut" -ne 0 ]; then
            tries=$((tries + 1))
            say "broke off at $at of ${total:-?}: curl $cut, status $code"
            [ "$tries" -lt 8 ] || return 1
            sleep "$EVERY"
        fi
    done
    echo "$at" >"$work/fetched"
}

unpack() {
    case $1 in
    *.gz) gzip -dc ;;
    *.zst) zstd -dc ;;
    *) cat ;;
    esac
}

deploy() {
    url=$1$PACKED
    say "deploy $url"
    rm -f "$work"/sum "$work"/size "$work"/bad "$work"/fetched
    mkfifo "$work/to-sum" "$work/to-count"
    sha256sum <"$work/to-sum" | sed 's/ .*//' >"$work/sum" & sums=$!
    wc -c <"$work/to-count" >"$work/size" & counts=$!
    { pieces "$url" || echo fetch >>"$work/bad"; } |
        { unpack "${url%%\?*}" || echo unpack >>"$work/bad"; } |
        tee "$work/to-sum" "$work/to-count" |
        { dd of="$DISK" bs=1M iflag=fullblock conv=notrunc,fsync 2>"$work/dd" || echo write >>"$work/bad"; }
    wait "$sums" "$counts"
    rm -f "$work/to-sum" "$work/to-count"
    [ ! -e "$work/bad" ] || { say "deploy failed: $(cat "$work/bad" "$work/dd")"; return 1; }
    size=$(cat "$work/size")
    read_back=$(head -c "$size" "$DISK" | sha256sum | sed 's/ .*//')
    [ "$read_back" = "$(cat "$work/sum")" ] || { say "the disk reads back other bytes"; return 1; }
    say "deployed $((size)) bytes sha256 $read_back"
}

backup() {
    say "backup to $1"
    rm -f "$work"/bad
    mkfifo "$work/to-sum"
    sha256sum <"$work/to-sum" | sed 's/ .*//' >"$work/sum" & sums=$!
    { dd if="$DISK" bs=4M 2>"$work/dd" || echo read >>"$work/bad"; } | tee "$work/to-sum" | {
        case $SEND in
        stream) curl -fsS -X POST -T - "$1" ;;
        whole) curl -fsS --data-binary @- "$1" ;;
        esac || echo send >>"$work/bad"
    }
    wait "$sums"
    rm -f "$work/to-sum"
    [ ! -e "$work/bad" ] || { say "backup failed: $(cat "$work/bad")"; return 1; }
    say "backed up sha256 $(cat "$work/sum")"
}

until register; do say "not registered"; sleep "$EVERY"; done
say "registered $MAC"
while :; do
    answer=$(curl -fsS "$PROVISIONING_SERVER/api/device-action-poll?mac=$MAC") || answer=
    action=$(echo "$answer" | member action)
    case $action in
    deploy) deploy "$(echo "$answer" | member url)"; ended=$? ;;
    backup) backup "$(echo "$answer" | member upload_url)"; ended=$? ;;
    reboot) say "reboot"; $REBOOT; exit ;;
    *) sleep "$EVERY"; continue ;;
    esac
    [ "$ONCE" -eq 0 ] || exit "$ended"
    sleep "$EVERY"
done

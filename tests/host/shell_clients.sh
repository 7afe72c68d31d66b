#!/bin/sh
# A provisioning client of curl and dd: it registers with its MAC and its IP address, polls for an action, does it, and
# ends. PROVISIONING_SERVER, MAC, DISK; KIND is "", .gz or .zst; with CUT it counts the cuts of the line.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

curl -sSf -X POST -H 'Content-Type: application/json' -d "{\"mac\": \"$MAC\", \"ip\": \"10.20.50.100\"}" \
    "$PROVISIONING_SERVER/api/register-device" >/dev/null

member() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$work/answer"; }

while :; do
    curl -sSf "$PROVISIONING_SERVER/api/device-action-poll?mac=$MAC" -o "$work/answer"
    case "$(member action)" in
    deploy)
        url=$(member url)
        if [ -n "${CUT-}" ]; then
            # The line is cut again and again, and the client goes on where it was.
            rounds=0
            until curl -sSf -C - -o "$work/image" "$url" 2>/dev/null; do
                rounds=$((rounds + 1))
                [ "$rounds" -lt 60 ]
            done
            echo "cut $rounds"
            dd if="$work/image" of="$DISK" bs=1M conv=notrunc 2>/dev/null
        else
            : >"$work/broken"
            case "${KIND-}" in
            .gz) { curl -sSf "$url.gz" || echo x >"$work/broken"; } | gunzip ;;
            .zst) { curl -sSf "$url.zst" || echo x >"$work/broken"; } | zstd -dc ;;
            *) curl -sSf "$url" || echo x >"$work/broken" ;;
            esac | dd of="$DISK" bs=1M conv=notrunc 2>/dev/null
            [ ! -s "$work/broken" ] || exit 18
        fi
        echo deployed
        exit 0
        ;;
    backup)
        dd if="$DISK" bs=1M 2>/dev/null | curl -sSf -X POST -H 'Content-Type: application/octet-stream' \
            -T - "$(member upload_url)" >/dev/null
        echo "backed up"
        exit 0
        ;;
    reboot)
        echo rebooted
        exit 0
        ;;
    esac
    [ "${ONCE-}" = "" ] || { echo nothing; exit 0; }
    sleep 1
done

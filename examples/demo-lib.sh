# What the demos share; they source it. shellcheck shell=bash
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' green=$'\e[32m' plain=$'\e[0m'; else bold='' green='' plain=''; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
say() { printf '  %s\n' "$*"; }
proved() { printf '  %s✓%s %s\n' "$green" "$plain" "$*"; }
fail() { echo "demo: $*" >&2; exit 1; }
# Fails unless there are these tools, each given as TOOL:PACKAGE.
need_tools() {
    local tool
    for tool; do command -v "${tool%:*}" > /dev/null || fail "${tool%:*} is missing: apt-get install ${tool#*:}"; done
}
# Makes the demo's own directory anew. What isn't a demo's is not ours to delete.
fresh_directory() {
    [ ! -e "$1" ] || [ -e "$1/.piprov-demo" ] || fail "$1 is there already, and no demo has made it"
    rm -rf "$1"
    mkdir -p "$1"
    touch "$1/.piprov-demo"
}

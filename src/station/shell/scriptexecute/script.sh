
# From here on it is the same for each board. It is run by the old utility OS: busybox's sh, curl, gzip, dd, sha256sum. What
# that system may lack is only used where it is there.
set -u
set -o pipefail
[ -z "${PIPROV_BEFORE:-}" ] || rm -rf "$PIPROV_BEFORE"
work=$(mktemp -d) && cd "$work" || exit 1
said='' written=no blinks='' alive='' beside='' behind=''

say() { echo "piprov: $*"; }

# The lights of the board: led0 is the one for activity, led1 the one for power, which not each board has.
leds=/sys/class/leds
led() { { echo "$2" >"$leds/led$1/brightness"; } 2>/dev/null || :; }
dark() {
    [ -z "$blinks" ] || kill "$blinks" 2>/dev/null
    blinks=''
    { echo none >"$leds/led0/trigger"; } 2>/dev/null || :
    led 0 0
}
# blink SECONDS: both in turns.
blink() {
    dark
    [ -e "$leds/led0" ] || return 0
    (while kill -0 $$ 2>/dev/null; do
        led 0 1 && led 1 0 && sleep "$1"
        led 0 0 && led 1 1 && sleep "$1"
    done) &
    blinks=$!
}

# ask ARGUMENTS: one question to the station. Its answer comes into the file `answer`, the status into $code.
ask() {
    code=$(curl -g -s -S -o answer -w '%{http_code}' "$@" 2>curl.log) || code=000
}

# Networks and stations go and come back: they are waited for, so many times and so many seconds each.
patience=100 pause=3

# is_away STATUS: whether that says that there was no station that could answer.
is_away() {
    case $1 in
    000 | 408 | 429 | 5*) return 0 ;;
    *) return 1 ;;
    esac
}

# insist ARGUMENTS: as ask, until there is an answer, for a while.
insist() {
    tries=0
    while :; do
        ask "$@"
        is_away "$code" || return 0
        tries=$((tries + 1))
        [ "$tries" -lt "$patience" ] || return 1
        sleep "$pause"
    done
}

# call QUERY [FILE FIELD]: tells the station, with a file where there is one. Anything but yes ends what this script does.
call() {
    if [ "$#" -gt 1 ]; then
        tail -c 1000000 "$2" >upload
        insist -m 120 -F "$3=@upload" "$station?serial=$serial&token=$token&$1"
    else
        insist -m 120 "$station?serial=$serial&token=$token&$1"
    fi || { say "the station doesn't answer" && over; }
    case $code in
    2*) said=$(cat answer) ;;
    *)
        say "the station says no:" && cat answer && echo
        over
        ;;
    esac
}

# Nothing starts from a disk of which nobody has proved that it has the image.
wipe() {
    [ "$written" != part ] || dd if=/dev/zero of="$storage" bs=1M count=1 conv=notrunc,fsync 2>/dev/null
}

still() {
    [ -z "$alive" ] || kill "$alive" 2>/dev/null
    alive=''
}

# It isn't this board's any more, or was refused: the station has said how it ended.
over() {
    still
    # Each ends what it has begun.
    for one in $behind; do kill -TERM "$one" 2>/dev/null; done
    behind=''
    wipe
    blink 0.1
    wait_for_work
}

# fail QUERY FILE: it has failed, and this is the log.
fail() {
    say "failed: $1"
    tail -n 20 "$2"
    wipe
    call "$1" "$2" log
    over
}

# Asks again and again whether there is something to do, and does that. This script never ends.
wait_for_work() {
    still
    last=''
    while :; do
        sleep "$every"
        ask -m 60 "$again&again=1"
        line=$(head -n 1 answer 2>/dev/null) || line=''
        case $code$line in
        '200# piprov: wait')
            why=$(sed -n 's/^# why: //p' answer)
            [ "$why" = "$last" ] || say "$why"
            last=$why
            ;;
        '200# piprov: work')
            dark
            export PIPROV_BEFORE="$work"
            exec sh "$work/answer"
            ;;
        esac
    done
}

# end_all: what a script has begun ends, also where the script itself is over. It may end by itself first.
end_all() {
    kill -TERM "$own$it" 2>/dev/null || return 0
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 "$own$it" 2>/dev/null || return 0
        sleep 0.5
    done
    kill -KILL "$own$it" 2>/dev/null
}

# limited SECONDS FILE: runs a script as long as it may run. It has a session of its own, so that what it leaves running is
# found by the number of that. Called in a shell of its own, which is told to end where nothing of it is wanted any more.
limited() {
    own='' it='' clock=''
    trap 'kill "$clock" 2>/dev/null; [ -z "$it" ] || end_all; exit 143' TERM
    if command -v setsid >/dev/null 2>&1; then
        own=-
        setsid sh -v "$2" &
    else
        sh -v "$2" &
    fi
    it=$!
    (
        sleep "$1" &
        nap=$!
        trap 'kill "$nap" 2>/dev/null; exit' TERM
        wait "$nap"
        echo "piprov: it took more than $1 s, and is ended"
        end_all
    ) &
    clock=$!
    wait "$it"
    status=$?
    kill "$clock" 2>/dev/null
    end_all
    return "$status"
}

# run PLACE WHEN SECONDS BACKGROUND: one script. It begins once the station knows of it, so that this is known also where it
# starts the board again.
run() {
    call "step=begin&script=$1"
    say "script $1 ($2)"
    if [ "$4" = yes ]; then
        (
            . "./facts-$1.sh"
            limited "$3" "./script-$1.sh" >"log-$1" 2>&1
            echo $? >"ends-$1" && mv "ends-$1" "end-$1"
        ) &
        behind="$behind $!"
        beside="$beside $1:$2"
        return 0
    fi
    (. "./facts-$1.sh" && limited "$3" "./script-$1.sh") >"log-$1" 2>&1
    ended "$1" "$2" $?
}

ended() {
    [ "$3" = 0 ] || fail "phase=$2install&script=$1&retcode=$3" "log-$1"
    call "phase=$2install&script=$1&retcode=0" "log-$1" log
}

# Those in the background count too.
join() {
    for one in $beside; do
        while [ ! -e "end-${one%%:*}" ]; do sleep 1; done
        ended "${one%%:*}" "${one##*:}" "$(cat "end-${one%%:*}")"
    done
    beside=''
}

# Which bootloader the board has, where something here can tell that.
version() {
    if [ "$bootmode" = 3 ] && [ -e /dev/spidev0.0 ]; then
        flashrom -p "$spi" -r eeprom.bin >flashrom.log 2>&1 &&
            strings eeprom.bin | grep -E '^(VERSION:|BUILD_TIMESTAMP=)' >version
    else
        vcgencmd bootloader_version >version 2>/dev/null
    fi
    [ ! -s version ] || call 'step=version' version eeprom_version
}

# What the logs of a pipeline say, each with the name of what said it.
logs() {
    for one in curl gzip first dd; do
        [ ! -s "$one.log" ] || sed "s/^/$one: /" "$one.log"
    done
}

# The disk is emptied, once, when an image comes: what is on it is lost for that one alone. The file says so where this runs,
# in another process than what comes after it.
empty() {
    [ ! -e emptied ] || return 0
    : >touched
    blkdiscard "$storage" >/dev/null 2>&1 || :
    dd if=/dev/zero of="$storage" bs=1M count=1 conv=notrunc,fsync 2>dd.log && : >emptied
}

# One try: all but the first MiB goes onto the disk, that one into a file, before anything of the disk is touched. Bytes are
# taken singly there, since a pipe may give fewer than are asked for. What curl says of it stands in a file: the end of a
# pipeline doesn't tell which of its programs it was.
try() {
    rm -f curl.head curl.end && : >curl.log && : >gzip.log && : >first.log && : >dd.log
    (
        curl -g -f -s -S --connect-timeout 30 -D curl.head "$image" 2>curl.log
        end=$?
        echo "$end" >curl.end
        exit "$end"
    ) | gzip -dc 2>gzip.log | {
        dd ibs=1 obs=1M count=1048576 of=first.bin 2>first.log &&
            [ $(($(wc -c <first.bin))) = "$first" ] && empty &&
            dd ibs=64k obs=1M seek=1 of="$storage" conv=notrunc,fsync 2>dd.log
    }
}

# Whether nobody was there to give the image, or it broke off: it may be another time. Where all of it came, or curl found
# nobody who took what came (23), it is the image or the disk. An answer without yes (22) is as good as its status.
broke_off() {
    case $(cat curl.end 2>/dev/null) in
    0 | 23) return 1 ;;
    22) is_away "$(sed -n 's|^HTTP/[^ ]* \([0-9]*\).*|\1|p' curl.head | tail -n 1)" ;;
    *) return 0 ;;
    esac
}

write() {
    first=1048576
    [ "$mebibytes" != 0 ] || first=$((sectors * 512))
    rounds=0 waits=0 breaks=0
    until try; do
        status=$?
        [ ! -e touched ] || written=part
        logs >all.log
        if broke_off; then
            waits=$((waits + 1))
            # What always breaks off is no station that comes back, and each try wears the disk.
            [ ! -s first.bin ] || breaks=$((breaks + 1))
            { [ "$waits" -lt "$patience" ] && [ "$breaks" -lt 10 ]; } || fail "phase=dd&retcode=$status" all.log
        else
            rounds=$((rounds + 1))
            [ "$rounds" -lt 3 ] || fail "phase=dd&retcode=$status" all.log
        fi
        say "the image didn't come whole; it is fetched again" && cat all.log
        sleep "$pause"
    done
    written=part
    dd if=first.bin of="$storage" bs=1M conv=notrunc,fsync 2>dd.log || fail "phase=dd&retcode=$?" dd.log
}

# What is read comes from the disk, and not out of memory; else it proves nothing.
empty_caches() {
    sync
    fresh=1
    blockdev --flushbufs "$storage" 2>/dev/null || :
    { echo 3 >/proc/sys/vm/drop_caches; } 2>/dev/null || fresh=0
}

read_back() {
    call 'step=readback'
    empty_caches
    : >first.log && : >dd.log && : >curl.log && : >gzip.log
    # The station's token comes first: the digest of another attempt, or of the image, proves nothing.
    sum=$(
        {
            printf %s "$token"
            [ "$mebibytes" = 0 ] || dd if="$storage" bs=1M count="$mebibytes" 2>first.log
            [ "$sectors" = 0 ] || dd if="$storage" bs=512 skip="$skip" count="$sectors" 2>dd.log
        } | sha256sum
    ) || {
        status=$?
        logs >all.log
        fail "phase=readback&retcode=$status" all.log
    }
    sum=${sum%% *}
    call "step=compare&sha256=$sum&fresh=$fresh"
    written=all
    { partprobe "$storage" || blockdev --rereadpt "$storage"; } >/dev/null 2>&1 || :
    sleep 0.1
}

# flash SHA256: the image of the EEPROM is written where the chip has another one, and read back.
flash() {
    rm -f pieeprom.bin
    insist -m 120 "$eeprom"
    case $code in 2*) mv answer pieeprom.bin ;; esac
    echo "$1  pieeprom.bin" >sums
    sha256sum -c sums >flashrom.log 2>&1 || fail 'phase=eeprom&retcode=1' flashrom.log
    flashrom -p "$spi" -r before.bin >>flashrom.log 2>&1 || fail "phase=eeprom&retcode=$?" flashrom.log
    before=$(sha256sum before.bin) && before=${before%% *}
    now=$before bytes=0
    if [ "$before" != "$1" ]; then
        flashrom -p "$spi" -w pieeprom.bin >>flashrom.log 2>&1 || fail "phase=eeprom&retcode=$?" flashrom.log
        flashrom -p "$spi" -r after.bin >>flashrom.log 2>&1 || fail "phase=eeprom&retcode=$?" flashrom.log
        now=$(sha256sum after.bin) && now=${now%% *}
        bytes=$(wc -c <pieeprom.bin)
    fi
    proof="$proof&eeprombefore=$before&eeprom=$now&eepromwritten=$((bytes))"
}

back_up() {
    dd if="$storage" bs=1M 2>dd.log |
        curl -g -f -s -S -T - -X POST -H 'Content-Type: application/octet-stream' "$image" >answer 2>curl.log || {
        status=$?
        logs >all.log
        fail "phase=dd&retcode=$status" all.log
    }
}

# done_with WORD: what comes after it.
done_with() {
    still
    say "done; then: $1"
    case $1 in
    reboot) sync && led 0 1 && reboot -f ;;
    power-off) sync && led 0 1 && poweroff -f ;;
    esac
    if [ -e "$leds/led1" ]; then blink 0.5; else dark && led 0 1; fi
    wait_for_work
}

finish() {
    degrees=$(vcgencmd measure_temp 2>/dev/null | sed 's/[^0-9.]//g') || degrees=''
    call "alldone=1&temp=$degrees&verify=1$proof"
    done_with "$said"
}

proof=''
dark
(while sleep 15 && kill -0 $$ 2>/dev/null; do
    curl -g -s -S -m 20 -o /dev/null "$station?serial=$serial&token=$token&step=alive" 2>/dev/null
done) &
alive=$!

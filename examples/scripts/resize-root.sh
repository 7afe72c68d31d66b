# Grows partition 2, if it is the last one, and the ext4 file system in it to the end of the disk: Raspberry Pi OS needn't
# do it at its first start. Add it as a post script:
#     piprov script add examples/scripts/resize-root.sh --when post --priority 50
# It needs sfdisk, e2fsck and resize2fs: `piprov initramfs build --script-tools`.
set -eu
part=$PART2
number=2
# "START SIZE" of each partition, in sectors, and of this one.
all() { sfdisk -d "$STORAGE" | sed -n 's/.*: start= *\([0-9]*\), size= *\([0-9]*\),.*/\1 \2/p'; }
own() { sfdisk -d "$STORAGE" | sed -n "s/^[^ ]*[^0-9 ]$number : start= *\([0-9]*\), size= *\([0-9]*\),.*/\1 \2/p"; }
last=$(all | sort -n | tail -n 1)
if [ -z "$last" ] || [ "$(own)" != "$last" ]; then
    echo "partition $number isn't the last one of this disk: nothing was grown" >&2
    exit 1
fi
# The partition table says where the partition begins; all that is behind it is its own from now on.
echo ', +' | sfdisk --no-reread --no-tell-kernel -N "$number" "$STORAGE"
sync
if [ -b "$STORAGE" ]; then
    blockdev --rereadpt "$STORAGE"
    # Its node comes with the new table.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -b "$part" ] && break
        sleep 0.5
    done
    # 1 says that something was mended.
    e2fsck -f -p "$part" || [ $? -le 1 ]
    resize2fs "$part"
else
    # A file that stands for a disk: a simulated board. Its partition is taken out, grown, and put back.
    set -- $(own)
    start=$1 size=$2
    dd if="$STORAGE" of=part bs=512 skip="$start" count="$size" status=none
    e2fsck -f -p part || [ $? -le 1 ]
    resize2fs part
    dd if=part of="$STORAGE" bs=512 seek="$start" conv=notrunc status=none
fi
echo "partition $number and its file system reach the end of the disk"

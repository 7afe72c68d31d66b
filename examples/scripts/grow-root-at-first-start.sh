# Lets Raspberry Pi OS grow its root at its first start, where an image was made without that: the kernel's command line
# gets `resize`, which initramfs-tools of Raspberry Pi OS (bookworm and later) obeys. Add it as a post script:
#     piprov script add examples/scripts/grow-root-at-first-start.sh --when post
set -eu
add() {
    # cmdline.txt is one line.
    grep -qw resize "$1" || sed -i '1s/[[:space:]]*$/ resize/' "$1"
    grep -w resize "$1"
}
if [ -b "$STORAGE" ]; then
    mkdir boot
    mount -t vfat "$PART1" boot
    trap 'umount boot' EXIT
    add boot/cmdline.txt
    sync
else
    # A file that stands for a disk: a simulated board.
    start=$(sfdisk -d "$STORAGE" | sed -n '/1 : start=/s/.*start= *\([0-9]*\),.*/\1/p')
    at="$STORAGE@@$((start * 512))"
    mcopy -n -i "$at" ::cmdline.txt cmdline.txt
    add cmdline.txt
    mcopy -o -i "$at" cmdline.txt ::cmdline.txt
fi

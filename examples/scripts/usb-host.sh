# Puts dtoverlay=dwc2 into config.txt, so that the USB of a Compute Module's carrier is a host's. Add it as a post script:
#     piprov script add examples/scripts/usb-host.sh --when post
set -eu
wanted='dtoverlay=dwc2,dr_mode=host'
if [ -b "$STORAGE" ]; then
    mkdir boot
    mount -t vfat "$PART1" boot
    trap 'umount boot' EXIT
    grep -qxF "$wanted" boot/config.txt || printf '\n[all]\n%s\n' "$wanted" >>boot/config.txt
    sync
    grep -xF "$wanted" boot/config.txt
else
    # A file that stands for a disk: a simulated board.
    start=$(sfdisk -d "$STORAGE" | sed -n '/1 : start=/s/.*start= *\([0-9]*\),.*/\1/p')
    at="$STORAGE@@$((start * 512))"
    mcopy -n -i "$at" ::config.txt config.txt
    grep -qxF "$wanted" config.txt || printf '\n[all]\n%s\n' "$wanted" >>config.txt
    mcopy -o -i "$at" config.txt ::config.txt
    mtype -i "$at" ::config.txt | grep -xF "$wanted"
fi

# Makes the whole eMMC pSLC: half the room, and it lasts longer. THIS CAN BE DONE ONCE IN THE LIFE OF AN eMMC, AND NOT UNDONE.
# The board has to start again before the eMMC is what it was set to, so it is a pre script that runs once:
#     piprov script add examples/scripts/pslc.sh --when pre --once yes --priority 1
# It needs mmc: `piprov initramfs build --script-tools`.
set -eu
case $STORAGE in
*/mmcblk*) ;;
*)
    echo "$STORAGE is no eMMC" >&2
    exit 1
    ;;
esac
# EXT_CSD 155, PARTITION_SETTING_COMPLETED: whether it was set before.
if mmc extcsd read "$STORAGE" | grep -q 'PARTITION_SETTING_COMPLETED.*: 0x01'; then
    echo "its partitions were set before; nothing is to be done"
    exit 0
fi
# EXT_CSD 157 to 159, MAX_ENH_SIZE_MULT: so much can be pSLC.
most=$(mmc extcsd read "$STORAGE" | sed -n '/MAX_ENH_SIZE_MULT/{n;s/.*i\.e\. *\([0-9]*\) KiB.*/\1/p;q}')
[ -n "$most" ] || { echo "how much can be pSLC isn't told" >&2; exit 1; }
mmc enh_area set -y 0 "$most" "$STORAGE"
echo "set; the board starts again"
sync
reboot -f
# Until that happens nothing else is to begin.
sleep 60
exit 1

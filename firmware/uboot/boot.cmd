# piprov recovery card: the script that U-Boot runs at every start of the board.
#
# It asks the server for a job. With a job it writes what it is told to, reads it back, and tells the
# checksum of what it read; the server compares. Without one it boots the system behind the card's own
# partition. It needs nothing that Debian's stock u-boot-rpi lacks: no tftpput, hash or netconsole.
#
# The board computes nothing: addresses, counts and lengths arrive ready, in hexadecimal without 0x.
# The old hush shell decides the style: if/else only (in "a && b || c" c never runs), itest for numbers
# (test compares text), every file's size set to 0 before it is fetched and looked at afterwards.
#
# Answers are texts of name=value lines: pp_do (write, wait, done), pp_job, pp_n (step), pp_file, pp_blk and
# pp_cnt (blocks of 512 bytes), pp_len (bytes), pp_words (32-bit words), pp_last (the last block of the
# card that the job needs).
# Only these names are taken from them, and only the names below from env.txt.

echo "piprov: recovery card, protocol 1"

if test "${devtype}" = ""; then
	setenv devtype mmc
	setenv devnum 0
fi

# A server that is switched off costs three seconds of every start, not a minute.
setenv tftptimeout 1000
setenv tftptimeoutcountmax 2
# A silent answer to one request ends that request only; what to do then is decided here.
setenv netretry no
setenv autoload no
# More than 16 blocks in flight overrun the receive ring of some boards.
setenv tftpwindowsize 8

# 64 MiB and more above the start of memory, clear of U-Boot's control device tree.
setenv pp_buf ${ramdisk_addr_r}
setenv pp_text ${loadaddr}

setenv source
setenv filesize 0
if load ${devtype} ${devnum}:1 ${pp_text} env.txt; then
	env import -t ${pp_text} ${filesize} serverip ipaddr netmask gatewayip source
fi

if test "${source}" = "usb"; then
	# A stick holds what the server would send. No colon is allowed in its names, so no address either.
	setenv pp_get 'setenv filesize 0; load usb 0:1 ${pp_addr} piprov/${pp_path}'
else
	setenv pp_get 'setenv filesize 0; tftpboot ${pp_addr} ${serverip}:${ethaddr}/${pp_path}'
	if test "${ipaddr}" = ""; then
		# DHCP may name another server than the card does; the card is right.
		setenv pp_server ${serverip}
		dhcp
		if test "${pp_server}" != ""; then
			setenv serverip ${pp_server}
		fi
	fi
fi

# Asks for pp_path and takes over the answer. Without an answer pp_do is empty.
setenv pp_ask 'setenv pp_do; setenv pp_addr ${pp_text}; if run pp_get; then if itest 0x${filesize} -gt 0; then env import -t ${pp_text} ${filesize} pp_do pp_job pp_n pp_file pp_blk pp_cnt pp_len pp_words pp_last; fi; fi'

# One step: fetch, write, read back, say what was read. The buffer is overwritten before the read-back:
# a read that fails in silence must not find the right bytes left over from the fetch. A checksum that nobody
# answers is told as a failure: files on a plain server hold only the right one, and answers get lost.
setenv pp_step 'setenv pp_sum; setenv pp_path ${pp_job}/${pp_file}; setenv pp_addr ${pp_buf}; setenv pp_said fail/${pp_n}/fetch; if run pp_get; then if itest 0x${filesize} -eq 0x${pp_len}; then setenv pp_said fail/${pp_n}/write; if ${devtype} write ${pp_buf} ${pp_blk} ${pp_cnt}; then setenv pp_said fail/${pp_n}/read-back; mw.l ${pp_buf} 5aa5c33c ${pp_words}; if ${devtype} read ${pp_buf} ${pp_blk} ${pp_cnt}; then crc32 ${pp_buf} ${pp_len} ${pp_text}; setexpr.l pp_sum *${pp_text}; setenv pp_said read/${pp_n}/${pp_sum}; fi; fi; fi; fi; setenv pp_path ${pp_job}/${pp_said}; run pp_ask; if test "${pp_do}" = ""; then if test "${pp_sum}" != ""; then setenv pp_path ${pp_job}/fail/${pp_n}/sum; run pp_ask; fi; fi'

# Boots the system on partition 2.
setenv pp_boot 'setenv distro_bootpart 2; if load ${devtype} ${devnum}:2 ${pp_buf} boot.scr; then source ${pp_buf}; fi; setenv cmdline; mw.l ${pp_text} 6c646d63; setexpr pp_addr ${pp_text} + 4; mw.l ${pp_addr} 3d656e69; setexpr pp_addr ${pp_text} + 8; if load ${devtype} ${devnum}:2 ${pp_addr} cmdline.txt; then setexpr pp_len ${filesize} + 8; env import -t ${pp_text} ${pp_len} cmdline; setexpr cmdline sub serial0 ttyS0; fi; run pp_kernel'
setenv pp_kernel 'if load ${devtype} ${devnum}:2 ${kernel_addr_r} kernel8.img; then setenv pp_fdt ${fdt_addr}; run pp_tree; setenv pp_rd -; if load ${devtype} ${devnum}:2 ${ramdisk_addr_r} initramfs8; then setenv pp_rd ${ramdisk_addr_r}:${filesize}; fi; setenv bootargs ${pp_fwargs} ${cmdline}; booti ${kernel_addr_r} ${pp_rd} ${pp_fdt}; fi'
# The firmware's device tree knows this board's memory, serial number and addresses, and carries the
# arguments that the firmware would have given the kernel. Builds that embed a tree have none of it.
setenv pp_tree 'setenv pp_fwargs; if test "${pp_fdt}" = ""; then if load ${devtype} ${devnum}:2 ${fdt_addr_r} ${fdtfile}; then setenv pp_fdt ${fdt_addr_r}; else setenv pp_fdt ${fdtcontroladdr}; fi; else fdt addr ${pp_fdt}; fdt get value pp_fwargs /chosen bootargs; fi'

if test "${board}" = "rpi"; then
	# Room for a compressed kernel; older builds don't set it.
	if test "${kernel_comp_addr_r}" = ""; then
		setenv kernel_comp_addr_r 0x0c000000
		setenv kernel_comp_size 0x04000000
	fi
fi

while true; do
	${devtype} dev ${devnum}
	part start ${devtype} ${devnum} 1 pp_start
	part size ${devtype} ${devnum} 1 pp_size
	setenv pp_path job/${pp_start}-${pp_size}
	run pp_ask
	if test "${source}" = "usb"; then
		# A stick can't retire a job; the marks of the boards that it has flashed do.
		if load usb 0:1 ${pp_text} piprov/${pp_job}/DONE-${serial#}; then
			setenv pp_do
		fi
	fi
	if test "${pp_do}" = "write"; then
		echo "piprov: job ${pp_job}"
		# A card that is too small is told before anything is written.
		if ${devtype} read ${pp_buf} ${pp_last} 1; then
			echo "piprov: the card is large enough"
		else
			setenv pp_path ${pp_job}/fail/0/size
			run pp_ask
		fi
		# U-Boot adds up the losses of 96 MiB before it gives up: two are few for a long fetch.
		setenv tftptimeoutcountmax 20
		while test "${pp_do}" = "write"; do
			run pp_step
			# The image is still on its way to the server.
			while test "${pp_do}" = "wait"; do
				sleep 1
				run pp_ask
			done
		done
		if test "${pp_do}" = "done"; then
			setenv pp_path ${pp_job}/OK
			run pp_ask
			if test "${source}" = "usb"; then
				fatwrite usb 0:1 ${pp_text} piprov/${pp_job}/DONE-${serial#} 4
			fi
			echo "piprov: job ${pp_job} done, starting again"
			reset
		fi
		echo "piprov: job ${pp_job} stopped"
		setenv tftptimeoutcountmax 2
	else
		echo "piprov: no job, booting partition 2"
		run pp_boot
		echo "piprov: partition 2 does not boot"
	fi
	# A board that can't boot keeps asking, so that the next job finds it without a hand on the plug.
	sleep 5
done

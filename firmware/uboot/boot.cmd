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
# Answers are texts of name=value lines: pp_do (prove, write, wait, done), pp_job, pp_n (step), pp_file, pp_blk
# and pp_cnt (blocks of 512 bytes), pp_len (bytes), pp_words (32-bit words), pp_last (the last block of the
# card that the job needs), pp_seq (the order's number).
# Only these names are taken from them, and only the names below from env.txt.
#
# A card with a secret proves what it tells, to a server that asks for it (pp_do prove, with a number in
# pp_nonce): every path then ends in a tag, which is SipHash-2-4 of what is told, computed by setexpr, whose
# numbers have 64 bits on these boards. uboot/proof.rs of piprov says what goes into it.

echo "piprov: recovery card, protocol 2"

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
setenv secret0
setenv secret1
setenv filesize 0
if load ${devtype} ${devnum}:1 ${pp_text} env.txt; then
	env import -t ${pp_text} ${filesize} serverip ipaddr netmask gatewayip source secret0 secret1
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
setenv pp_ask 'setenv pp_do; setenv pp_addr ${pp_text}; if run pp_get; then if itest 0x${filesize} -gt 0; then env import -t ${pp_text} ${filesize} pp_do pp_job pp_n pp_file pp_blk pp_cnt pp_len pp_words pp_last pp_seq; fi; fi'

# Puts the tag behind pp_path: of pp_nonce, pp_kind (1 job, 2 fetch, 3 read, 4 fail, 5 OK) with the board's address,
# pp_seq with the step pp_m, and pp_val. Without a number to prove anything with, the path stays as it is.
setenv pp_sign 'if test "${pp_nonce}" != ""; then setexpr pp_a gsub : "" ${ethaddr}; setexpr pp_w ${pp_kind} * 1000000000000; setexpr pp_a ${pp_w} + ${pp_a}; setexpr pp_b ${pp_seq} * 100000000; setexpr pp_b ${pp_b} + ${pp_m}; run pp_hash; setenv pp_path ${pp_path}/${pp_h}; fi'
setenv pp_hash 'setexpr pp_v0 ${secret0} ^ 736f6d6570736575; setexpr pp_v1 ${secret1} ^ 646f72616e646f6d; setexpr pp_v2 ${secret0} ^ 6c7967656e657261; setexpr pp_v3 ${secret1} ^ 7465646279746573; setenv pp_w ${pp_nonce}; run pp_word; setenv pp_w ${pp_a}; run pp_word; setenv pp_w ${pp_b}; run pp_word; setenv pp_w ${pp_val}; run pp_word; setenv pp_w 2000000000000000; run pp_word; setexpr pp_v2 ${pp_v2} ^ ff; run pp_round; run pp_round; run pp_round; run pp_round; setexpr pp_h ${pp_v0} ^ ${pp_v1}; setexpr pp_h ${pp_h} ^ ${pp_v2}; setexpr pp_h ${pp_h} ^ ${pp_v3}'
setenv pp_word 'setexpr pp_v3 ${pp_v3} ^ ${pp_w}; run pp_round; run pp_round; setexpr pp_v0 ${pp_v0} ^ ${pp_w}'
# A number is turned by multiplying it by 2^n, which drops what overflows, and dividing it by 2^(64-n).
setenv pp_round 'setexpr pp_v0 ${pp_v0} + ${pp_v1}; setexpr pp_t ${pp_v1} * 2000; setexpr pp_v1 ${pp_v1} / 8000000000000; setexpr pp_v1 ${pp_v1} + ${pp_t}; setexpr pp_v1 ${pp_v1} ^ ${pp_v0}; setexpr pp_t ${pp_v0} * 100000000; setexpr pp_v0 ${pp_v0} / 100000000; setexpr pp_v0 ${pp_v0} + ${pp_t}; setexpr pp_v2 ${pp_v2} + ${pp_v3}; setexpr pp_t ${pp_v3} * 10000; setexpr pp_v3 ${pp_v3} / 1000000000000; setexpr pp_v3 ${pp_v3} + ${pp_t}; setexpr pp_v3 ${pp_v3} ^ ${pp_v2}; setexpr pp_v0 ${pp_v0} + ${pp_v3}; setexpr pp_t ${pp_v3} * 200000; setexpr pp_v3 ${pp_v3} / 80000000000; setexpr pp_v3 ${pp_v3} + ${pp_t}; setexpr pp_v3 ${pp_v3} ^ ${pp_v0}; setexpr pp_v2 ${pp_v2} + ${pp_v1}; setexpr pp_t ${pp_v1} * 20000; setexpr pp_v1 ${pp_v1} / 800000000000; setexpr pp_v1 ${pp_v1} + ${pp_t}; setexpr pp_v1 ${pp_v1} ^ ${pp_v2}; setexpr pp_t ${pp_v2} * 100000000; setexpr pp_v2 ${pp_v2} / 100000000; setexpr pp_v2 ${pp_v2} + ${pp_t}'

# Tells what the path says, with its proof.
setenv pp_tell 'run pp_sign; run pp_ask'

# One step: fetch, write, read back, say what was read. The buffer is overwritten before the read-back:
# a read that fails in silence must not find the right bytes left over from the fetch. A checksum that nobody
# answers is told as a failure: files on a plain server hold only the right one, and answers get lost.
setenv pp_step 'setenv pp_sum; setenv pp_m ${pp_n}; setenv pp_kind 2; setenv pp_val 0; setenv pp_path ${pp_job}/${pp_file}; run pp_sign; setenv pp_kind 4; setenv pp_val 1; setenv pp_addr ${pp_buf}; setenv pp_said fail/${pp_n}/fetch; if run pp_get; then if itest 0x${filesize} -eq 0x${pp_len}; then setenv pp_said fail/${pp_n}/write; setenv pp_val 2; if ${devtype} write ${pp_buf} ${pp_blk} ${pp_cnt}; then setenv pp_said fail/${pp_n}/read-back; setenv pp_val 3; mw.l ${pp_buf} 5aa5c33c ${pp_words}; if ${devtype} read ${pp_buf} ${pp_blk} ${pp_cnt}; then crc32 ${pp_buf} ${pp_len} ${pp_text}; setexpr.l pp_sum *${pp_text}; setenv pp_said read/${pp_n}/${pp_sum}; setenv pp_kind 3; setenv pp_val ${pp_sum}; fi; fi; fi; fi; setenv pp_path ${pp_job}/${pp_said}; run pp_tell; if test "${pp_do}" = ""; then if test "${pp_sum}" != ""; then setenv pp_path ${pp_job}/fail/${pp_n}/sum; setenv pp_kind 4; setenv pp_val 4; run pp_tell; fi; fi'

# Boots the system on partition 2. The arguments are in quotes: commands of more than 16 words are refused, and a
# Pi's firmware alone adds 10.
setenv pp_boot 'setenv distro_bootpart 2; if load ${devtype} ${devnum}:2 ${pp_buf} boot.scr; then source ${pp_buf}; fi; setenv cmdline; mw.l ${pp_text} 6c646d63; setexpr pp_addr ${pp_text} + 4; mw.l ${pp_addr} 3d656e69; setexpr pp_addr ${pp_text} + 8; if load ${devtype} ${devnum}:2 ${pp_addr} cmdline.txt; then setexpr pp_len ${filesize} + 8; env import -t ${pp_text} ${pp_len} cmdline; setexpr cmdline sub serial0 ttyS0; fi; run pp_kernel'
setenv pp_kernel 'if load ${devtype} ${devnum}:2 ${kernel_addr_r} kernel8.img; then setenv pp_fdt ${fdt_addr}; run pp_tree; setenv pp_rd -; if load ${devtype} ${devnum}:2 ${ramdisk_addr_r} initramfs8; then setenv pp_rd ${ramdisk_addr_r}:${filesize}; fi; setenv bootargs "${pp_fwargs} ${cmdline}"; booti ${kernel_addr_r} ${pp_rd} ${pp_fdt}; fi'
# The firmware's device tree knows this board's memory, serial number and addresses, and carries the
# arguments that the firmware would have given the kernel. Builds that embed a tree have no such arguments.
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
	setenv pp_nonce
	setenv pp_path job/${pp_start}-${pp_size}
	run pp_ask
	if test "${pp_do}" = "prove"; then
		if test "${secret1}" = ""; then
			echo "piprov: the server asks for a proof, and this card has no secret"
		else
			env import -t ${pp_text} ${filesize} pp_nonce
			setenv pp_kind 1
			setenv pp_seq 0
			setenv pp_m 0
			setexpr pp_val ${pp_start} * 100000000
			setexpr pp_val ${pp_val} + ${pp_size}
			run pp_tell
		fi
	fi
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
			setenv pp_kind 4
			setenv pp_m 0
			setenv pp_val 0
			run pp_tell
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
			setenv pp_kind 5
			setenv pp_m 0
			setenv pp_val 0
			run pp_tell
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

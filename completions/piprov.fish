# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_piprov_global_optspecs
    string join \n json q/quiet v/verbose no-color config= h/help V/version
end

function __fish_piprov_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_piprov_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_piprov_using_subcommand
    set -l cmd (__fish_piprov_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c piprov -n "__fish_piprov_needs_command" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_needs_command" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_needs_command" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_needs_command" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_needs_command" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_needs_command" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_needs_command" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "deploy" -d 'Write an image onto disks of this host, and read it back'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "flash" -d 'Flash boards over the network, through their U-Boot'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "verify" -d 'Compare an image with a device, a file or a board\'s report'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "split-image" -d 'Split an image into the parts that U-Boot fetches'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "reset" -d 'Reset boards'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "run" -d 'Show what was done to boards, and how it ended'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "board" -d 'Show the station\'s boards, and tell them what to do'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "image" -d 'Show the station\'s images, and add, check and take out some'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "backup" -d 'Show the backups of boards, check them, and put them back'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "firmware" -d 'Show the station\'s EEPROM images, and add, get and take out some'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "project" -d 'Show and change projects: image, disk and end that boards get together'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "script" -d 'Show and change what boards run before and after their image is written'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "rule" -d 'Show and change which project an arriving board gets'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "values" -d 'Show and change the sources of values of which each board has its own'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "label" -d 'Show, change and print labels'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "printer" -d 'Show and change printers of labels'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "user" -d 'Show and change the accounts of people'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "token" -d 'Show, make and take back the tokens of programs'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "slot" -d 'Show and name slots, and say that one is mended'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "switch" -d 'Show and change the switches that are asked where boards are'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "import" -d 'Take over what another provisioner had'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "hook" -d 'Show and change who is told by HTTP what happens'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "objects" -d 'Show where the bytes of images are kept, and move them'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "station" -d 'Show the station, and say whether its rules start something'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "targets" -d 'Show, check and change the targets database'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "card" -d 'Make and check recovery cards'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "eeprom" -d 'Show, change and check the EEPROM images of a Pi 4 or 5'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "tftp" -d 'Serve a folder over TFTP, with a live log'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "usbboot" -d 'Boot boards over USB: everything rpiboot does, all boards at once'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "list" -d 'Show the boards that are attached over USB, and why one can\'t be used'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "doctor" -d 'Check what this host needs to boot and to flash boards, and say what to do'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "netboot" -d 'Boot boards over the network, from this host'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "serve" -d 'Run the station: images, boards that boot from the network, jobs'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "bootd" -d 'Serve boards for a station: network boot, USB boot and reset lines'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "mklive" -d 'Link the first stage\'s boot files into the live tree of USB boot'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "clnlive" -d 'Remove the ports\' links from the live tree'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "nukelive" -d 'Remove all of piprov\'s links from the live tree'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "live" -d 'Show which USB port is linked to which client\'s files'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "stage1" -d 'Build the first stage, which tells boards apart'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "initramfs" -d 'Build the system that boards run while they are deployed'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "udev" -d 'Install the udev rules that give each board its own files'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "config" -d 'Show the settings and where each comes from'
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -l device -d 'The disks: whole ones, like /dev/sdb; or files of a disk\'s size' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -l confirm -d 'What a person types when asked: the disks as they were named, with commas' -r
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -l spool-dir -d 'Folder for the spool of a compressed image' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -l set -d 'First-boot setting, like hostname=gate-7; one for each key' -r
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -l set-file -d 'File with such settings, as TOML: hostname = "gate-7"' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -l set-format -d 'Format of the settings, where the image doesn\'t show which one it reads' -r
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -s n -l dry-run -d 'Print what would be done, and do nothing'
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand deploy" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l targets -d 'Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l stagger -d 'Time between the resets of two boards: 90, 1.5s, 5m [default: 0]' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l timeout -d 'Time in which a board may say nothing: 90, 5m, 1h30m' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l part-size -d 'Bytes of the image that a board fetches at a time [default: 256 MiB]' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l card -d 'The kind of recovery card that the boards have' -r -f -a "piprov\t'Made by `piprov card build`'
original\t'Made by the original project'"
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l listen -d 'Where to serve TFTP; boards ask port 69 [default: 0.0.0.0:69]' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l spool-dir -d 'Folder for a compressed image\'s spool [default: $TMPDIR or /var/tmp]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l tftp-root -d 'Put the files into DIR, which your TFTP server serves, and serve nothing' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l uboot-start -d 'Where U-Boot\'s partition starts on the boards\' cards' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l uboot-size -d 'How long U-Boot\'s partition is on the boards\' cards' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l set -d 'First-boot setting, like hostname=gate-7; one for each key' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l set-file -d 'File with such settings, as TOML: hostname = "gate-7"' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l set-format -d 'Format of the settings, where the image doesn\'t show which one it reads' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l all -d 'Flash every board of the database'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -s n -l dry-run -d 'Print what would be done, and do nothing'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l force -d 'Flash an image also where the card\'s U-Boot won\'t boot it'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l no-reset -d 'Don\'t reset the boards: they are switched on by hand, or ask anyway'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l keep -d 'Leave the files in DIR in the end, without the one that makes a board begin'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l device -d 'Compare with this block device or file, byte for byte' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l offset -d 'The image begins so many bytes into the device: 4194304, 4M' -r
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l card -d 'Compare with this recovery card, block device or file, after a flash' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l report -d 'Compare with what a board reported' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l parts -d 'Compare with the parts that split-image wrote into this directory' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l sha256 -d 'Compare digests: 64 digits, or a file as sha256sum writes it' -r
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l spool-dir -d 'Where to unpack a compressed image for the time [default: $TMPDIR or /var/tmp]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l accept-count -d 'Be content with a number of bytes that matches'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -s o -l output -d 'Directory for the parts [default: the image\'s name with .parts, here]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l part-size -d 'Bytes in each part but the last: 786432000, 750M, 750MiB' -r
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l format -d 'How the parts are stored' -r -f -a "raw\t'The bytes themselves'
gz\t'One gzip member a part, for U-Boot\'s gzwrite'"
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l skip -d 'Leave out so many bytes at the beginning; `auto`: up to the first partition' -r
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l spool-dir -d 'Where to unpack a compressed image for the time [default: $TMPDIR or /var/tmp]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -s f -l force -d 'Replace the parts of an earlier split'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -s n -l dry-run -d 'Only tell what would be written'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l chip -d 'Without the database: the GPIO chip, such as gpiochip0' -r
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l line -d 'Without the database: the line, by number or name, such as 17 or GPIO17' -r
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l hold -d 'How long to hold a line low: 0.5, 250ms [default: 0.5]' -r
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l stagger -d 'How long to wait from one board to the next: 10, 1m30s [default: 0]' -r
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l targets -d 'Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l all -d 'Reset every target of the database that can be reset'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -f -a "list" -d 'List runs, the latest last'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -f -a "show" -d 'Show one run, with everything that its record holds'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -f -a "watch" -d 'Follow the runs of a station, until Ctrl-C'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -f -a "export" -d 'Give the runs of a station as a table or as lines of JSON'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -f -a "stats" -d 'Show yield, times, slots and reasons over many runs of a station'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -f -a "log" -d 'Show what a board has told during a run of a station'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show watch export stats log prune" -f -a "prune" -d 'Remove the records of old runs'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l board -d 'Only boards whose name, address, MAC, serial number or port is this' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l kind -d 'Only this kind of run: flash, net-boot, deploy or another one' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l outcome -d 'Only runs that ended so: done, not-verified, failed, lost or unfinished' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l project -d 'Of a station: only runs of this project' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l image -d 'Of a station: only runs of this image' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l slot -d 'Of a station: only runs in this slot' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l since -d 'Only runs that began since: a date, or a time before now as 30m, 12h or 7d' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -s n -l last -d 'Only the latest N of them; of a station 100 where this isn\'t given' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l state -d 'Read the records below this state directory [default: the setting state-dir]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -l state -d 'Read the records below this state directory [default: the setting state-dir]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from watch" -l board -d 'Only runs of this board' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from watch" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from watch" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from watch" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from watch" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from watch" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from watch" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from watch" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l format -d 'A table, or lines of JSON' -r -f -a "csv\t'A table with a heading, a line a run'
json\t'Lines of JSON: all that is kept of a run'"
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -s o -l output -d 'The new file; - is standard output' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l board -d 'Only runs of this board' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l kind -d 'Only this kind of run: flash, net-boot, deploy or another one' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l outcome -d 'Only runs that ended so: done, not-verified, failed, lost or unfinished' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l project -d 'Only runs of this project' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l image -d 'Only runs of this image' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l slot -d 'Only runs in this slot' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l since -d 'Only runs that began since: a date, or a time before now as 30m, 12h or 7d' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l until -d 'Only runs that began before: as --since' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -l project -d 'Only runs of this project' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -l image -d 'Only runs of this image' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -l slot -d 'Only runs in this slot' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -l since -d 'Only runs that began since: a date, or a time before now as 30m, 12h or 7d' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -l until -d 'Only runs that began before: as --since' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from stats" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from log" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from log" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from log" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from log" -s f -l follow -d 'Go on until the run has ended'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from log" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from log" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from log" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from log" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from log" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from log" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l older-than -d 'Only runs that began so long ago, or before: 90d, 12h' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l keep -d 'The latest N runs stay' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l damaged -d 'Remove this file too, which is no record or can\'t be read; may be given again' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l confirm -d 'Remove them without asking; `runs`, for scripts' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l state -d 'Read the records below this state directory [default: the setting state-dir]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -s n -l dry-run -d 'Say what would be removed, and remove nothing'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "list" -d 'List boards, the ones seen last first'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "show" -d 'Show one board: what it is, where it was seen, and its job'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "watch" -d 'Follow what happens, until Ctrl-C'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "set" -d 'Change what is known of a board, and whether the network answers it'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "enrol" -d 'Say that boards may take work'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "refuse" -d 'Say that boards may not take work'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "deploy" -d 'Write an image onto boards, and read it back'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "backup" -d 'Read the disk of boards into the station'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "reboot" -d 'Start boards again'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "again" -d 'Do the last job of boards once more'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "cancel" -d 'End the jobs of boards'
complete -c piprov -n "__fish_piprov_using_subcommand board; and not __fish_seen_subcommand_from list show watch set enrol refuse deploy backup reboot again cancel forget" -f -a "forget" -d 'Take a board out of the station; its runs stay'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -l begins -d 'Only boards of which name, serial number or address begins so' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -l enrolment -d 'Only boards in this standing: waiting, enrolled or refused' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -l slot -d 'Only boards in this slot' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -s n -l most -d 'At most N of them' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -l unruled -d 'Only boards that came and that no rule matched'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from watch" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from watch" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from watch" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from watch" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from watch" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from watch" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from watch" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l name -d 'What to call it; "" takes the name away' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l note -d 'Notes' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l slot -d 'Where it is plugged in; "" takes that away' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l arm -d 'The network answers it again, and goes on doing so'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l once -d 'The network answers it once more'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l hold -d 'The network doesn\'t answer it, so that it starts from its disk'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l forget-key -d 'Forget its key: the next that registers under its serial number counts as it'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from set" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from enrol" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from enrol" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from enrol" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from enrol" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from enrol" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from enrol" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from enrol" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from enrol" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from enrol" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from refuse" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from refuse" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from refuse" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from refuse" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from refuse" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from refuse" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from refuse" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from refuse" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from refuse" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l image -d 'The image, by name or id; a backup is one' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l project -d 'The project, which says image, disk and end' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l target -d 'Which disk: emmc, sd, nvme or usb, the first of these that it has one of' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l end -d 'What comes after: reboot, power-off or wait' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l confirm -d 'The boards whose disks are overwritten: name them again, with commas' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l no-wait -d 'Don\'t wait until they are done'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from deploy" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -l target -d 'Which disk: emmc, sd, nvme or usb, the first of these that it has one of' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -l end -d 'What comes after: reboot, power-off or wait' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -l no-wait -d 'Don\'t wait until they are done'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from backup" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from reboot" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from reboot" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from reboot" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from reboot" -l no-wait -d 'Don\'t wait until they are done'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from reboot" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from reboot" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from reboot" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from reboot" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from reboot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from reboot" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -l confirm -d 'After a deploy: the boards whose disks are overwritten, named again, with commas' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -l no-wait -d 'Don\'t wait until they are done'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from again" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from cancel" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from cancel" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from cancel" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from cancel" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from cancel" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from cancel" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from cancel" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from cancel" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from forget" -l confirm -d 'Its name, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from forget" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from forget" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from forget" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from forget" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from forget" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from forget" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from forget" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand board; and __fish_seen_subcommand_from forget" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -f -a "add" -d 'Take an image into the station'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -f -a "list" -d 'List images'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -f -a "show" -d 'Show one image'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -f -a "remove" -d 'Take an image out; what other images share stays'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -f -a "verify" -d 'Read an image in the station again, and compare it with its digests'
complete -c piprov -n "__fish_piprov_using_subcommand image; and not __fish_seen_subcommand_from add list show remove verify export" -f -a "export" -d 'Get the raw image back, byte for byte'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -l name -d 'What to call it [default: the name of the file, without .img.xz and the like]' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -l sha256 -d 'What sha256 of the file has to be' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from list" -s n -l most -d 'At most N of them' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from remove" -l confirm -d 'Its name, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from verify" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from verify" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from verify" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from verify" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from verify" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from verify" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from export" -s o -l output -d 'The new file that is written; - is standard output' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from export" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from export" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from export" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from export" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from export" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand image; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -f -a "list" -d 'List backups'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -f -a "show" -d 'Show one backup'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -f -a "restore" -d 'Write a backup onto a board, also onto another one with a larger disk'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -f -a "verify" -d 'Read a backup in the station again, and compare it with its digests'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and not __fish_seen_subcommand_from list show restore verify remove" -f -a "remove" -d 'Take a backup out; what other images share stays'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from list" -l board -d 'Only backups of this board' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -l target -d 'Which disk: emmc, sd, nvme or usb, the first of these that it has one of' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -l end -d 'What comes after: reboot, power-off or wait' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -l confirm -d 'The board again, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -l no-wait -d 'Don\'t wait until it is done'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from restore" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from verify" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from verify" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from verify" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from verify" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from verify" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from verify" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from remove" -l confirm -d 'Its name, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand backup; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -f -a "add" -d 'Take an EEPROM image into the station'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -f -a "list" -d 'List EEPROM images'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -f -a "show" -d 'Show what is in an image, each setting with what it does'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -f -a "get" -d 'Get an image back, byte for byte'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and not __fish_seen_subcommand_from add list show get remove" -f -a "remove" -d 'Take an image out that no project has'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -l channel -d 'Its maker\'s channel [default: what the image\'s directory is called]' -r
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -l board -d 'Which board it is for, where there are several images: 4, 400, cm4, 5, 500, cm5' -r
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from show" -l board -d 'Say what the boot order means for this board: 4, 400, cm4, cm4s, 5, 500, cm5' -r
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from get" -s o -l output -d 'The file, which is not there yet; - is standard output' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from get" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from get" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from get" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from get" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from get" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from get" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from get" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from remove" -l confirm -d 'Its name, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand firmware; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -f -a "list" -d 'List projects'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -f -a "show" -d 'Show one project'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -f -a "add" -d 'Make a project'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -f -a "set" -d 'Change a project; what isn\'t said stays'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -f -a "clone" -d 'Make a project that is as another one is'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -f -a "export" -d 'Write a project as a file, which can be kept under version control'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -f -a "import" -d 'Make a project of a file'
complete -c piprov -n "__fish_piprov_using_subcommand project; and not __fish_seen_subcommand_from list show add set clone export import remove" -f -a "remove" -d 'Take a project out; its runs stay'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l image -d 'The image, by name' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l target -d 'Which disk: emmc, sd, nvme or usb, the first of these that a board has one of' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l end -d 'What comes after: reboot, power-off or wait' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l again -d 'What becomes of a board that was done before: skip, ask or again' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l retries -d 'How often a job is tried again by itself where what went wrong may pass' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l value -d 'A source of values of which each board gets its own; again for more' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l script -d 'A script that its boards run, several in a list; "" is none' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l set -d 'First-boot setting, like hostname=gate-{serial8}; without a value it goes' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l set-file -d 'File with such settings, as TOML: hostname = "gate-{serial8}"' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l eeprom -d 'The EEPROM image that boards get, by name; "" is none' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l eeprom-set -d 'A bootloader\'s setting for its boards: BOOT_UART=1' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l eeprom-unset -d 'A setting that is taken out of the image\'s configuration' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l eeprom-leave -d 'A setting that stays again as the image has it' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l eeprom-boot-from-target -d 'Boards look for a system first on the disk that is written: yes or no' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l eeprom-when -d 'When it is written: if-different, or if-older than the image\'s bootloader' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l eeprom-otherwise -d 'What becomes of a job whose board can\'t have it in any way: fail or go-on' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l label -d 'The label that is printed for each of its boards' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l label-printer -d 'The printer that it is printed by' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l label-when -d 'start: when the job begins; done: when it was read back [default: done]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l label-copies -d 'How often it is printed [default: 1]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l no-values -d 'Boards get no values of their own'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l no-label -d 'Nothing is printed'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l image -d 'The image, by name' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l target -d 'Which disk: emmc, sd, nvme or usb, the first of these that a board has one of' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l end -d 'What comes after: reboot, power-off or wait' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l again -d 'What becomes of a board that was done before: skip, ask or again' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l retries -d 'How often a job is tried again by itself where what went wrong may pass' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l value -d 'A source of values of which each board gets its own; again for more' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l script -d 'A script that its boards run, several in a list; "" is none' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l set -d 'First-boot setting, like hostname=gate-{serial8}; without a value it goes' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l set-file -d 'File with such settings, as TOML: hostname = "gate-{serial8}"' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l eeprom -d 'The EEPROM image that boards get, by name; "" is none' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l eeprom-set -d 'A bootloader\'s setting for its boards: BOOT_UART=1' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l eeprom-unset -d 'A setting that is taken out of the image\'s configuration' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l eeprom-leave -d 'A setting that stays again as the image has it' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l eeprom-boot-from-target -d 'Boards look for a system first on the disk that is written: yes or no' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l eeprom-when -d 'When it is written: if-different, or if-older than the image\'s bootloader' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l eeprom-otherwise -d 'What becomes of a job whose board can\'t have it in any way: fail or go-on' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l label -d 'The label that is printed for each of its boards' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l label-printer -d 'The printer that it is printed by' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l label-when -d 'start: when the job begins; done: when it was read back [default: done]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l label-copies -d 'How often it is printed [default: 1]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l no-values -d 'Boards get no values of their own'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l no-label -d 'Nothing is printed'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from set" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from clone" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from clone" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from clone" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from clone" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from clone" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from clone" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from clone" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from clone" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from clone" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from export" -s o -l output -d 'The file, which is not there yet; - is standard output' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from export" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from export" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from export" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from export" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from export" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -l name -d 'What to call it [default: the name in the file]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -l set -d 'First-boot setting that the file has otherwise or not, as of `project add`' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -l set-file -d 'File with such settings, as TOML: password = "…"' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -l replace -d 'Change the project, and its scripts, where they are there already'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from remove" -l confirm -d 'Its name, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand project; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -f -a "list" -d 'List scripts, in the order in which they would run'
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -f -a "show" -d 'Show one script with its text'
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -f -a "add" -d 'Add a script, or change it: what isn\'t said stays'
complete -c piprov -n "__fish_piprov_using_subcommand script; and not __fish_seen_subcommand_from list show add remove" -f -a "remove" -d 'Remove a script that no project has'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l name -d 'What to call it [default: the file\'s name, without its ending]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l when -d 'pre: before anything is written; post: after all was read back [default: post]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l priority -d 'The lowest runs first, those of one number by their names [default: 100]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l background -d 'What comes next doesn\'t wait for its end: yes or no [default: no]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l once -d 'A board runs it once, and it may start the board again: yes or no [default: no]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l limit -d 'So long it may take, then it is ended: 90, 5m, 1h [default: 600]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from remove" -l confirm -d 'Its name, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand script; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -f -a "list" -d 'List the rules in their order, with how often each has matched'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -f -a "add" -d 'Add a rule'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -f -a "remove" -d 'Take a rule out'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and not __fish_seen_subcommand_from list add remove test" -f -a "test" -d 'Say what the rules make of a board, and why'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l project -d 'The board gets this project' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l position -d 'Its place among the rules, from 0 [default: the last]' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l serial -d 'Only boards with this serial number; * stands for any digits' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l mac -d 'Only boards with this MAC address; * stands for any digits' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l serials -d 'Only boards with one of these serial numbers' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l mac-from -d 'Only boards with a MAC address that isn\'t below this one' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l mac-to -d 'Only boards with a MAC address that isn\'t above this one' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l model -d 'Only boards with this in their model\'s name' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l slot -d 'Only boards in this slot; * stands for anything' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l memory-min -d 'Only boards with at least so much memory, such as 2GiB' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l memory-max -d 'Only boards with at most so much memory' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l storage-min -d 'Only boards with a disk of at least that size' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l storage-max -d 'Only boards without a disk above that size' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l backup -d 'Its disk is backed up'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l wait -d 'It waits for a person'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l any -d 'For every board, where nothing else is said of it'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from test" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from test" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from test" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from test" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from test" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand rule; and __fish_seen_subcommand_from test" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -f -a "list" -d 'List the sources, with how much is left of each'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -f -a "show" -d 'Show one source, and the boards that have values of it'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -f -a "add" -d 'Make a source'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -f -a "set" -d 'Change where a source ends, or when people are told'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -f -a "upload" -d 'Take in a newer file of a table; what boards have stays'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -f -a "release" -d 'Let a board give its values back, so that another one may get them'
complete -c piprov -n "__fish_piprov_using_subcommand values; and not __fish_seen_subcommand_from list show add set upload release remove" -f -a "remove" -d 'Take a source out, with what it knows of who has what'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from show" -l search -d 'Only boards with this in a value, their serial number or id' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l from -d 'A sequence from this value on, such as SN000001 or dc:a6:32:00:00:01' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l table -d 'A table: a CSV file with a header; each row is for one board' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l url -d 'A server that is asked for each board' -r -f
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l to -d 'The last value of a sequence' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l step -d 'From one value of a sequence to the next' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l unique -d 'The column or value that no two boards may have' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l warn -d 'People are told where values for fewer boards are left [default: 20]' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -l to -d 'The last value of a sequence; not before what was given' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -l warn -d 'People are told where values for fewer boards are left' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from set" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -l confirm -d 'Its name, to show that it is meant where columns or free rows go' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -l dry-run -d 'Change nothing, and tell what would change'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from upload" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from release" -l confirm -d 'The board once more, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from release" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from release" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from release" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from release" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from release" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from release" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from release" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from release" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from remove" -l confirm -d 'Its name, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand values; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -f -a "list" -d 'List labels'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -f -a "show" -d 'Show one label with its template'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -f -a "add" -d 'Add a label, or change it'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -f -a "fill" -d 'Write a label with a board\'s values into a file, as its printer gets it'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -f -a "print" -d 'Print a label for a board, or as a test'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -f -a "queue" -d 'List what was and is to be printed, the newest first'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -f -a "again" -d 'Print something of the queue once more, or now'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -f -a "cancel" -d 'Print something of the queue no more; or say that it was seen to'
complete -c piprov -n "__fish_piprov_using_subcommand label; and not __fish_seen_subcommand_from list show add fill print queue again cancel remove" -f -a "remove" -d 'Remove a label that no project has'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -l name -d 'What to call it [default: the file\'s name, without its ending]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -l language -d 'drawn, zpl, epl, jscript, html or text [default: as it is, else drawn]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -l board -d 'The board [default: none, with sample values]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -l as -d 'A label that is drawn as png, zpl or epl' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -s o -l output -d 'The file, which is not there yet; - is standard output' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from fill" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -l printer -d 'The printer' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -l board -d 'The board [default: none, as a test with sample values]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -l copies -d 'How often' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from print" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -l printer -d 'Only of this printer' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -l state -d 'Only waiting, printing, sent, unsure, failed or cancelled' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from queue" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from again" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from again" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from again" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from again" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from again" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from again" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from again" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from again" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from again" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from cancel" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from cancel" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from cancel" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from cancel" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from cancel" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from cancel" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from cancel" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from cancel" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from remove" -l confirm -d 'Its name, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand label; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -f -a "list" -d 'List printers, with what waits for them'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -f -a "show" -d 'Show one printer'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -f -a "add" -d 'Add a printer, or change where it is'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and not __fish_seen_subcommand_from list show add remove" -f -a "remove" -d 'Remove a printer that no project has; what waits for it isn\'t printed'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l tcp -d 'It takes labels over TCP [default port: 9100]' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l ftp -d 'It takes files by FTP [default port: 21]' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l program -d 'A program of the station\'s host prints' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l takes -d 'What is drawn goes as zpl, epl or png [default: as it is, else zpl]' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l ending -d 'The ending of files\' names, by FTP or with --files [default: prn]' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l user -d 'Who signs in by FTP [default: anonymous]' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l password-file -d 'A file with the password for FTP, its owner\'s alone [default: it stays]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l directory -d 'The directory on the FTP server' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l files -d 'Labels become files below the directory of the setting `station.print-dir`'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l rename -d 'By FTP a file gets its name when it is whole'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from remove" -l confirm -d 'Its name, to show that it is meant' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand printer; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -f -a "list" -d 'List accounts'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -f -a "add" -d 'Make an account; its password is asked for'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -f -a "invite" -d 'Make a link with which somebody makes an account, once'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -f -a "reset" -d 'Give an account another password or role, or take its second factor away'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -f -a "disable" -d 'Don\'t let an account log in any more'
complete -c piprov -n "__fish_piprov_using_subcommand user; and not __fish_seen_subcommand_from list add invite reset disable enable" -f -a "enable" -d 'Let an account log in again'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -l role -d 'What they may do: viewer, operator or admin' -r
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -l password-file -d 'A file with the password, which only its owner may read' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from invite" -l role -d 'What they may do: viewer, operator or admin' -r
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from invite" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from invite" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from invite" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from invite" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from invite" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from invite" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from invite" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from invite" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from invite" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -l role -d 'Change what they may do, and leave the password: viewer, operator or admin' -r
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -l password-file -d 'A file with the new password, which only its owner may read' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -l link -d 'Tell a link with which they choose another password, once, within three days'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -l second-factor -d 'Take their second factor away, and leave the password'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from reset" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from disable" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from disable" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from disable" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from disable" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from disable" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from disable" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from disable" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from disable" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from enable" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from enable" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from enable" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from enable" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from enable" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from enable" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from enable" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand user; and __fish_seen_subcommand_from enable" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -f -a "list" -d 'List tokens; their text isn\'t known any more'
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -f -a "add" -d 'Make a token, and write its text into a file'
complete -c piprov -n "__fish_piprov_using_subcommand token; and not __fish_seen_subcommand_from list add remove" -f -a "remove" -d 'Take a token back, at once'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -l role -d 'What it may do: viewer, operator or admin' -r
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -l scope -d 'Hold it to a part of the station; again for more' -r
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -s o -l output -d 'The new file for it, its owner\'s alone; - is standard output' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -l days -d 'It ends after so many days [default: never]' -r
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand token; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -f -a "list" -d 'List slots, with those at which boards fail again and again'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -f -a "places" -d 'List places at which boards were seen and that are no slots, the newest first'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -f -a "put" -d 'Make or change a slot'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -f -a "rename" -d 'Give a slot another name'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -f -a "remove" -d 'Remove a slot; the boards in it are in none then'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and not __fish_seen_subcommand_from list places put rename remove mended" -f -a "mended" -d 'Say that a slot is mended: its runs count from now'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from places" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from places" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from places" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from places" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from places" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from places" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from places" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from places" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from places" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -l position -d 'Its position in the order of the bench, from 0 [default: behind the last one]' -r
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -l cell -d 'Its cell on the map of the bench, each number 1 to 24' -r
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -l no-cell -d 'Take it off the map of the bench'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from put" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from rename" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from rename" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from rename" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from rename" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from rename" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from rename" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from rename" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from rename" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from mended" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from mended" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from mended" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from mended" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from mended" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from mended" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from mended" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from mended" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand slot; and __fish_seen_subcommand_from mended" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -f -a "list" -d 'List switches, with how they were when they were asked last'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -f -a "show" -d 'Show what a switch has seen, port by port'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -f -a "add" -d 'Add a switch, or change one'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and not __fish_seen_subcommand_from list show add remove" -f -a "remove" -d 'Remove a switch; slots at its ports stay'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -l community-file -d 'A file with the community, its owner\'s alone [default: the known one]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -l uplink -d 'A port behind which another switch is; again for more' -r
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand switch; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -f -a "cmprovision" -d 'Take over projects, scripts, labels, images, people and history of cmprovision'
complete -c piprov -n "__fish_piprov_using_subcommand import; and not __fish_seen_subcommand_from cmprovision rpi-sb-provisioner" -f -a "rpi-sb-provisioner" -d 'Take over the manufacturing database of rpi-sb-provisioner'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -l files -d 'Its directory, with images and EEPROM images' -r -f -a "(__fish_complete_directories)"
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -s n -l dry-run -d 'Say what would come over, and change nothing'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from cmprovision" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from rpi-sb-provisioner" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from rpi-sb-provisioner" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from rpi-sb-provisioner" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from rpi-sb-provisioner" -s n -l dry-run -d 'Say what would come over, and change nothing'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from rpi-sb-provisioner" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from rpi-sb-provisioner" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from rpi-sb-provisioner" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from rpi-sb-provisioner" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from rpi-sb-provisioner" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand import; and __fish_seen_subcommand_from rpi-sb-provisioner" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -f -a "list" -d 'List hooks'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -f -a "add" -d 'Add a hook; tells what its calls are signed with, this once'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -f -a "remove" -d 'Remove a hook, with all that it was to be told'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -f -a "test" -d 'Tell a hook something, to try it'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -f -a "queue" -d 'List what hooks were told and are to be told, the newest first'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and not __fish_seen_subcommand_from list add remove test queue host" -f -a "host" -d 'Show hooks on the station\'s host, and how the last ones ended'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from list" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -l url -d 'Where it is: https://HOST/PATH' -r
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -l event -d 'Tell this; again for more [default: all]' -r
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -l secret-file -d 'A file with what calls are signed with, its owner\'s alone [default: made]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -l plain -d 'Tell a sentence instead of JSON: for ntfy and the like'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from test" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from test" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from test" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from test" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from test" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from test" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from queue" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from queue" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from queue" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from queue" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from queue" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from queue" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from queue" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from queue" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from queue" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from host" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from host" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from host" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from host" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from host" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from host" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from host" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from host" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand hook; and __fish_seen_subcommand_from host" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -f -a "show" -d 'Show where they are, and how far a move is'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -f -a "move" -d 'Keep them elsewhere from now on, and copy those that are there'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -f -a "remove" -d 'Remove what was left in a place that isn\'t used any more'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and not __fish_seen_subcommand_from show move remove forget" -f -a "forget" -d 'Wait no more for a station that doesn\'t come back'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from show" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from move" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from move" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from move" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from move" -l wait -d 'Wait until all are there'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from move" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from move" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from move" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from move" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from move" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from move" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from remove" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from forget" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from forget" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from forget" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from forget" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from forget" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from forget" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from forget" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand objects; and __fish_seen_subcommand_from forget" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -f -a "status" -d 'Show what the station is and does'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -f -a "arm" -d 'Let its rules start something by themselves'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -f -a "disarm" -d 'Don\'t let its rules start anything; what goes on goes on'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -f -a "records" -d 'List records of other commands that the station can\'t take in, with why'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -f -a "cert" -d 'Make a certificate for the station on this host, and tell its sha256'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -f -a "audit" -d 'Prove that what people did stands in the station on this host unchanged'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -f -a "backup" -d 'Write a copy of the database of the station on this host into a file'
complete -c piprov -n "__fish_piprov_using_subcommand station; and not __fish_seen_subcommand_from status arm disarm records cert audit backup restore" -f -a "restore" -d 'Take such a copy into an empty database, whichever of the two it is'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from status" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from status" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from status" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from status" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from status" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from status" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from arm" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from arm" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from arm" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from arm" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from arm" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from arm" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from arm" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from arm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from arm" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from disarm" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from disarm" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from disarm" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from disarm" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from disarm" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from disarm" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from disarm" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from disarm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from disarm" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from records" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from records" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from records" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from records" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from records" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from records" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from records" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from records" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from records" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -l state -d 'The station\'s state directory [default: the setting station.state]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -l force -d 'Replace the one that is there; who pins that one no longer trusts the station'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from cert" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -l check -d 'Prove this exported file, and nothing of a station on this host' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -l key -d 'The file is signed by this key: what `piprov station status` tells' -r
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -l since -d 'It goes on where this earlier export ends' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -l state -d 'The station\'s state directory [default: the setting station.state]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from audit" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -s o -l output -d 'The new file, its owner\'s alone; - is standard output' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -l state -d 'The station\'s state directory [default: the setting station.state]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from backup" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from restore" -l state -d 'The station\'s state directory [default: the setting station.state]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from restore" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from restore" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from restore" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from restore" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from restore" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand station; and __fish_seen_subcommand_from restore" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -f -a "list" -d 'Show all targets'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -f -a "check" -d 'Check the database and say everything that is wrong with it'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -f -a "add" -d 'Add a target'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -f -a "remove" -d 'Remove targets'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -l targets -d 'Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -l csv -d 'Print a CSV file in the form name,mac,ip,reset, whatever form it is read from'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from check" -l targets -d 'Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from check" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from check" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l mac -d 'Its MAC address' -r
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l ip -d 'Its IP address' -r
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l reset -d 'How to reset it: gpiochip0:17, gpiochip0:GPIO17 or command:…' -r
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l secret -d 'The file with its card\'s secret, from the database\'s directory on' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l targets -d 'Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -s n -l dry-run -d 'Say what would be added, and change nothing'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -l targets -d 'Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -s n -l dry-run -d 'Say what would be removed, and change nothing'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -f -a "build" -d 'Build a card as a file: U-Boot in front, an image behind it'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -f -a "check" -d 'Say whether and how an image fits a recovery card'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -f -a "payload" -d 'Put together U-Boot\'s directory for a board from Debian\'s packages'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -f -a "stick" -d 'Put an image onto a USB stick, for boards without a network'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l image -d 'The image that goes behind U-Boot, raw or compressed' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l uboot -d 'Directory with U-Boot\'s files; see `piprov card payload`' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -s o -l output -d 'The file to write' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l server -d 'Address of the machine that runs `piprov flash`; default: from DHCP' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l board-ip -d 'The board\'s own address and prefix; default: from DHCP' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l gateway -d 'The board\'s way to other networks' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l secret -d 'File of the card\'s secret; made if it isn\'t there' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l uboot-start -d 'Where U-Boot\'s partition starts' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l uboot-size -d 'How long U-Boot\'s partition is' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l size -d 'Length of the file; default: just what is needed' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l spool-dir -d 'Directory for the unpacked bytes of a compressed image' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l stick -d 'The board takes its images from a USB stick (`piprov card stick`)'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -s f -l force -d 'Replace the file if it is there'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -s n -l dry-run -d 'Say what would be built, and write nothing'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -l card-size -d 'Length of the card, to see whether it is large enough' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -l uboot-start -d 'Where U-Boot\'s partition starts' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -l uboot-size -d 'How long U-Boot\'s partition is' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -l spool-dir -d 'Directory for the unpacked bytes of a compressed image' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -l force -d 'An image that fits is enough, also where the card won\'t boot it'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -l board -d 'The board, by the name of its U-Boot build' -r -f -a "rpi_3\t'Pi 3, 3+, Compute Module 3, Zero 2 W'
rpi_4\t'Pi 4, 400, Compute Module 4'
rpi_arm64\t'One card for both'"
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -s o -l output -d 'The directory to write' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -l deb -d 'A package that is there already; give it for each one' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -l mirror -d 'Debian archive to fetch from; default: the one in apt\'s own sources' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -l release -d 'Debian release to fetch from; default: this system\'s, or bookworm' -r -f -a "bookworm\t'Debian 12, U-Boot 2023.01'
trixie\t'Debian 13, U-Boot 2025.01'"
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -s f -l force -d 'Write into a directory that has something in it'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l part-size -d 'Bytes of the image that a board reads at a time; they must fit into its memory' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l uboot-start -d 'Where U-Boot\'s partition starts' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l uboot-size -d 'How long U-Boot\'s partition is' -r
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l spool-dir -d 'Directory for the unpacked bytes of a compressed image' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l force -d 'Put it there also where the card\'s U-Boot won\'t boot it'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -f -a "show" -d 'Show what is in an image, or which images a directory or a package has'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -f -a "edit" -d 'Change the settings in an image, and write it as another file'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -f -a "verify" -d 'Check whether an image is whole, and whether a board starts with it'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and not __fish_seen_subcommand_from show edit verify recovery" -f -a "recovery" -d 'Make the directory from which a board in USB boot writes its EEPROM'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from show" -l board -d 'Say what the boot order means for this board: 4, 400, cm4, cm4s, 5, 500, cm5' -r
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -s o -l output -d 'Where the new image goes' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l set -d 'Set a setting for all boards: BOOT_UART=1' -r
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l unset -d 'Take a setting out; below a filter such as [cm4] it stays' -r
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l bootconf -d 'Take this file as the whole bootconf.txt, before other changes' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l boot-from -d 'Look for a system there first: nvme, sd, emmc, usb, network' -r
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l board -d 'The board that it is for: 4, 400, cm4, cm4s, 5, 500, cm5, cm5-lite' -r
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l mfg-ver -d 'The bootloader\'s number that the board needs at least' -r
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l unsign -d 'Take signature and key out of a signed image'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l sig -d 'Write the .sig file beside it, without which no bootloader takes it as an update'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l force -d 'Replace OUT if it is there'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from edit" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -l board -d 'The board that it is for: 4, 400, cm4, cm4s, 5, 500, cm5, cm5-lite' -r
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -l mfg-ver -d 'The bootloader\'s number that the board needs at least' -r
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -l against -d 'Compare with another image: what of it differs?' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -l sig -d 'The .sig file [default: that of the image\'s name, where it is there]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from verify" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -l program -d 'Raspberry Pi\'s recovery.bin for the board\'s chip' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -s o -l output -d 'The new directory' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -l board -d 'The board that it is for: 4, 400, cm4, cm4s, 5, 500, cm5, cm5-lite' -r
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -l mfg-ver -d 'The bootloader\'s number that the board needs at least' -r
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand eeprom; and __fish_seen_subcommand_from recovery" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l root -d 'Serve the files below this folder' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l listen -d 'Listen on this address and UDP port' -r
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l max-window -d 'Send at most N blocks before an acknowledgement' -r
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l max-blksize -d 'Send at most N bytes in a block' -r
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s d -l dir -d 'Serve this directory' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s p -l port -d 'Only the board at this port, such as 1-1.2' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l hub-port -d 'Only boards at this port of whatever hub; -0 to -98 is short for it' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s i -l serial -d 'Only the board with this serial number' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l boards -d 'End when so many boards have ended' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l timeout -d 'Give up after this time, whatever is going on: 90, 5m, 1h30m' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l wait-for -d 'Wait for what the boards become, and print it' -r -f -a "block\t'A disk'
serial\t'A serial port'
fastboot\t'A fastboot device'
net\t'A network interface'"
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l wait-limit -d 'Time that this may take: 90, 5m, 1h30m' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s j -l metadata -d 'Write what a board tells about itself to DIR/SERIAL.json; without DIR, print it' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l allow -d 'Let the payload\'s links lead to this folder too' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l confirm -d 'Allow the payload to burn the fuses that this setting of config.txt burns' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s m -l poll -d 'Look for boards so often; matters only where the system doesn\'t tell' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l transfer-size -d 'Size of a USB transfer to begin with; halved where memory for USB runs out' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s o -l overlay -d 'Take files from the folder named like the board\'s port first'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l by-serial -d 'Take all files of a board from clients/by-serial/SERIAL'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s l -l loop -d 'Go on with boards that come later, and with those that come again'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s s -l signed -d 'Send bootcode.sig with the bootcode (BCM2835 to BCM2837)'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l boot-sig -d 'Refuse a payload without boot.sig (boards with secure boot)'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s n -l dry-run -d 'Say what each board that is there would be served, and why, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand list" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l bundle -d 'Write one file for support instead, a .tar.gz; - is standard output' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l station -d 'The station [default: the setting station.url, else the one on this host]' -r
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l token-file -d 'The file with its token [default: the setting station.token-file]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l interface -d 'The boards\' interface [default: the setting netboot.interface]' -r
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l address -d 'Its address [default: the one that it has, else 10.20.50.1/24]' -r
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l nat -d 'Let boards out through UPLINK [default: what leads to everybody else]' -r
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l root -d 'Change the settings below this directory, such as that of an image' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l usb -d 'Check what USB boot needs'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l tftp -d 'Check what flashing over the network needs'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l network -d 'Check the interface that the boards are behind'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l fix -d 'Give the boards\' interface a fixed address; shows the change and asks'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l undo -d 'Take back what --fix has changed; shows it and asks'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l force -d 'Change also the interface that leads to everybody else'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -s n -l dry-run -d 'Show what would be changed, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l yes -d 'Don\'t ask'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -f -a "client" -d 'Make, show, check and remove clients: boards with a root on this host'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -f -a "serve" -d 'Answer boards that boot over the network: DHCP and TFTP in one'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -f -a "watch" -d 'Listen on a network: which boards ask, who answers, what holds them back'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -f -a "nfs" -d 'Say whether this host can serve roots over NFS, and what it lacks'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -f -a "enable" -d 'Make boards boot from the network, or say why they don\'t'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -f -a "add" -d 'Make a client from an image, a directory, or the running system'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -f -a "list" -d 'List the clients'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -f -a "show" -d 'Show everything that is known of a client'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -f -a "remove" -d 'Remove a client: its exports, its root, its boot files'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -f -a "rename" -d 'Give a client another name; it takes effect at its next start'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -f -a "set" -d 'Give a client another board, address, server, network or mode'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -f -a "check" -d 'Compare clients with the checklist, and with what is exported and served'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -s i -l interface -d 'Serve on this network interface; it is never guessed' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l server -d 'Serve from this address of the interface, where it has several' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l mode -d 'Beside the network\'s DHCP server, or instead of one: proxy or dhcp' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l range -d 'Give out these addresses, in mode dhcp: 10.0.0.100-10.0.0.199' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l tftp-root -d 'Serve the boot files below this directory [default: /srv/netboot/tftp]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l state -d 'Keep leases and records here [default: /var/lib/piprov/netboot]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l force -d 'Start in mode dhcp although another DHCP server answers'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -s i -l interface -d 'Listen on this network interface; it is never guessed' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -l for -d 'End after this time: 90, 90s, 5m, 1h' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -l probe -d 'Ask for DHCP servers too, once; this is the only thing that is sent'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from nfs" -l ganesha -d 'File with piprov\'s exports for nfs-ganesha' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from nfs" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from nfs" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from nfs" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from nfs" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from nfs" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from nfs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from nfs" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l boot-partition -d 'Pi 2, 3: put program_usb_boot_mode=1 into DIR/config.txt' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l confirm -d 'Say in a script that it is meant: --confirm program_usb_boot_mode' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l otp-dump -d 'Say what `vcgencmd otp_dump` of a board means; - reads stdin' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l order -d 'Where to look for a system, first to last: network,sd' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l explain -d 'Say what a BOOT_ORDER means, and what may be wrong with it' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l board -d 'Which board to say it for: 4, 400, cm4, cm4s, 5, 500, cm5' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l eeprom -d 'An image of Raspberry Pi\'s package rpi-eeprom: show it, or change it' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l set -d 'Another setting for the image\'s bootconf.txt, such as TFTP_IP=10.0.0.2' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s o -l output -d 'Write pieeprom.upd and pieeprom.sig into DIR, which a board asks by TFTP' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l undo -d 'Take the line out of config.txt again; a bit that is burned in stays'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand serve" -l listen -d 'Listen here for boards and programs; again for more addresses' -r
complete -c piprov -n "__fish_piprov_using_subcommand serve" -l socket -d 'Listen at this Unix socket [default: /run/piprov/station.sock]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand serve" -l state -d 'Keep database, images and keys here' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand serve" -l enrol -d 'What becomes of boards that nobody knows: ask or open' -r
complete -c piprov -n "__fish_piprov_using_subcommand serve" -l with-bootd -d 'Start `piprov bootd` too, on this network interface; takes root' -r
complete -c piprov -n "__fish_piprov_using_subcommand serve" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand serve" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand serve" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand serve" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand serve" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand serve" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -s i -l interface -d 'Serve on this network interface; it is never guessed' -r
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l server -d 'Serve from this address of the interface, where it has several' -r
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l mode -d 'Beside the network\'s DHCP server, or instead of one: proxy or dhcp' -r
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l range -d 'Give out these addresses, in mode dhcp: 10.0.0.100-10.0.0.199' -r
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l tftp-root -d 'Serve the boot files below this directory [default: /srv/netboot/tftp]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l state -d 'Keep leases and records here [default: /var/lib/piprov/netboot]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l usb -d 'Boot boards over USB too, with these files, and reach them over their cable' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l with-parent -d 'End when this process does, which has started this one' -r
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l targets -d 'Targets database, whose reset lines a station may pull [env: PIPROV_TARGETS]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l force -d 'Start in mode dhcp although another DHCP server answers'
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l no-network -d 'Serve no network boot: boards come over USB alone'
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l withhold -d 'Leave boards alone that no station has spoken of'
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand bootd" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -l live -d 'The live tree [default: /srv/usbboot/live]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -l clients -d 'The clients\' directories [default: /srv/usbboot/clients]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -s f -l force -d 'Also replace or remove what is not piprov\'s, directories with all in them'
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -l live -d 'The live tree [default: /srv/usbboot/live]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -l clients -d 'The clients\' directories [default: /srv/usbboot/clients]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -s f -l force -d 'Also replace or remove what is not piprov\'s, directories with all in them'
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -l live -d 'The live tree [default: /srv/usbboot/live]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -l clients -d 'The clients\' directories [default: /srv/usbboot/clients]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -s f -l force -d 'Also replace or remove what is not piprov\'s, directories with all in them'
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand live" -l live -d 'The live tree [default: /srv/usbboot/live]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand live" -l clients -d 'The clients\' directories [default: /srv/usbboot/clients]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand live" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand live" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand live" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand live" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand live" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand live" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand live" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -f -a "build" -d 'Build the first stage out of Debian\'s packages'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l arch -d 'The boards\' processor; give it again for another kind in the same directory' -r -f -a "armv6\t'Zero, Zero W, A, A+, Compute Module 1'
armv7\t'3A+, Zero 2 W, Compute Module 3, with 32 bits'
arm64\t'3A+, Zero 2 W, Compute Module 3, with 64 bits'"
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s o -l output -d 'The directory to write, such as /srv/usbboot/clients/1ststage' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l deb -d 'A package that is there already; give it for each one' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l mirror -d 'Debian archive to fetch from; default: the one in apt\'s own sources' -r
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l release -d 'Debian release to fetch from' -r -f -a "bookworm\t'Debian 12, Linux 6.1; the last with a kernel for armv6'
trixie\t'Debian 13, Linux 6.12'"
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s f -l force -d 'Write into a directory that has something in it'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and not __fish_seen_subcommand_from build" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and not __fish_seen_subcommand_from build" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and not __fish_seen_subcommand_from build" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and not __fish_seen_subcommand_from build" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and not __fish_seen_subcommand_from build" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and not __fish_seen_subcommand_from build" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and not __fish_seen_subcommand_from build" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and not __fish_seen_subcommand_from build" -f -a "build" -d 'Build it out of Debian\'s packages and the agent'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l arch -d 'The boards\' processor' -r -f -a "armv6\t'Pi 1, Zero, Zero W, Compute Module 1'
arm64\t'Pi 3, 4, 5, Zero 2 W, Compute Module 3, 4, 5'
amd64\t'PCs'"
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -s o -l output -d 'The directory to write, such as /srv/netboot/tftp' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l agent -d 'The agent [default: beside this program, or in lib/piprov; for armv6 none]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l station -d 'Where the boards find the station, such as http://10.0.0.1:8080' -r
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l over-usb -d 'Boards find the station at this port of the host that boots them over USB' -r
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l pin -d 'sha256 of the station\'s certificate: boards believe no other one' -r
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l station-key -d 'The station\'s public key: boards follow no other station' -r
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l cmdline -d 'More words for the kernel\'s command line' -r
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l deb -d 'A package that is there already; give it for each one' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l kernel-package -d 'A kernel\'s package that is there already, such as Raspberry Pi\'s' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l kernel -d 'A kernel that is there as a file, instead of a package\'s' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l modules -d 'Its modules: lib/modules/VERSION, or a directory or tar archive that has it' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l device-trees -d 'Its device trees, where they don\'t lie with the modules' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l usb-boot -d 'Raspberry Pi\'s bootcode for USB boot of a Pi 4 or 5' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l package -d 'Put this package\'s files into the system too; give it for each one' -r
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l mirror -d 'Debian archive to fetch from; default: the one in apt\'s own sources' -r
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l release -d 'Debian release to fetch from' -r -f -a "bookworm\t'Debian 12, Linux 6.1; the last with a kernel for armv6'
trixie\t'Debian 13, Linux 6.12'"
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l script-tools -d 'Put in what scripts use: parted, sfdisk, resize2fs, mke2fs, mmc and curl'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -s f -l force -d 'Write into a directory that has something in it'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand initramfs; and __fish_seen_subcommand_from build" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -f -a "install" -d 'Install the udev rules, the helper and its systemd units'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -f -a "remove" -d 'Remove what `install` has installed'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -f -a "print" -d 'Print the udev rules'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -f -a "finish" -d 'Finish what the helper left over: boards that do not listen, empty ports'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -l root -d 'Install below this directory, such as that of an image' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -l group -d 'The group that may use boot ROMs [default: plugdev, if there is one]' -r
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -l root -d 'Install below this directory, such as that of an image' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -l group -d 'The group that may use boot ROMs [default: plugdev, if there is one]' -r
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -l group -d 'The group that may use boot ROMs [default: plugdev, if there is one]' -r
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -f -a "show" -d 'Show every setting, its value and where it comes from'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file, not the usual ones [env: PIPROV_CONFIG]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'

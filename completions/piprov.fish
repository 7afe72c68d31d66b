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

complete -c piprov -n "__fish_piprov_needs_command" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_needs_command" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_needs_command" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_needs_command" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_needs_command" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_needs_command" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_needs_command" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "flash" -d 'Flash boards over the network, through their U-Boot'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "verify" -d 'Compare an image with a device, a file or a board\'s report'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "split-image" -d 'Split an image into the parts that U-Boot fetches'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "reset" -d 'Reset boards'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "run" -d 'Show what was done to boards, and how it ended'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "targets" -d 'Show, check and change the targets database'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "card" -d 'Make and check recovery cards'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "tftp" -d 'Serve a folder over TFTP, with a live log'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "usbboot" -d 'Boot boards over USB: everything rpiboot does, all boards at once'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "list" -d 'Show the boards that are attached over USB, and why one can\'t be used'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "doctor" -d 'Check what this host needs to boot and to flash boards, and say what to do'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "netboot" -d 'Boot boards over the network, from this host'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "mklive" -d 'Link the first stage\'s boot files into the live tree of USB boot'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "clnlive" -d 'Remove the ports\' links from the live tree'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "nukelive" -d 'Remove all of piprov\'s links from the live tree'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "live" -d 'Show which USB port is linked to which client\'s files'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "stage1" -d 'Build the first stage, which tells boards apart'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "udev" -d 'Install the udev rules that give each board its own files'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "config" -d 'Show the settings and where each comes from'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l targets -d 'Targets database' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l stagger -d 'Seconds between the resets of two boards' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l timeout -d 'Seconds that a board may say nothing' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l part-size -d 'Bytes of the image that a board fetches at a time' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l card -d 'The kind of recovery card that the boards have' -r -f -a "piprov\t'Made by `piprov card build`'
original\t'Made by the original project'"
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l listen -d 'Where to serve TFTP; boards ask port 69' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l spool-dir -d 'Folder for the spool of a compressed image' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l tftp-root -d 'Put the files into DIR, which your TFTP server serves, and serve nothing' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l uboot-start -d 'Where U-Boot\'s partition starts on the boards\' cards' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l uboot-size -d 'How long U-Boot\'s partition is on the boards\' cards' -r
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l all -d 'Flash every board of the database'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -s n -l dry-run -d 'Print what would be done, and do nothing'
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
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l report -d 'Compare with what a board reported' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l parts -d 'Compare with the parts that split-image wrote into this directory' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l sha256 -d 'Compare digests: 64 digits, or a file as sha256sum writes it' -r
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l spool-dir -d 'Where to unpack a compressed image for the time [default: $TMPDIR or /var/tmp]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l hold -d 'How long to hold a line low, in seconds [default: 0.5]' -r
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l stagger -d 'How long to wait from one board to the next, in seconds [default: 0]' -r
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l targets -d 'Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l all -d 'Reset every target of the database that can be reset'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand reset" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show prune" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show prune" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show prune" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show prune" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show prune" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show prune" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show prune" -f -a "list" -d 'List runs, the latest last'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show prune" -f -a "show" -d 'Show one run, with everything that its record holds'
complete -c piprov -n "__fish_piprov_using_subcommand run; and not __fish_seen_subcommand_from list show prune" -f -a "prune" -d 'Remove the records of old runs'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l board -d 'Only boards whose name, address, MAC, serial number or port is this' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l kind -d 'Only this kind of run: flash, net-boot, deploy or another one' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l outcome -d 'Only runs that ended so: done, not-verified, failed, lost or unfinished' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l since -d 'Only runs that began since: a date, or a time before now as 30m, 12h or 7d' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -s n -l last -d 'Only the latest N of them' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l state -d 'Read the records below this state directory [default: the setting state-dir]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -l state -d 'Read the records below this state directory [default: the setting state-dir]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l older-than -d 'Only runs that began so many days ago, or before' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l keep -d 'The latest N runs stay' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l damaged -d 'Remove this file too, which is no record or can\'t be read; may be given again' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l confirm -d 'Remove them without asking; `runs`, for scripts' -r
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l state -d 'Read the records below this state directory [default: the setting state-dir]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -s n -l dry-run -d 'Say what would be removed, and remove nothing'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand run; and __fish_seen_subcommand_from prune" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and not __fish_seen_subcommand_from list check add remove" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -l csv -d 'Print a CSV file in the form name,mac,ip,reset, whatever form it is read from'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from check" -l targets -d 'Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -s n -l dry-run -d 'Say what would be added, and change nothing'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -l targets -d 'Targets database [env: PIPROV_TARGETS] [default: /etc/piprov/targets.csv]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -s n -l dry-run -d 'Say what would be removed, and change nothing'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand targets; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand card; and not __fish_seen_subcommand_from build check payload stick" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from build" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from payload" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand card; and __fish_seen_subcommand_from stick" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l root -d 'Serve the files below this folder' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l listen -d 'Listen on this address and UDP port' -r
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l max-window -d 'Send at most N blocks before an acknowledgement' -r
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l max-blksize -d 'Send at most N bytes in a block' -r
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l timeout -d 'Give up after so many seconds, whatever is going on' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l wait-for -d 'Wait for what the boards become, and print it' -r -f -a "block\t'A disk'
serial\t'A serial port'
fastboot\t'A fastboot device'
net\t'A network interface'"
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l wait-limit -d 'Seconds that this may take' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s j -l metadata -d 'Write what a board tells about itself to DIR/SERIAL.json; without DIR, print it' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l allow -d 'Let the payload\'s links lead to this folder too' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l confirm -d 'Allow the payload to burn the fuses that this setting of config.txt burns' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -s m -l poll -d 'Look for boards so often; matters only where the system doesn\'t tell' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l transfer-size -d 'Size of a USB transfer to begin with' -r
complete -c piprov -n "__fish_piprov_using_subcommand usbboot" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand list" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand list" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand list" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand list" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand list" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand list" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l usb -d 'Check what USB boot needs'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l tftp -d 'Check what flashing over the network needs'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and not __fish_seen_subcommand_from client serve watch nfs enable" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from client" -f -a "check" -d 'Compare clients with the checklist, and with what is exported and served'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -s i -l interface -d 'Serve on this network interface; it is never guessed' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l mode -d 'Beside the network\'s DHCP server, or instead of one: proxy or dhcp' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l range -d 'Give out these addresses, in mode dhcp: 10.0.0.100-10.0.0.199' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l tftp-root -d 'Serve the boot files below this directory [default: /srv/netboot/tftp]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l state -d 'Keep leases and records here [default: /var/lib/piprov/netboot]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l force -d 'Start in mode dhcp although another DHCP server answers'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from serve" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -s i -l interface -d 'Listen on this network interface; it is never guessed' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -l for -d 'End after this time: 90, 90s, 5m, 1h' -r
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -l probe -d 'Ask for DHCP servers too, once; this is the only thing that is sent'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from watch" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from nfs" -l ganesha -d 'File with piprov\'s exports for nfs-ganesha' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from nfs" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l undo -d 'Take the line out of config.txt again; a bit that is burned in stays'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand netboot; and __fish_seen_subcommand_from enable" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -l live -d 'The live tree [default: /srv/usbboot/live]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -l clients -d 'The clients\' directories [default: /srv/usbboot/clients]' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand mklive" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand clnlive" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand nukelive" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand live" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand live" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand live" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand live" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand live" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand live" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand live" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and not __fish_seen_subcommand_from build" -f -a "build" -d 'Build the first stage out of Debian\'s packages'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l arch -d 'The boards\' processor; give it again for another kind in the same directory' -r -f -a "armv6\t'Zero, Zero W, 1, Compute Module 1'
armv7\t'2, 3, Zero 2 W, Compute Module 3, with 32 bits'
arm64\t'3, Zero 2 W, Compute Module 3, with 64 bits'"
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s o -l output -d 'The directory to write, such as /srv/usbboot/clients/1ststage' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l deb -d 'A package that is there already; give it for each one' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l mirror -d 'Debian archive to fetch from; default: the one in apt\'s own sources' -r
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l release -d 'Debian release to fetch from' -r -f -a "bookworm\t'Debian 12, Linux 6.1; the last with a kernel for armv6'
trixie\t'Debian 13, Linux 6.12'"
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s f -l force -d 'Write into a directory that has something in it'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand stage1; and __fish_seen_subcommand_from build" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and not __fish_seen_subcommand_from install remove print finish" -l config -d 'Read this configuration file instead of the usual ones' -r -F
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
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from install" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -l root -d 'Install below this directory, such as that of an image' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -l group -d 'The group that may use boot ROMs [default: plugdev, if there is one]' -r
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -s n -l dry-run -d 'Say what would be done, and touch nothing'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -l group -d 'The group that may use boot ROMs [default: plugdev, if there is one]' -r
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from print" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand udev; and __fish_seen_subcommand_from finish" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand config; and not __fish_seen_subcommand_from show" -f -a "show" -d 'Show every setting, its value and where it comes from'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c piprov -n "__fish_piprov_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'

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
complete -c piprov -n "__fish_piprov_needs_command" -f -a "targets" -d 'Show, check and change the targets database'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "card" -d 'Make and check recovery cards'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "tftp" -d 'Serve a folder over TFTP, with a live log'
complete -c piprov -n "__fish_piprov_needs_command" -f -a "config" -d 'Show the settings and where each comes from'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand flash" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand verify" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand split-image" -s h -l help -d 'Print help'
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
complete -c piprov -n "__fish_piprov_using_subcommand card" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand card" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand card" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand card" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand card" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand card" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand card" -s V -l version -d 'Print version'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l json -d 'Print results as JSON, one object a line'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -s q -l quiet -d 'Print results and errors only'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -s v -l verbose -d 'Say more about the same events'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -l no-color -d 'Print without colours'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -s h -l help -d 'Print help'
complete -c piprov -n "__fish_piprov_using_subcommand tftp" -s V -l version -d 'Print version'
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

# fish completion for svstat. Made by crates/guide from its table: change that.

# How many operands stand before the cursor; the arguments are options that take
# the next word.
function __daemontools_operands
    set -l tokens (commandline -opc)
    set -l count 0
    set -e tokens[1]
    while set -q tokens[1]
        set -l token $tokens[1]
        set -e tokens[1]
        if test $count -eq 0; and contains -- $token $argv
            set -e tokens[1]
        else if test $count -gt 0; or not string match -q -- '-?*' $token
            set count (math $count + 1)
        end
    end
    echo $count
end

function __daemontools_services
    set -l scan /etc/service
    set -q SVDIR; and test -n "$SVDIR"; and set scan $SVDIR
    for service in $scan/*/
        printf '%s\tservice\n' (string split / -- (string trim -r -c / -- $service))[-1]
    end
    __fish_complete_directories (commandline -ct)
end

complete -c svstat -f
complete -c svstat -n 'test (__daemontools_operands -o) -eq 0' -s 'l' -d 'not the logs that are programs'
complete -c svstat -n 'test (__daemontools_operands -o) -eq 0' -s 'L' -d 'such logs only'
complete -c svstat -n 'test (__daemontools_operands -o) -eq 0' -s 't' -d 'a table'
complete -c svstat -n 'test (__daemontools_operands -o) -eq 0' -s 'j' -d 'JSON'
complete -c svstat -n 'test (__daemontools_operands -o) -eq 0' -s 'o' -x -a 'up wantedup normallyup ready paused pid exitcode signal signum updownsince readysince updownfor readyfor name state reason waitsfor deaths problems status' -d 'these values, in a line'
complete -c svstat -n 'test (__daemontools_operands -o) -ge 0' -x -a '(__daemontools_services)' -d 'dir'

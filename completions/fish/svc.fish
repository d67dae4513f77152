# fish completion for svc. Made by crates/guide from its table: change that.

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

complete -c svc -f
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'u' -d 'up: start it, and again whenever it ends'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'd' -d 'down: stop it, and do not start it again'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'o' -d 'once: start it, but not again'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'p' -d 'pause: send STOP'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'c' -d 'continue: send CONT'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'h' -d 'send HUP'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'a' -d 'send ALRM'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'i' -d 'send INT'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 't' -d 'send TERM'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'k' -d 'send KILL'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'x' -d 'exit: supervise ends once the service has'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'q' -d 'send QUIT'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s '1' -d 'send USR1'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s '2' -d 'send USR2'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'w' -d 'send WINCH'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s '+' -d 'signals that follow go to the process group'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s '=' -d 'signals that follow go to the one process again'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'L' -d 'what follows is for the log, if that is a program'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'l' -d 'what follows is for the service again'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'D' -d '-d, and make the file down'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'U' -d '-u, and remove the file down'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -s 'Q' -d 'make the file down, do not start it again'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -l 'reload' -d 'have it read its configuration again'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -l 'wait' -x -a 'up ready down restart' -d 'wait until it is up, ready, down or has restarted'
complete -c svc -n 'test (__daemontools_operands) -eq 0' -l 'timeout' -x -a '500ms 5s 2m 1h' -d 'wait for so long at the most'
complete -c svc -n 'test (__daemontools_operands) -ge 0' -x -a '(__daemontools_services)' -d 'dir'

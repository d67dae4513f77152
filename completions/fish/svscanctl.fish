# fish completion for svscanctl. Made by crates/guide from its table: change that.

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

complete -c svscanctl -f
complete -c svscanctl -n 'test (__daemontools_operands) -eq 0' -s 'a' -d 'scan now'
complete -c svscanctl -n 'test (__daemontools_operands) -eq 0' -s 'n' -d 'stop services that have lost their name'
complete -c svscanctl -n 'test (__daemontools_operands) -eq 0' -s 'h' -d '-a and -n'
complete -c svscanctl -n 'test (__daemontools_operands) -eq 0' -s 't' -d 'stop all, let each log read to its end, exit'
complete -c svscanctl -n 'test (__daemontools_operands) -eq 0' -s 'q' -d 'stop all, logs at the same time, exit'
complete -c svscanctl -n 'test (__daemontools_operands) -eq 0' -s 'b' -d 'exit, leave everything running'
complete -c svscanctl -n 'test (__daemontools_operands) -eq 0' -l 'upgrade' -d 'have the whole tree become what is installed now'
complete -c svscanctl -n 'test (__daemontools_operands) -eq 0' -x -a '(__fish_complete_directories (commandline -ct))' -d 'dir'

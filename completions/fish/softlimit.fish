# fish completion for softlimit. Made by crates/guide from its table: change that.

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

complete -c softlimit -f
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 'a' -x -a '= -' -d 'address space'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 'c' -x -a '= -' -d 'size of a core file'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 'd' -x -a '= -' -d 'data segment'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 'f' -x -a '= -' -d 'size of any file written'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 'l' -x -a '= -' -d 'memory that is locked'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 'm' -x -a '= -' -d '-d, -s, -l and -a at once'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 'o' -x -a '= -' -d 'open descriptors'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 'p' -x -a '= -' -d 'processes of this user'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 'r' -x -a '= -' -d 'resident memory'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 's' -x -a '= -' -d 'stack'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -eq 0' -s 't' -x -a '= -' -d 'seconds of processor time'
complete -c softlimit -n 'test (__daemontools_operands -a -c -d -f -l -m -o -p -r -s -t) -ge 0' -x -a '(__fish_complete_subcommand --fcs-skip=1 -a -c -d -f -l -m -o -p -r -s -t)'

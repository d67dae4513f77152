# fish completion for svcheck. Made by crates/guide from its table: change that.

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

complete -c svcheck -f
complete -c svcheck -n 'test (__daemontools_operands) -eq 0' -s 'j' -d 'the same as --json'
complete -c svcheck -n 'test (__daemontools_operands) -eq 0' -l 'json' -d 'print a JSON object'
complete -c svcheck -n 'test (__daemontools_operands) -eq 0' -l 'service' -d 'each is a service directory'
complete -c svcheck -n 'test (__daemontools_operands) -eq 0' -l 'scan' -d 'each is a directory of services'
complete -c svcheck -n 'test (__daemontools_operands) -eq 0' -s 'h' -d 'the same as --help'
complete -c svcheck -n 'test (__daemontools_operands) -eq 0' -l 'help' -d 'how it is called'
complete -c svcheck -n 'test (__daemontools_operands) -eq 0' -s 'V' -d 'the same as --version'
complete -c svcheck -n 'test (__daemontools_operands) -eq 0' -l 'version' -d 'its version'
complete -c svcheck -n 'test (__daemontools_operands) -ge 0' -x -a '(__fish_complete_directories (commandline -ct))' -d 'dir'

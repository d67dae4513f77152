# fish completion for fghack. Made by crates/guide from its table: change that.

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

complete -c fghack -f
complete -c fghack -n 'test (__daemontools_operands) -ge 0' -x -a '(__fish_complete_subcommand --fcs-skip=1)'

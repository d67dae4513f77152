# fish completion for multilog. Made by crates/guide from its table: change that.

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

complete -c multilog -f
complete -c multilog -a 't' -d 'stamp each line, as the first word'
complete -c multilog -a 'T' -d 'seconds since 1970 before each line, as the first word'
complete -c multilog -a '-' -d 'deselect lines that match'
complete -c multilog -a '+' -d 'select lines that match'
complete -c multilog -a 'F' -d 'patterns of fnmatch follow'
complete -c multilog -a 'S' -d 'simple patterns follow again'
complete -c multilog -a 'e' -d 'print selected lines as alerts'
complete -c multilog -a '=' -d 'keep the last selected line in a file'
complete -c multilog -a 's' -d 'bytes a file may have'
complete -c multilog -a 'n' -d 'files to keep, the current one included'
complete -c multilog -a '!' -d 'what full files go through'
complete -c multilog -a 'w' -d 'what names of finished files end in'
complete -c multilog -a '(__fish_complete_directories (commandline -ct) | string match -r "^\./.*")' -d 'log into this directory'
complete -c multilog -a '(__fish_complete_directories (commandline -ct) | string match -r "^/.*")' -d 'log into this directory'

# fish completion for svnew. Made by crates/guide from its table: change that.

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

complete -c svnew -f
complete -c svnew -n 'not contains -- -- (commandline -opc)' -s 'u' -x -a '(__fish_complete_users)' -d 'the same as --user'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -l 'user' -x -a '(__fish_complete_users)' -d 'the service runs as this account'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -l 'log-user' -x -a '(__fish_complete_users)' -d 'the log runs as this account'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -s 'd' -x -a '(__fish_complete_directories (commandline -ct))' -d 'the same as --dir'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -l 'dir' -x -a '(__fish_complete_directories (commandline -ct))' -d 'make it here and not in /srv'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -l 'log-dir' -x -a '(__fish_complete_directories (commandline -ct))' -d 'log to this directory'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -s 'e' -d 'the same as --enable'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -l 'enable' -d 'link it into the scan directory'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -l 'scan' -x -a '(__fish_complete_directories (commandline -ct))' -d 'the scan directory'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -s 'h' -d 'the same as --help'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -l 'help' -d 'how it is called'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -s 'V' -d 'the same as --version'
complete -c svnew -n 'not contains -- -- (commandline -opc)' -l 'version' -d 'its version'
complete -c svnew -n 'contains -- -- (commandline -opc)' -x -a '(__fish_complete_subcommand --fcs-skip=2 -u --user --log-user -d --dir --log-dir --scan)'

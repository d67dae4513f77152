# fish completion for tai64nlocal. Made by crates/guide from its table: change that.

complete -c tai64nlocal -f

# fish completion for tai64n. Made by crates/guide from its table: change that.

complete -c tai64n -f

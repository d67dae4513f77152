# fish completion for svscanboot. Made by crates/guide from its table: change that.

complete -c svscanboot -f

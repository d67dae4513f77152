//! bash: a function that walks the words before the cursor, the same in each file,
//! and a call of it with what the program takes.

use std::iter;

use super::{heading, quoted};
use crate::{Flag, Guide, Kind, Operand};

/// What all files share.
///
/// `_daemontools FLAG... -- OPERAND...`: a flag may end in `:KIND`, an operand is a
/// kind, and the last is repeated if it ends in `*`.
const SHARED: &str = r#"
# What a word of this kind may be.
_daemontools_kind() {
    local kind=$1 cur=$2 name scan=${SVDIR:-/etc/service}
    case $kind in
        service)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$cur")
            if [[ $cur != */* ]]; then
                for name in "$scan"/*/; do
                    name=${name%/} name=${name##*/}
                    [[ $name == "$cur"* && $name != '*' ]] && COMPREPLY+=("$name")
                done
            fi
            ;;
        directory)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$cur")
            ;;
        file)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            ;;
        account) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
        command) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
        script)
            case $cur in
                .*|/*) _daemontools_kind directory "$cur" ;;
                =*) mapfile -t COMPREPLY < <(compgen -P = -f -- "${cur#=}") ;;
                !*) mapfile -t COMPREPLY < <(compgen -P ! -c -- "${cur#!}") ;;
                *)
                    compopt -o nospace 2>/dev/null
                    mapfile -t COMPREPLY < <(compgen -W "$_daemontools_words" -- "$cur")
                    ;;
            esac
            ;;
        choice=*)
            kind=${kind#choice=}
            mapfile -t COMPREPLY < <(compgen -W "${kind//,/ }" -- "$cur")
            ;;
    esac
}

_daemontools() {
    local -a flags=() operands=()
    while [[ $1 != -- ]]; do flags+=("$1"); shift; done
    shift
    operands=("$@")
    local cur=${COMP_WORDS[COMP_CWORD]} before='' at=1 operand=0 ended='' word flag kind
    # Options may stand anywhere before two dashes.
    local free=''
    [[ ${operands[*]} == *dashed* ]] && free=1
    COMPREPLY=()
    # The `=` of a long option is a word of its own.
    if [[ $cur == = && ${COMP_WORDS[COMP_CWORD-1]} == --* ]]; then
        before=${COMP_WORDS[COMP_CWORD-1]} cur=
    elif ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[COMP_CWORD-1]} == = && ${COMP_WORDS[COMP_CWORD-2]} == --* ]]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    if [[ $before ]]; then
        for flag in "${flags[@]}"; do
            [[ $flag == "$before=:"* ]] && _daemontools_kind "${flag#*:}" "$cur"
        done
        return
    fi
    while ((at < COMP_CWORD)); do
        word=${COMP_WORDS[at]}
        if ((operand < ${#operands[@]})) && [[ ${operands[operand]} == command* ]]; then
            [[ $ended || $word != -?* || ${#flags[@]} == 0 ]] && break
        fi
        if [[ $free && $word == -- ]]; then
            ended=1
            ((at++))
            break
        elif [[ ! $ended && $word == -- && ${#flags[@]} != 0 ]]; then
            ended=1
        elif [[ ! $ended && $word == --* && ${COMP_WORDS[at+1]} == = ]]; then
            ((at += 2))
        elif [[ ! $ended && $word == -?* && ${#flags[@]} != 0 ]]; then
            for flag in "${flags[@]}"; do
                [[ $flag == "-${word: -1}:"* && $word != --* || $free && $flag == "$word=:"* ]] || continue
                ((at + 1 == COMP_CWORD)) && { _daemontools_kind "${flag#*:}" "$cur"; return; }
                ((at++))
            done
        else
            ended=$((1 - free))
            ((ended)) || ended=''
            [[ ${operands[operand]} == *'*' ]] || ((operand++))
        fi
        ((at++))
    done
    if [[ ! $ended && $cur == -* && ${#flags[@]} != 0 ]]; then
        for flag in "${flags[@]}"; do
            flag=${flag%%:*}
            [[ $flag == "$cur"* ]] && COMPREPLY+=("$flag")
        done
        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
        return
    fi
    kind=${operands[operand]%'*'}
    if [[ $free ]]; then
        kind=${ended:+command}
    fi
    if [[ $kind == command ]] && declare -F _command_offset >/dev/null; then
        _command_offset "$at"
    elif [[ $kind == command ]] && ((at < COMP_CWORD)); then
        _daemontools_kind file "$cur"
    elif [[ $kind ]]; then
        _daemontools_kind "$kind" "$cur"
    fi
}
"#;

/// The completion of one program.
pub(super) fn completion(guide: &Guide) -> String {
    let name = guide.name;
    let flags = guide.flags.iter().map(flag);
    let operands = guide.operands.iter().map(operand);
    let words = flags.chain(iter::once("--".to_owned())).chain(operands);
    let words: Vec<String> = words.map(|word| quoted(&word)).collect();
    let script: Vec<&str> = guide.words.iter().map(|word| word.first).collect();
    let script = if script.is_empty() {
        String::new()
    } else {
        // A directory of which the name has only begun.
        let script = script.join(" ").replace(" .", " ./");
        format!("    local _daemontools_words={}\n", quoted(&script))
    };
    format!(
        "{}{SHARED}\n_daemontools_of_{name}() {{\n{script}    _daemontools {}\n}}\n\n\
         complete -F _daemontools_of_{name} {name}\n",
        heading(guide, "bash"),
        words.join(" ")
    )
}

fn flag(flag: &Flag) -> String {
    let equals = if flag.name.starts_with("--") { "=" } else { "" };
    flag.value.map_or(flag.name.to_owned(), |value| {
        format!("{}{equals}:{}", flag.name, kind(value.kind))
    })
}

fn operand(operand: &Operand) -> String {
    let many = if operand.many { "*" } else { "" };
    kind(operand.kind) + many
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Service => "service".to_owned(),
        Kind::Directory => "directory".to_owned(),
        Kind::File => "file".to_owned(),
        Kind::Account => "account".to_owned(),
        Kind::Command => "command".to_owned(),
        Kind::CommandAfterDashes => "dashed".to_owned(),
        Kind::Script => "script".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Choice(choices) => format!("choice={}", choices.join(",")),
    }
}

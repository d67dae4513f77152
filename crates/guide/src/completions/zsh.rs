//! zsh: a call of `_arguments`, with functions for what zsh does not know itself.

use super::{heading, options_are_free, quoted};
use crate::{Flag, Guide, Kind, Operand, Word};

const SERVICES: &str = r"
(( $+functions[_daemontools_services] )) ||
_daemontools_services() {
    local -a names=( ${SVDIR:-/etc/service}/*(N-/:t) )
    _alternative 'services:service:compadd -a names' 'directories:directory:_files -/'
}
";

/// The completion of one program.
pub(super) fn completion(guide: &Guide) -> String {
    let name = guide.name;
    let services = guide
        .operands
        .iter()
        .any(|operand| operand.kind == Kind::Service);
    let script = if guide.words.is_empty() {
        String::new()
    } else {
        words(guide.words)
    };
    let flags = guide.flags.iter().map(flag);
    let operands = guide.operands.iter().map(operand);
    let arguments: Vec<String> = flags.chain(operands).map(|word| quoted(&word)).collect();
    let call = if arguments.is_empty() {
        "_message 'no arguments'".to_owned()
    } else {
        let options = match (guide.flags.is_empty(), options_are_free(guide)) {
            (true, _) => "",
            (false, true) => "-s -S ",
            (false, false) => "-s -S -A '-*' ",
        };
        format!(
            "_arguments {options}\\\n    {}",
            arguments.join(" \\\n    ")
        )
    };
    format!(
        "#compdef {name}\n{}{}{script}\n{call}\n",
        heading(guide, "zsh"),
        if services { SERVICES } else { "" }
    )
}

fn flag(flag: &Flag) -> String {
    let equals = if flag.name.starts_with("--") {
        "="
    } else {
        "+"
    };
    let name = escaped(flag.name);
    let what = escaped(flag.what);
    match flag.value {
        None => format!("{name}[{what}]"),
        Some(value) => {
            let (called, action) = (escaped(value.name), action(value.kind));
            format!("{name}{equals}[{what}]:{called}:{action}")
        }
    }
}

fn operand(operand: &Operand) -> String {
    let name = escaped(operand.name);
    match (operand.kind, operand.many) {
        (Kind::Command | Kind::CommandAfterDashes, _) => "*::command:_normal".to_owned(),
        (kind, true) => format!("*:{name}:{}", action(kind)),
        (kind, false) => format!(":{name}:{}", action(kind)),
    }
}

fn action(kind: Kind) -> String {
    match kind {
        Kind::Service => "_daemontools_services".to_owned(),
        Kind::Directory => "_files -/".to_owned(),
        Kind::File => "_files".to_owned(),
        Kind::Account => "_users".to_owned(),
        Kind::Command | Kind::CommandAfterDashes => "_command_names -e".to_owned(),
        Kind::Script => "_daemontools_script".to_owned(),
        Kind::Text => " ".to_owned(),
        Kind::Choice(choices) => format!("({})", choices.join(" ")),
    }
}

fn words(words: &[Word]) -> String {
    let described = words.iter().map(|word| {
        let first = if word.first == "." { "./" } else { word.first };
        quoted(&format!("{}:{}", escaped(first), word.what))
    });
    let described: Vec<String> = described.collect();
    format!(
        r"
(( $+functions[_daemontools_script] )) ||
_daemontools_script() {{
    local -a words_of_script=(
        {}
    )
    case $PREFIX in
        (./*|/*) _files -/ ;;
        (\=*) compset -P '=' && _files ;;
        (\!*|\\\!*) compset -P '(\\|)!' && _command_names -e ;;
        (*) _describe word words_of_script -S '' ;;
    esac
}}
",
        described.join("\n        ")
    )
}

/// Without what `_arguments` would take for its own.
fn escaped(text: &str) -> String {
    text.replace(':', "\\:")
        .replace('[', "\\[")
        .replace(']', "\\]")
}

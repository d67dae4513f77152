//! fish: a line for each option, and conditions that count the operands before the
//! cursor.

use super::{heading, options_are_free, quoted, runs_another, valued};
use crate::{Flag, Guide, Kind, Operand, Word};

const OPERANDS: &str = r"
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
";

const SERVICES: &str = r#"
function __daemontools_services
    set -l scan /etc/service
    set -q SVDIR; and test -n "$SVDIR"; and set scan $SVDIR
    for service in $scan/*/
        printf '%s\tservice\n' (string split / -- (string trim -r -c / -- $service))[-1]
    end
    __fish_complete_directories (commandline -ct)
end
"#;

/// The completion of one program.
pub(super) fn completion(guide: &Guide) -> String {
    let name = guide.name;
    let services = guide
        .operands
        .iter()
        .any(|operand| operand.kind == Kind::Service);
    let none = format!("\ncomplete -c {name} -f\n");
    let shared = [
        (!guide.operands.is_empty(), OPERANDS),
        (services, SERVICES),
        (true, &none),
    ];
    let shared = shared.iter().filter(|(wanted, _)| *wanted);
    let mut text = heading(guide, "fish");
    text.extend(shared.map(|(_, text)| *text));
    let alone = if options_are_free(guide) {
        quoted("not contains -- -- (commandline -opc)")
    } else {
        condition(guide, 0, false)
    };
    let flags = guide
        .flags
        .iter()
        .map(|flag| self::flag(name, flag, &alone));
    let operands = guide.operands.iter().enumerate();
    let operands = operands.map(|(at, operand)| self::operand(guide, at, operand));
    text.extend(flags.chain(operands));
    text.extend(guide.words.iter().map(|word| self::word(name, word)));
    text
}

fn flag(program: &str, flag: &Flag, alone: &str) -> String {
    let name = flag.name.trim_start_matches('-');
    let kind = if flag.name.starts_with("--") {
        "-l"
    } else {
        "-s"
    };
    let value = flag
        .value
        .map_or(String::new(), |value| format!(" -x{}", offered(value.kind)));
    let what = quoted(flag.what);
    // A letter that the shell would take for something else.
    let name = quoted(name);
    format!("complete -c {program} -n {alone} {kind} {name}{value} -d {what}\n")
}

/// Whether the operand at the cursor is number `at`, or a later one.
fn condition(guide: &Guide, at: usize, later: bool) -> String {
    let valued: Vec<&str> = valued(guide).collect();
    let space = if valued.is_empty() { "" } else { " " };
    let compare = if later { "-ge" } else { "-eq" };
    let count = format!("(__daemontools_operands{space}{})", valued.join(" "));
    quoted(&format!("test {count} {compare} {at}"))
}

fn operand(guide: &Guide, at: usize, operand: &Operand) -> String {
    let name = guide.name;
    let free = operand.kind == Kind::CommandAfterDashes;
    let here = if free {
        quoted("contains -- -- (commandline -opc)")
    } else {
        condition(guide, at, operand.many)
    };
    if free || operand.kind == Kind::Command && runs_another(guide) {
        let valued: Vec<&str> = valued(guide).collect();
        let options = if valued.is_empty() {
            String::new()
        } else {
            format!(" {}", valued.join(" "))
        };
        let skip = at + 1;
        return format!(
            "complete -c {name} -n {here} -x -a '(__fish_complete_subcommand --fcs-skip={skip}{options})'\n"
        );
    }
    let what = quoted(operand.name);
    match operand.kind {
        Kind::Script | Kind::Text => String::new(),
        kind => {
            let plainly = if kind == Kind::File { "-F" } else { "-x" };
            format!(
                "complete -c {name} -n {here} {plainly}{} -d {what}\n",
                offered(kind)
            )
        }
    }
}

/// What is offered for a kind, as an option of `complete`.
fn offered(kind: Kind) -> String {
    let list = match kind {
        Kind::Service => "(__daemontools_services)".to_owned(),
        Kind::Directory => "(__fish_complete_directories (commandline -ct))".to_owned(),
        Kind::Account => "(__fish_complete_users)".to_owned(),
        Kind::Command | Kind::CommandAfterDashes => "(__fish_complete_command)".to_owned(),
        Kind::Choice(choices) => choices.join(" "),
        Kind::File | Kind::Script | Kind::Text => return String::new(),
    };
    format!(" -a {}", quoted(&list))
}

fn word(program: &str, word: &Word) -> String {
    let what = quoted(word.what);
    let offered = match word.first {
        "." => "(__fish_complete_directories (commandline -ct) | string match -r \"^\\./.*\")",
        "/" => "(__fish_complete_directories (commandline -ct) | string match -r \"^/.*\")",
        first => return format!("complete -c {program} -a {} -d {what}\n", quoted(first)),
    };
    format!("complete -c {program} -a {} -d {what}\n", quoted(offered))
}

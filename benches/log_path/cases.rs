//! What is measured.

use crate::input::Input;

/// A program with its arguments and its input.
pub struct Case {
    /// What the table calls it: the command line, and what is odd about the input.
    pub name: &'static str,
    pub program: &'static str,
    /// `./dir` is a fresh log directory.
    pub arguments: &'static [&'static str],
    pub input: Input,
}

const fn multilog(name: &'static str, arguments: &'static [&'static str], input: Input) -> Case {
    Case {
        name,
        program: "multilog",
        arguments,
        input,
    }
}

const fn filter(program: &'static str, input: Input) -> Case {
    Case {
        name: program,
        program,
        arguments: &[],
        input,
    }
}

/// In the table's order.
pub const CASES: &[Case] = &[
    multilog("multilog dir", &["./dir"], Input::Lines),
    multilog("multilog t dir", &["t", "./dir"], Input::Lines),
    multilog(
        "multilog t s10485760 n5 dir",
        &["t", "s10485760", "n5", "./dir"],
        Input::Lines,
    ),
    multilog(
        "multilog t s10485760 n5 '!tai64nlocal' dir",
        &["t", "s10485760", "n5", "!tai64nlocal", "./dir"],
        Input::Lines,
    ),
    multilog(
        "multilog '-*' '+*word*' dir",
        &["-*", "+*word*", "./dir"],
        Input::Lines,
    ),
    multilog(
        "multilog t, eight patterns, dir",
        &[
            "t",
            "-*",
            "+*word*",
            "-*debug*",
            "+*error*",
            "-* * * *trace*",
            "+*failed*",
            "-*noise*",
            "+*: *",
            "./dir",
        ],
        Input::Lines,
    ),
    multilog("multilog dir, 1-byte lines", &["./dir"], Input::ShortLines),
    multilog(
        "multilog t dir, 1-byte lines",
        &["t", "./dir"],
        Input::ShortLines,
    ),
    filter("tai64n", Input::Lines),
    Case {
        name: "tai64n, 1-byte lines",
        program: "tai64n",
        arguments: &[],
        input: Input::ShortLines,
    },
    filter("tai64nlocal", Input::Stamped),
    Case {
        name: "tai64nlocal, TZ unset, a line a second",
        program: "tai64nlocal",
        arguments: &[],
        input: Input::Spread,
    },
];

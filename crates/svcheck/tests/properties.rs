//! No bytes are too much for the reader of scripts.

use proptest::prelude::*;

fn script() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("exec "),
        Just("2>&1"),
        Just("\n"),
        Just("<<E\n"),
        Just("E\n"),
        Just("if "),
        Just("; then "),
        Just("fi\n"),
        Just("case x in "),
        Just("esac"),
        Just(")"),
        Just("("),
        Just("()"),
        Just("{ "),
        Just("} "),
        Just(";;"),
        Just("&"),
        Just("&&"),
        Just("|"),
        Just("'"),
        Just("\""),
        Just("$("),
        Just("${"),
        Just("`"),
        Just("\\"),
        Just("\\\n"),
        Just("#"),
        Just("for i in "),
        Just("do "),
        Just("done"),
        Just(" a "),
        Just("&>"),
        Just(">&"),
        Just("<<"),
        Just("<<-"),
        Just("<<<"),
    ];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes()),
    ]
}

proptest! {
    #[test]
    fn any_script_is_read_to_its_end(script in script()) {
        let commands = svcheck::shell::commands(&script);
        let lines = script.split(|byte| *byte == b'\n').count();
        for command in &commands {
            prop_assert!(command.line >= 1 && command.line as usize <= lines);
        }
        prop_assert!(commands.windows(2).all(|pair| pair[0].line <= pair[1].line));
    }
}

//! `svstat -j` against its schema, and each value against what was written.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs::File;
use std::time::Duration;

use dt_os::file::{How, make_fifo};
use dt_service::deaths::{Death, Ending, Role};
use dt_service::details::{self, Details, LastDeath, Reason, Text};
use dt_service::{Block, State, Status, Want};
use dt_testkit::{Scratch, Suite};
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../../docs/svstat.schema.json");

/// What is wrong with `value` by `schema`, for the keywords that ours has; any
/// other keyword is a mistake in the schema, as nobody would check it.
fn problems(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "type" => is_of(rule, value),
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value
                .as_i64()
                .is_none_or(|number| number >= rule.as_i64().unwrap()),
            "maximum" => value
                .as_i64()
                .is_none_or(|number| number <= rule.as_i64().unwrap()),
            "pattern" => value
                .as_str()
                .is_none_or(|text| fits(rule.as_str().unwrap(), text)),
            "required" => {
                let object = value.as_object();
                let mut keys = rule.as_array().unwrap().iter();
                object
                    .is_none_or(|object| keys.all(|key| object.contains_key(key.as_str().unwrap())))
            }
            "properties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    match rule.get(key) {
                        Some(schema) => {
                            found.extend(problems(schema, value, &format!("{at}/{key}")));
                        }
                        None => found.push(format!("{at}/{key}: not in the schema")),
                    }
                }
                true
            }
            "items" => {
                for (number, value) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(problems(rule, value, &format!("{at}/{number}")));
                }
                true
            }
            "oneOf" => {
                let alternatives = rule.as_array().unwrap().iter();
                let told: Vec<_> = alternatives
                    .map(|schema| problems(schema, value, at))
                    .collect();
                let fitting = told.iter().filter(|problems| problems.is_empty()).count();
                if fitting == 0 {
                    found.extend(told.concat());
                }
                fitting == 1
            }
            "$ref" => {
                let schema: Value = serde_json::from_str(SCHEMA).unwrap();
                let target = schema.pointer(rule.as_str().unwrap().trim_start_matches('#'));
                found.extend(problems(target.unwrap(), value, at));
                true
            }
            other => panic!("a keyword that is not checked: {other}"),
        };
        if !holds {
            found.push(format!("{at}: {value} against {keyword} {rule}"));
        }
    }
    found
}

fn is_of(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    };
    match rule {
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        name => is(name.as_str().unwrap()),
    }
}

/// The two patterns that there are.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern {
        "^SIG" => text.starts_with("SIG"),
        "^@[0-9a-f]{24}$" => {
            let digits = text.strip_prefix('@').unwrap_or("");
            digits.len() == 24
                && digits
                    .bytes()
                    .all(|digit| b"0123456789abcdef".contains(&digit))
        }
        other => panic!("{other}"),
    }
}

fn document(scratch: &Scratch, names: &[&str]) -> (i32, Value) {
    let arguments = [&["-j"], names].concat();
    let outcome = Suite::ours().run("svstat", &arguments, scratch);
    assert_eq!(outcome.stderr, b"");
    let document = serde_json::from_slice(&outcome.stdout).unwrap();
    let schema = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(problems(&schema, &document, ""), Vec::<String>::new());
    (outcome.code, document)
}

fn supervised(scratch: &Scratch, name: &str) -> File {
    let ok = scratch.directory(format!("{name}/supervise")).join("ok");
    make_fifo(&ok, 0o600).unwrap();
    How::READ.open(ok).unwrap()
}

/// A stamp in the future, so that the age is 0.
fn status(pid: u32, want: Want) -> Status {
    Status {
        seconds: dt_tai::EPOCH + (1 << 40),
        nanos: 500,
        pid,
        paused: false,
        want,
    }
}

const DEATH: Death = Death {
    at: (dt_tai::EPOCH + 1_000_000_000, 0),
    uptime: Duration::from_millis(1500),
    pid: 41,
    role: Role::Run,
    ending: Ending::Signal(11),
    core_dumped: true,
    out_of_memory: false,
    peak_memory: 2048,
    user_time: Duration::from_micros(7),
    system_time: Duration::from_micros(8),
};

#[test]
fn a_plain_service_has_what_18_bytes_tell() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    scratch.file("d/supervise/status", status(9, Want::Up).encode());
    let (code, document) = document(&scratch, &["d"]);
    let expected = json!([{
        "name": "d", "supervised": true, "error": null,
        "state": "running", "up": true, "pid": 9, "paused": false, "want": "up",
        "since_tai64n": "@400001000000000a000001f4", "since_unix": 1_099_511_627_776_i64,
        "seconds": 0, "normally_up": true, "ready": true, "ready_seconds": 0,
        "reason": null, "kept": null, "waiting_ms": null, "about": null, "restart_delay_ms": null,
        "deaths": null, "problems": null, "words": null, "last_death": null, "log": null,
    }]);
    assert_eq!((code, document), (0, expected));
}

#[test]
fn a_service_with_settings_has_all_of_it() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    let main = Block {
        status: status(0, Want::Up),
        state: State::Stopped,
    };
    let log = Block {
        status: status(8, Want::Up),
        state: State::Running,
    };
    scratch.file("d/supervise/status", main.encode_with_log(&log));
    let now = dt_os::clock::since_boot();
    let details = Details {
        boot: dt_os::incarnation::boot_id(),
        supervise: 1,
        state: details::State::Waiting,
        reason: Reason::Backoff,
        until: Some(now + Duration::from_hours(1)),
        restart_delay: Duration::from_secs(8),
        deaths: 4,
        problems: 1,
        last_death: Some(LastDeath {
            role: Role::Run,
            ending: Ending::Code(3),
            uptime: Duration::ZERO,
            at: now,
        }),
        about: Text::new(b"db"),
        words: Text::new(b"warming \"up\"\x07"),
        ..Details::EMPTY
    };
    scratch.file("d/supervise/details", details.encode());
    scratch.file("d/supervise/deaths", DEATH.encode(0));
    scratch.file("d/down", "");
    let (code, document) = document(&scratch, &["d"]);
    let service = &document[0];
    for (key, value) in [
        ("state", json!("waiting")),
        ("up", json!(false)),
        ("pid", json!(null)),
        ("normally_up", json!(false)),
        ("ready", json!(false)),
        ("ready_seconds", json!(null)),
        ("reason", json!("backoff")),
        ("about", json!("db")),
        ("restart_delay_ms", json!(8000)),
        ("deaths", json!(4)),
        ("problems", json!(1)),
        ("words", json!("warming \"up\"\u{7}")),
    ] {
        assert_eq!(service[key], value, "{key}");
    }
    let given = |arguments: &[&str]| {
        let outcome = Suite::ours().run("svstat", arguments, &scratch);
        String::from_utf8(outcome.stdout).unwrap()
    };
    assert_eq!(
        given(&["-o", "status,deaths", "d"]),
        "warming\\x20\"up\"\\x07 4\n"
    );
    assert!(given(&["-t", "d"]).contains(", warming \"up\"\\x07\n"));
    let left = service["waiting_ms"].as_u64().unwrap();
    assert!((3_000_000..=3_600_000).contains(&left), "{left}");
    let death = json!({
        "at_tai64n": "@400000003b9aca0a00000000", "at_unix": 1_000_000_000, "pid": 41,
        "uptime_ms": 1500, "exit_code": null, "signal": "SIGSEGV", "signal_number": 11,
        "core_dumped": true, "out_of_memory": false, "peak_memory_kib": 2048,
        "user_time_us": 7, "system_time_us": 8,
    });
    assert_eq!(service["last_death"], death);
    let log = json!({
        "state": "running", "up": true, "pid": 8, "paused": false, "want": "up",
        "since_tai64n": "@400001000000000a000001f4", "since_unix": 1_099_511_627_776_i64,
        "seconds": 0,
    });
    assert_eq!((code, &service["log"]), (0, &log));
}

#[test]
fn details_of_another_boot_are_not_believed() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    scratch.file("d/supervise/status", status(9, Want::Up).encode());
    let details = Details {
        boot: Some([1; 16]),
        state: details::State::Failed,
        ..Details::EMPTY
    };
    scratch.file("d/supervise/details", details.encode());
    let (_, document) = document(&scratch, &["d"]);
    assert_eq!(document[0]["state"], "running");
}

/// Written by a supervise that no longer holds the lock, before the one that does.
#[test]
fn details_of_another_supervise_are_not_believed() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    scratch.file("d/supervise/status", status(9, Want::Up).encode());
    let lock = File::create(scratch.join("d/supervise/lock")).unwrap();
    dt_os::file::lock_exclusive(&lock, false).unwrap();
    let state = |supervise: u32| {
        let details = Details {
            boot: dt_os::incarnation::boot_id(),
            supervise,
            state: details::State::Failed,
            ..Details::EMPTY
        };
        scratch.file("d/supervise/details", details.encode());
        let (_, document) = document(&scratch, &["d"]);
        document[0]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(std::process::id()), "failed");
    assert_eq!(state(1), "running");
}

#[test]
fn what_cannot_be_told_about_says_why() {
    let scratch = Scratch::new();
    drop(supervised(&scratch, "dead"));
    let (code, document) = document(&scratch, &["dead", "no"]);
    let expected = json!([
        {"name": "dead", "supervised": false, "error": "supervise not running"},
        {"name": "no", "supervised": false, "error": "unable to chdir: file does not exist"},
    ]);
    assert_eq!((code, document), (111, expected));
}

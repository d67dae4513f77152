//! Every control byte in every state, and the sequences of more than one.

use crate::harness::{Case, check};
use crate::service::{Manners, Service};

/// A state of the service: its name, whether it starts with a `down` file, how
/// it takes TERM, and the commands that lead to it.
type State = (&'static str, bool, Manners, &'static [u8]);

const STATES: &[State] = &[
    ("up", false, Manners::LivesOn, b""),
    ("up, dies of TERM", false, Manners::Dies, b""),
    ("paused", false, Manners::LivesOn, b"p"),
    ("paused, dies of TERM", false, Manners::Dies, b"p"),
    ("told to go down, lives on", false, Manners::LivesOn, b"d"),
    (
        "told to go down, then paused",
        false,
        Manners::LivesOn,
        b"dp",
    ),
    ("up once", true, Manners::LivesOn, b"o"),
    ("told to exit", false, Manners::LivesOn, b"x"),
    ("told to go down and exit", false, Manners::LivesOn, b"dx"),
    ("down", true, Manners::LivesOn, b""),
    ("stopped by d", false, Manners::Dies, b"d"),
    ("has run once", true, Manners::Dies, b"ot"),
];

/// The bytes that mean nothing, or nothing by themselves, all at once.
const UNKNOWN: &[u8] = b"+=Llz!U\0\n \x80\xff-";

fn one_byte(case: &mut Case, state: &State, bytes: &[u8]) {
    let (name, down, manners, before) = state;
    let mut service = Service::start(case, *manners, *down);
    for byte in *before {
        service.send(&[*byte]);
    }
    service.look();
    service.send(bytes);
    let seen = service.look();
    case.note(format!("  {name}\n    then: {seen}"));
    if service.is_supervised() && service.pid() != 0 {
        service.kill_service();
        case.note(format!("    killed: {}", service.look()));
    }
    let words = String::from_utf8(case.scratch.read("err")).unwrap();
    assert_eq!(words, "", "supervise said something");
}

fn in_every_state(name: &str, bytes: &[u8]) {
    check(name, |case| {
        case.note(format!("{} in every state", bytes.escape_ascii()));
        case.side_by_side(STATES, |case, state| one_byte(case, state, bytes));
    });
}

#[test]
fn control_u() {
    in_every_state("control_u", b"u");
}

#[test]
fn control_d() {
    in_every_state("control_d", b"d");
}

#[test]
fn control_o() {
    in_every_state("control_o", b"o");
}

#[test]
fn control_x() {
    in_every_state("control_x", b"x");
}

#[test]
fn control_p() {
    in_every_state("control_p", b"p");
}

#[test]
fn control_c() {
    in_every_state("control_c", b"c");
}

#[test]
fn control_h() {
    in_every_state("control_h", b"h");
}

#[test]
fn control_a() {
    in_every_state("control_a", b"a");
}

#[test]
fn control_i() {
    in_every_state("control_i", b"i");
}

#[test]
fn control_t() {
    in_every_state("control_t", b"t");
}

#[test]
fn control_k() {
    in_every_state("control_k", b"k");
}

#[test]
fn control_bytes_that_mean_nothing() {
    in_every_state("control_bytes_that_mean_nothing", UNKNOWN);
}

/// Each sequence is written in one go to a service that is up and dies of TERM,
/// and to one that is down. Those whose outcome is a race in the original are
/// not here.
const SEQUENCES: &[(&str, bool)] = &[
    ("dx", false),
    ("dx", true),
    ("xd", false),
    ("xd", true),
    ("udx", false),
    ("udx", true),
    ("x", false),
    ("x", true),
    ("ux", false),
    ("ux", true),
    ("xu", false),
    ("xu", true),
    ("xo", false),
    ("xo", true),
    ("ox", false),
    ("ox", true),
    ("ud", false),
    ("ud", true),
    ("du", false),
    ("du", true),
    ("do", true),
    ("dox", true),
    ("pd", false),
    ("pdu", false),
    ("pcpc", false),
    ("ppp", false),
    ("ou", false),
    ("ou", true),
    ("oud", true),
    ("ptc", false),
    ("pk", false),
    ("zzu!\n", true),
    ("qqd", false),
];

#[test]
fn control_sequences() {
    check("control_sequences", |case| {
        case.side_by_side(SEQUENCES, |case, (bytes, down)| {
            let mut service = Service::start(case, Manners::Dies, *down);
            service.send(bytes.as_bytes());
            let state = if *down { "down" } else { "up" };
            let seen = service.look();
            case.note(format!(
                "{} while {state}\n  then: {seen}",
                bytes.escape_default()
            ));
            if service.is_supervised() && service.pid() != 0 {
                service.kill_service();
                case.note(format!("  killed: {}", service.look()));
            }
        });
    });
}

/// With a service that outlives TERM the sequences that are a race otherwise
/// have one outcome.
#[test]
fn control_sequences_to_a_service_that_outlives_term() {
    let name = "control_sequences_to_a_service_that_outlives_term";
    let sequences = ["do", "dox", "du", "dux", "xdu", "dpc", "odu", "tx"];
    check(name, |case| {
        case.side_by_side(&sequences, |case, bytes| {
            let mut service = Service::start(case, Manners::LivesOn, false);
            service.send(bytes.as_bytes());
            case.note(format!("{bytes}\n  then: {}", service.look()));
            service.kill_service();
            case.note(format!("  killed: {}", service.look()));
        });
    });
}

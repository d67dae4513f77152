//! The guides, by name.

use crate::{Flag, Guide, Kind, Operand, Word};

const fn flag(name: &'static str, what: &'static str) -> Flag {
    let value = None;
    Flag { name, value, what }
}

const fn valued(name: &'static str, value: Operand, what: &'static str) -> Flag {
    let value = Some(value);
    Flag { name, value, what }
}

const fn word(first: &'static str, rest: &'static str, kind: Kind, what: &'static str) -> Word {
    Word {
        first,
        rest,
        kind,
        what,
    }
}

const fn one(name: &'static str, kind: Kind) -> Operand {
    let many = false;
    Operand { name, kind, many }
}

const fn many(name: &'static str, kind: Kind) -> Operand {
    let many = true;
    Operand { name, kind, many }
}

const ACCOUNT: Operand = one("account", Kind::Account);
const DIRECTORY: Operand = one("dir", Kind::Directory);
const CHILD: Operand = many("child", Kind::Command);

const PREFIX: Flag = valued("-p", one("prefix", Kind::Text), "put this before each name");

/// A duration, of which some examples are offered.
const TIME: Operand = one("time", Kind::Choice(&["500ms", "5s", "2m", "1h"]));

/// What svstat can be asked for.
const FIELDS: Operand = one(
    "field,...",
    Kind::Choice(&[
        "up",
        "wantedup",
        "normallyup",
        "ready",
        "paused",
        "pid",
        "exitcode",
        "signal",
        "signum",
        "updownsince",
        "readysince",
        "updownfor",
        "readyfor",
        "name",
        "state",
        "reason",
        "waitsfor",
        "deaths",
        "problems",
        "status",
    ]),
);

const fn limit(name: &'static str) -> Operand {
    one(name, Kind::Choice(&["=", "-"]))
}

/// What `daemontools` takes first.
const COMMANDS: &[&str] = &[
    "envdir",
    "envini",
    "envuidgid",
    "fghack",
    "help",
    "multilog",
    "pgrphack",
    "programs",
    "readproctitle",
    "setlock",
    "setuidgid",
    "setuser",
    "softlimit",
    "supervise",
    "svc",
    "svcheck",
    "svdt",
    "svnew",
    "svok",
    "svscan",
    "svscanboot",
    "svscanctl",
    "svstat",
    "svup",
    "svwait",
    "svwhy",
    "tai64n",
    "tai64nlocal",
    "try",
    "trycode",
];

/// Every program, in alphabetical order.
pub const GUIDES: &[Guide] = &[
    Guide {
        name: "daemontools",
        summary: "supervise services and keep their logs",
        usage: &[
            "daemontools program [argument ...]",
            "daemontools programs",
            "daemontools help [program]",
            "daemontools try [--directory dir] [--port n]",
        ],
        flags: &[
            flag("--help", "what it can do"),
            flag("--version", "its version"),
        ],
        words: &[],
        operands: &[
            one("program", Kind::Choice(COMMANDS)),
            many("argument", Kind::Text),
        ],
    },
    Guide {
        name: "envdir",
        summary: "run a program with variables from the files of a directory",
        usage: &["envdir [-p prefix] dir child"],
        flags: &[PREFIX],
        words: &[],
        operands: &[one("dir", Kind::Directory), CHILD],
    },
    Guide {
        name: "envini",
        summary: "run a program with variables from an INI file",
        usage: &["envini [-p prefix] inifile child"],
        flags: &[PREFIX],
        words: &[],
        operands: &[one("inifile", Kind::File), CHILD],
    },
    Guide {
        name: "envuidgid",
        summary: "run a program with an account's ids in its environment",
        usage: &["envuidgid account child"],
        flags: &[],
        words: &[],
        operands: &[one("account", Kind::Account), CHILD],
    },
    Guide {
        name: "fghack",
        summary: "wait for a program that puts itself into the background",
        usage: &["fghack child"],
        flags: &[],
        words: &[],
        operands: &[CHILD],
    },
    Guide {
        name: "multilog",
        summary: "keep a log in files that rotate",
        usage: &["multilog script"],
        flags: &[],
        words: &[
            word("t", "", Kind::Text, "stamp each line, as the first word"),
            word(
                "T",
                "",
                Kind::Text,
                "seconds since 1970 before each line, as the first word",
            ),
            word("-", "pattern", Kind::Text, "deselect lines that match"),
            word("+", "pattern", Kind::Text, "select lines that match"),
            word("F", "", Kind::Text, "patterns of fnmatch follow"),
            word("S", "", Kind::Text, "simple patterns follow again"),
            word("e", "", Kind::Text, "print selected lines as alerts"),
            word(
                "=",
                "file",
                Kind::File,
                "keep the last selected line in a file",
            ),
            word("s", "size", Kind::Text, "bytes a file may have"),
            word(
                "n",
                "num",
                Kind::Text,
                "files to keep, the current one included",
            ),
            word(
                "!",
                "processor",
                Kind::Command,
                "what full files go through",
            ),
            word(
                "w",
                "suffix",
                Kind::Text,
                "what names of finished files end in",
            ),
            word(".", "/dir", Kind::Directory, "log into this directory"),
            word("/", "dir", Kind::Directory, "log into this directory"),
        ],
        operands: &[many("script", Kind::Script)],
    },
    Guide {
        name: "pgrphack",
        summary: "run a program in a process group of its own",
        usage: &["pgrphack child"],
        flags: &[],
        words: &[],
        operands: &[CHILD],
    },
    Guide {
        name: "readproctitle",
        summary: "show a log in the process list",
        usage: &["readproctitle word ... dots"],
        flags: &[],
        words: &[],
        operands: &[many("word", Kind::Text)],
    },
    Guide {
        name: "setlock",
        summary: "run a program that holds a lock",
        usage: &["setlock [-nNxX] file child"],
        flags: &[
            flag("-n", "give up where another holds the lock"),
            flag("-N", "wait for the lock (default)"),
            flag("-x", "exit 0 in silence where the lock is not to be had"),
            flag("-X", "say why and exit 111 (default)"),
        ],
        words: &[],
        operands: &[one("file", Kind::File), CHILD],
    },
    Guide {
        name: "setuidgid",
        summary: "run a program as another account",
        usage: &["setuidgid [-s] account child"],
        flags: &[flag(
            "-s",
            "all groups of the account, not the primary one alone",
        )],
        words: &[],
        operands: &[one("account", Kind::Account), CHILD],
    },
    Guide {
        name: "setuser",
        summary: "run a program as another account, at home",
        usage: &["setuser account child"],
        flags: &[],
        words: &[],
        operands: &[one("account", Kind::Account), CHILD],
    },
    Guide {
        name: "softlimit",
        summary: "run a program with lower resource limits",
        usage: &["softlimit [-acdflmoprst limit] child"],
        flags: &[
            valued("-a", limit("allbytes"), "address space"),
            valued("-c", limit("corebytes"), "size of a core file"),
            valued("-d", limit("databytes"), "data segment"),
            valued("-f", limit("filebytes"), "size of any file written"),
            valued("-l", limit("lockbytes"), "memory that is locked"),
            valued("-m", limit("membytes"), "-d, -s, -l and -a at once"),
            valued("-o", limit("openfiles"), "open descriptors"),
            valued("-p", limit("processes"), "processes of this user"),
            valued("-r", limit("residentbytes"), "resident memory"),
            valued("-s", limit("stackbytes"), "stack"),
            valued("-t", limit("cpusecs"), "seconds of processor time"),
        ],
        words: &[],
        operands: &[CHILD],
    },
    Guide {
        name: "supervise",
        summary: "start a service and start it again when it ends",
        usage: &["supervise dir"],
        flags: &[],
        words: &[],
        operands: &[one("dir", Kind::Service)],
    },
    Guide {
        name: "svc",
        summary: "control services",
        usage: &[
            "svc [-udopchaitkxq12w+=LlDUQ] dir ...",
            "svc [--reload] [--wait=what] [--timeout=time] [-letters] dir ...",
        ],
        flags: &[
            flag("-u", "up: start it, and again whenever it ends"),
            flag("-d", "down: stop it, and do not start it again"),
            flag("-o", "once: start it, but not again"),
            flag("-p", "pause: send STOP"),
            flag("-c", "continue: send CONT"),
            flag("-h", "send HUP"),
            flag("-a", "send ALRM"),
            flag("-i", "send INT"),
            flag("-t", "send TERM"),
            flag("-k", "send KILL"),
            flag("-x", "exit: supervise ends once the service has"),
            flag("-q", "send QUIT"),
            flag("-1", "send USR1"),
            flag("-2", "send USR2"),
            flag("-w", "send WINCH"),
            flag("-+", "signals that follow go to the process group"),
            flag("-=", "signals that follow go to the one process again"),
            flag("-L", "what follows is for the log, if that is a program"),
            flag("-l", "what follows is for the service again"),
            flag("-D", "-d, and make the file down"),
            flag("-U", "-u, and remove the file down"),
            flag("-Q", "make the file down, do not start it again"),
            flag("--reload", "have it read its configuration again"),
            valued(
                "--wait",
                one("what", Kind::Choice(&["up", "ready", "down", "restart"])),
                "wait until it is up, ready, down or has restarted",
            ),
            valued("--timeout", TIME, "wait for so long at the most"),
        ],
        words: &[],
        operands: &[many("dir", Kind::Service)],
    },
    Guide {
        name: "svcheck",
        summary: "say what will go wrong with a service directory",
        usage: &["svcheck [--json] [--service | --scan] dir ..."],
        flags: &[
            flag("-j", "the same as --json"),
            flag("--json", "print a JSON object"),
            flag("--service", "each is a service directory"),
            flag("--scan", "each is a directory of services"),
            flag("-h", "the same as --help"),
            flag("--help", "how it is called"),
            flag("-V", "the same as --version"),
            flag("--version", "its version"),
        ],
        words: &[],
        operands: &[many("dir", Kind::Directory)],
    },
    Guide {
        name: "svdt",
        summary: "tell how a service has ended lately",
        usage: &["svdt [-S | -s] [-l] [-n num] dir", "svdt --clear dir"],
        flags: &[
            flag("-S", "names of signals (default)"),
            flag("-s", "numbers of signals"),
            flag("-l", "other programs as well, and more of each"),
            valued("-n", one("num", Kind::Text), "the last so many only"),
            flag("--clear", "forget all of them"),
        ],
        words: &[],
        operands: &[one("dir", Kind::Service)],
    },
    Guide {
        name: "svnew",
        summary: "make a service directory with a log",
        usage: &["svnew [options] name -- command"],
        flags: &[
            valued("-u", ACCOUNT, "the same as --user"),
            valued("--user", ACCOUNT, "the service runs as this account"),
            valued("--log-user", ACCOUNT, "the log runs as this account"),
            valued("-d", DIRECTORY, "the same as --dir"),
            valued("--dir", DIRECTORY, "make it here and not in /srv"),
            valued("--log-dir", DIRECTORY, "log to this directory"),
            flag("-e", "the same as --enable"),
            flag("--enable", "link it into the scan directory"),
            valued("--scan", DIRECTORY, "the scan directory"),
            flag("-h", "the same as --help"),
            flag("--help", "how it is called"),
            flag("-V", "the same as --version"),
            flag("--version", "its version"),
        ],
        words: &[],
        operands: &[
            one("name", Kind::Text),
            many("command", Kind::CommandAfterDashes),
        ],
    },
    Guide {
        name: "svok",
        summary: "ask whether supervise is running",
        usage: &["svok dir"],
        flags: &[],
        words: &[],
        operands: &[one("dir", Kind::Service)],
    },
    Guide {
        name: "svscan",
        summary: "keep the services of a directory running, with their logs",
        usage: &["svscan [dir [logdir]]"],
        flags: &[],
        words: &[],
        operands: &[one("dir", Kind::Directory), one("logdir", Kind::Directory)],
    },
    Guide {
        name: "svscanboot",
        summary: "start svscan at boot",
        usage: &["svscanboot"],
        flags: &[],
        words: &[],
        operands: &[],
    },
    Guide {
        name: "svscanctl",
        summary: "ask a running svscan for something",
        usage: &["svscanctl [-abhnqt] dir", "svscanctl --upgrade dir"],
        flags: &[
            flag("-a", "scan now"),
            flag("-n", "stop services that have lost their name"),
            flag("-h", "-a and -n"),
            flag("-t", "stop all, let each log read to its end, exit"),
            flag("-q", "stop all, logs at the same time, exit"),
            flag("-b", "exit, leave everything running"),
            flag(
                "--upgrade",
                "have the whole tree become what is installed now",
            ),
        ],
        words: &[],
        operands: &[one("dir", Kind::Directory)],
    },
    Guide {
        name: "svstat",
        summary: "tell the state of services",
        usage: &[
            "svstat [-l | -L] dir ...",
            "svstat [-l | -L] -t | -j | -o field,... dir ...",
        ],
        flags: &[
            flag("-l", "not the logs that are programs"),
            flag("-L", "such logs only"),
            flag("-t", "a table"),
            flag("-j", "JSON"),
            valued("-o", FIELDS, "these values, in a line"),
        ],
        words: &[],
        operands: &[many("dir", Kind::Service)],
    },
    Guide {
        name: "svup",
        summary: "ask whether a service is up",
        usage: &["svup [-lL] dir"],
        flags: &[
            flag("-l", "the service only"),
            flag("-L", "the log only, if it is a program"),
        ],
        words: &[],
        operands: &[one("dir", Kind::Service)],
    },
    Guide {
        name: "svwait",
        summary: "wait until services are up, ready or down",
        usage: &["svwait [-uUdDrR] [-a | -o] [-t time] dir ..."],
        flags: &[
            flag("-u", "until they are up (default)"),
            flag("-U", "until they are up and ready"),
            flag("-d", "until they are down"),
            flag("-D", "until they are down and cleaned up"),
            flag("-r", "until they have restarted"),
            flag("-R", "until they have restarted and are ready"),
            flag("-a", "all of them (default)"),
            flag("-o", "one of them"),
            valued("-t", TIME, "wait for so long at the most"),
        ],
        words: &[],
        operands: &[many("dir", Kind::Service)],
    },
    Guide {
        name: "svwhy",
        summary: "say in a sentence why each service is as it is",
        usage: &["svwhy [dir ...]"],
        flags: &[],
        words: &[],
        operands: &[many("dir", Kind::Service)],
    },
    Guide {
        name: "tai64n",
        summary: "put a time stamp before each line",
        usage: &["tai64n"],
        flags: &[],
        words: &[],
        operands: &[],
    },
    Guide {
        name: "tai64nlocal",
        summary: "turn time stamps into local time",
        usage: &["tai64nlocal"],
        flags: &[],
        words: &[],
        operands: &[],
    },
    Guide {
        name: "trycode",
        summary: "a small web service to try a supervisor on",
        usage: &["trycode [address:port]"],
        flags: &[],
        words: &[],
        operands: &[one("address:port", Kind::Text)],
    },
    Guide {
        name: "update-service",
        summary: "add services to the scan directory and remove them",
        usage: &[
            "update-service --add|--remove dir [name]",
            "update-service --list|--check [name]",
        ],
        flags: &[
            flag("-a", "the same as --add"),
            flag("--add", "link a service"),
            flag("-r", "the same as --remove"),
            flag("--remove", "unlink a service and stop it"),
            flag("-l", "the same as --list"),
            flag("--list", "list services, or tell where one is"),
            flag("-c", "the same as --check"),
            flag("--check", "tell by the exit status whether there is one"),
        ],
        words: &[],
        operands: &[one("dir", Kind::Service), one("name", Kind::Text)],
    },
];

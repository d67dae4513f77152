//! Run scripts as people write them: good ones, of which nothing may be said, and
//! bad ones, each with what must be said and nothing else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod kit;

use dt_testkit::Scratch;
use kit::{LOG, found, service};

const GOOD: &[(&str, &str)] = &[
    (
        "plain",
        "#!/bin/sh\nexec 2>&1\nexec setuidgid nobody /usr/bin/prog -x\n",
    ),
    ("joined by the exec itself", "#!/bin/sh\nexec prog 2>&1\n"),
    (
        "qmail",
        "#!/bin/sh\nQMAILDUID=`id -u nobody`\nNOFILESGID=`id -g nobody`\nexec 2>&1\nexec /usr/local/bin/softlimit -m 2000000 \\\n  /usr/local/bin/tcpserver -v -R -l 0 -x /etc/tcp.smtp.cdb -c 20 \\\n  -u \"$QMAILDUID\" -g \"$NOFILESGID\" 0 smtp /var/qmail/bin/qmail-smtpd\n",
    ),
    (
        "dnscache",
        "#!/bin/sh\nexec 2>&1\nexec <seed\nexec envdir ./env sh -c '\n  exec envuidgid nobody softlimit -o250 -d \"$DATALIMIT\" /usr/local/bin/dnscache\n'\n",
    ),
    (
        "nginx",
        "#!/bin/bash\nset -e\nexec 2>&1\nnginx -t\nexec nginx -g 'daemon off;'\n",
    ),
    (
        "nginx, double quotes",
        "#!/bin/sh\nexec nginx -c /nonexistent/nginx.conf -g \"daemon off; master_process on;\" 2>&1\n",
    ),
    (
        "redis",
        "#!/bin/sh\nexec 2>&1\nexec chpst -u nobody redis-server /nonexistent/redis.conf --daemonize no --supervised no\n",
    ),
    (
        "sshd",
        "#!/bin/sh\nmkdir -p /run/sshd\nchmod 755 /run/sshd\nexec /usr/sbin/sshd -D -e 2>&1\n",
    ),
    (
        "postgres",
        "#!/bin/sh\nexec 2>&1\ncd /tmp || exit 1\nexec setuidgid nobody /usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql\n",
    ),
    (
        "apache",
        "#!/bin/sh\nexec 2>&1\n. /etc/apache2/envvars\nexec apache2 -DFOREGROUND -k start\n",
    ),
    (
        "one of two ways",
        "#!/bin/sh\nexec 2>&1\nif [ -r /etc/prog.conf ]; then\n  exec prog -c /etc/prog.conf\nelse\n  exec prog\nfi\n",
    ),
    (
        "a case",
        "#!/bin/sh\nexec 2>&1\ncase $(uname -m) in\n  x86_64|amd64) exec prog64 ;;\n  *) exec prog32 ;;\nesac\n",
    ),
    (
        "an environment",
        "#!/bin/sh\nexec 2>&1\n[ -r ./conf ] && . ./conf\nexport LANG=C\nexec env PORT=80 HOME=/tmp chpst -u nobody:nogroup -- prog ${OPTIONS:-}\n",
    ),
    (
        "a helper beside it",
        "#!/bin/sh\nexec 2>&1\nhelper &\nexec prog\n",
    ),
    (
        "waits for its children",
        "#!/bin/sh\nexec 2>&1\ntrap 'kill $pid' TERM\nprog &\npid=$!\nwait $pid\n",
    ),
    (
        "a loop of its own",
        "#!/bin/bash\nexec 2>&1\nwhile true; do\n  /usr/bin/do-something\n  sleep 60\ndone\n",
    ),
    (
        "functions",
        "#!/bin/sh\nexec 2>&1\nmain() {\n  prog --once\n  sleep 5\n}\nmain \"$@\"\n",
    ),
    (
        "waits for another",
        "#!/bin/sh\nexec 2>&1\nsv start other || exit 1\nuntil nc -z localhost 1; do sleep 1; done\nexec prog\n",
    ),
    (
        "only when it is set up",
        "#!/bin/sh\nexec 2>&1\ntest -x /usr/bin/prog || exec svc -d .\nexec prog --foreground --no-fork\n",
    ),
    (
        "a document",
        "#!/bin/sh\nexec 2>&1\ncat > /tmp/prog.conf <<EOF\nlisten &\nrun &\nEOF\nexec prog /tmp/prog.conf\n",
    ),
    ("perl", "#!/usr/bin/perl\nexec 'prog';\n"),
    ("its other script", "#!/bin/sh\nexec ./start-prog\n"),
    (
        "all of it to a file",
        "#!/bin/sh\nexec >/tmp/prog.out 2>&1\nexec prog\n",
    ),
    (
        "what leaves, held",
        "#!/bin/sh\nexec 2>&1\nexec fghack /usr/sbin/cron\n",
    ),
    (
        "docker",
        "#!/bin/sh\nexec 2>&1\ndocker rm -f web || true\nexec docker run --rm --name web -p 80:80 nginx nginx -g 'daemon off;'\n",
    ),
    (
        "java",
        "#!/bin/sh -e\nexec 2>&1\nJAVA_OPTS='-Xmx1g -d64'\nexec setuidgid daemon java $JAVA_OPTS -jar /srv/app/app.jar --daemon=false\n",
    ),
    (
        "a name in a variable",
        "#!/bin/sh\nU=nobody-of-this-name\nexec 2>&1\nexec setuidgid \"$U\" prog\n",
    ),
];

const BAD: &[(&str, &str, &str)] = &[
    (
        "no interpreter",
        "exec 2>&1\nexec prog\n",
        "run:1 no-interpreter",
    ),
    (
        "an empty line first",
        "\n#!/bin/sh\nexec prog 2>&1\n",
        "run:1 no-interpreter",
    ),
    ("nothing", "", "run:1 no-interpreter"),
    (
        "a shell that there is not",
        "#!/bin/bsh\nexec prog 2>&1\n",
        "run:1 interpreter-missing",
    ),
    (
        "a relative typo",
        "#! /usr/local/bin/no-such-shell -e\nexec prog 2>&1\n",
        "run:1 interpreter-missing",
    ),
    (
        "from Windows",
        "#!/bin/sh -e\r\nexec prog 2>&1\r\n",
        "run:1 carriage-return",
    ),
    (
        "partly from Windows",
        "#!/bin/sh\nexec 2>&1\r\nexec prog\n",
        "run:2 carriage-return",
    ),
    (
        "a mark",
        "\u{feff}#!/bin/sh\nexec prog 2>&1\n",
        "run:1 byte-order-mark",
    ),
    (
        "no exec",
        "#!/bin/sh\nexec 2>&1\nsetuidgid nobody prog\n",
        "run:3 no-exec",
    ),
    (
        "no exec after preparations",
        "#!/bin/sh\nexec 2>&1\ncd /tmp || exit 1\nulimit -n 1000\nA=1 prog -x \\\n  -y\n",
        "run:5 no-exec",
    ),
    (
        "a pipeline",
        "#!/bin/sh\nprog 2>&1 | logger\n",
        "run:2 no-exec",
    ),
    (
        "in the background",
        "#!/bin/sh\nexec 2>&1\nprog &\n",
        "run:3 background",
    ),
    (
        "nohup",
        "#!/bin/sh\nexec 2>&1\nnohup prog >/dev/null &\n",
        "run:3 background",
    ),
    (
        "exec in the background",
        "#!/bin/sh\nexec 2>&1\nexec prog &\n",
        "run:3 background",
    ),
    (
        "nginx leaves",
        "#!/bin/sh\nexec 2>&1\nexec nginx -c /nonexistent/nginx.conf\n",
        "run:3 background",
    ),
    (
        "redis leaves",
        "#!/bin/sh\nexec 2>&1\nexec setuidgid nobody redis-server --port 1 --daemonize yes\n",
        "run:3 background",
    ),
    (
        "cron leaves",
        "#!/bin/sh\nexec 2>&1\nexec cron\n",
        "run:3 background",
    ),
    (
        "an init script",
        "#!/bin/sh\nexec 2>&1\nexec /etc/init.d/prog start\n",
        "run:3 background",
    ),
    (
        "systemctl",
        "#!/bin/sh\nexec 2>&1\nsystemctl start prog\n",
        "run:3 background",
    ),
    (
        "start-stop-daemon",
        "#!/bin/sh\nexec 2>&1\nexec start-stop-daemon --start -b -c nobody --exec /usr/bin/prog\n",
        "run:3 background",
    ),
    (
        "detached",
        "#!/bin/sh\nexec 2>&1\nexec docker run --rm -d image\n",
        "run:3 background",
    ),
    (
        "errors to nobody",
        "#!/bin/sh\nexec setuidgid nobody prog\n",
        "run stderr-not-logged",
    ),
    (
        "errors of another",
        "#!/bin/sh\nmkdir /tmp/x 2>/dev/null\nexec prog\n",
        "run stderr-not-logged",
    ),
    (
        "joined the wrong way round",
        "#!/bin/sh\nexec 1>&2\nexec prog\n",
        "run stderr-not-logged",
    ),
    (
        "no such account",
        "#!/bin/sh\nexec 2>&1\nexec setuidgid no-such-account prog\n",
        "run:3 user-unknown",
    ),
    (
        "no such account with chpst",
        "#!/bin/sh\nexec 2>&1\nexec softlimit -m 1000000 chpst -v -u no-such-account prog\n",
        "run:3 user-unknown",
    ),
];

#[test]
fn of_good_scripts_nothing_is_said() {
    assert!(GOOD.len() >= 20);
    for (name, run) in GOOD {
        let scratch = Scratch::new();
        service(scratch.path(), run, LOG);
        assert_eq!(found(scratch.path()), [""; 0], "{name}");
    }
}

#[test]
fn of_bad_scripts_one_thing_is_said() {
    assert!(BAD.len() >= 20);
    for (name, run, finding) in BAD {
        let scratch = Scratch::new();
        service(scratch.path(), run, LOG);
        assert_eq!(found(scratch.path()), [*finding], "{name}");
    }
}

const GOOD_LOGS: &[(&str, &str)] = &[
    (
        "plain",
        "#!/bin/sh\nexec setuidgid root multilog t ./main\n",
    ),
    (
        "patterns",
        "#!/bin/sh\nexec multilog t s16777215 n20 '-*' '+*error*' /tmp '!gzip' /tmp/other\n",
    ),
    ("runit's", "#!/bin/sh\nexec svlogd -tt ./\n"),
    (
        "made first",
        "#!/bin/sh\nmkdir -p /var/log/no-such\nchown nobody /var/log/no-such\nexec chpst -u nobody svlogd -tt /var/log/no-such\n",
    ),
    ("to syslog", "#!/bin/sh\nexec logger -t prog\n"),
    (
        "s6's",
        "#!/bin/sh\nexec 2>&1\nexec s6-log n10 s1000000 t ./main\n",
    ),
    (
        "somewhere",
        "#!/bin/sh\n. ./conf\ncd \"$LOGDIR\" || exit 111\nexec setuidgid nobody multilog t ./main\n",
    ),
];

const BAD_LOGS: &[(&str, &str, &str)] = &[
    (
        "nowhere",
        "#!/bin/sh\nexec multilog t /no/such/main\n",
        "log/run:2 log-directory-missing",
    ),
    (
        "made by nobody",
        "#!/bin/sh\nexec svlogd -tt /tmp/no-such-directory\n",
        "log/run:2 log-directory-missing",
    ),
    (
        "nobody's",
        "#!/bin/sh\nexec setuidgid nobody multilog t /etc\n",
        "log/run:2 log-directory-unwritable",
    ),
    (
        "a file",
        "#!/bin/sh\nexec multilog t /etc/passwd\n",
        "log/run:2 log-directory-missing",
    ),
    (
        "no exec",
        "#!/bin/sh\nexec 2>&1\nmultilog t ./main\n",
        "log/run:3 no-exec",
    ),
    (
        "background",
        "#!/bin/sh\nmultilog t ./main &\n",
        "log/run:2 background",
    ),
    (
        "an account",
        "#!/bin/sh\nexec setuidgid no-such-account logger\n",
        "log/run:2 user-unknown",
    ),
];

#[test]
fn logs_are_read_as_well() {
    let run = "#!/bin/sh\nexec 2>&1\nexec prog\n";
    let expected = |finding| Vec::from_iter(Some(finding).filter(|text: &&str| !text.is_empty()));
    let good = GOOD_LOGS.iter().map(|(name, log)| (name, log, ""));
    let bad = BAD_LOGS
        .iter()
        .map(|(name, log, finding)| (name, log, *finding));
    for (name, log, finding) in good.chain(bad) {
        let scratch = Scratch::new();
        service(scratch.path(), run, log);
        assert_eq!(found(scratch.path()), expected(finding), "{name}");
    }
}

#[test]
fn without_a_log_errors_may_go_anywhere() {
    let scratch = Scratch::new();
    kit::program(&scratch.path().join("run"), "#!/bin/sh\nexec prog\n");
    assert_eq!(found(scratch.path()), [""; 0]);
}

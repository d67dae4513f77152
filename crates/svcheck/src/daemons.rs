//! Programs that put themselves in the background, and what keeps them from it.
//!
//! A supervised program has to stay where it was started: one that forks and
//! leaves has died, as far as supervise can see, and is started again beside
//! itself. What is listed here is what the programs' own manuals say.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::chain::Chain;
use crate::shell::Word;

/// What a program does by itself.
enum Habit {
    /// Leaves, unless one of these is among its arguments.
    LeavesUnless(&'static [&'static str]),
    /// The same, and unless its configuration says one of these words of the second
    /// after the first. Where the configuration is nobody knows if it is neither an
    /// argument nor in the usual place.
    LeavesUnlessSaid(&'static [&'static str], Said),
    /// Stays, unless one of these is.
    StaysUnless(&'static [&'static str]),
}

struct Said {
    word: &'static str,
    stays: &'static [&'static str],
    usually: &'static str,
}

use Habit::{LeavesUnless, LeavesUnlessSaid, StaysUnless};

/// Each program, its habit, and how it is told to stay.
const DAEMONS: &[(&str, Habit, &str)] = &[
    (
        "acpid",
        LeavesUnless(&["-f", "--foreground", "-d", "--debug"]),
        "add -f",
    ),
    (
        "apache2",
        LeavesUnless(&["-X", "-DFOREGROUND", "FOREGROUND", "-t", "-v", "-V"]),
        "add -DFOREGROUND",
    ),
    (
        "apache2ctl",
        LeavesUnless(&["-X", "-DFOREGROUND", "FOREGROUND"]),
        "add -DFOREGROUND",
    ),
    (
        "apachectl",
        LeavesUnless(&["-X", "-DFOREGROUND", "FOREGROUND"]),
        "add -DFOREGROUND",
    ),
    ("atd", LeavesUnless(&["-f", "-d"]), "add -f"),
    (
        "avahi-daemon",
        StaysUnless(&["-D", "--daemonize"]),
        "leave out -D",
    ),
    (
        "bitcoind",
        StaysUnless(&["-daemon", "-daemon=1", "-daemonwait"]),
        "leave out -daemon",
    ),
    ("chronyd", LeavesUnless(&["-d", "-n", "-x"]), "add -n"),
    (
        "clamd",
        LeavesUnlessSaid(
            &["-F", "--foreground", "--foreground=yes"],
            Said {
                word: "Foreground",
                stays: &["true", "yes", "1"],
                usually: "/etc/clamav/clamd.conf",
            },
        ),
        "add --foreground",
    ),
    ("collectd", LeavesUnless(&["-f", "-t", "-T"]), "add -f"),
    ("cron", LeavesUnless(&["-f"]), "add -f"),
    (
        "crond",
        LeavesUnless(&["-f", "-n", "-d"]),
        "add -f or -n, as its manual says",
    ),
    ("dhcpd", LeavesUnless(&["-f", "-d"]), "add -f"),
    (
        "dnsmasq",
        LeavesUnless(&["-k", "--keep-in-foreground", "-d", "--no-daemon"]),
        "add --keep-in-foreground",
    ),
    (
        "docker",
        StaysUnless(&["-d", "--detach", "--detach=true"]),
        "leave out -d",
    ),
    ("dovecot", LeavesUnless(&["-F"]), "add -F"),
    ("dropbear", LeavesUnless(&["-F"]), "add -F"),
    ("fail2ban-server", LeavesUnless(&["-f"]), "add -f"),
    (
        "gunicorn",
        StaysUnless(&["-D", "--daemon"]),
        "leave out --daemon",
    ),
    ("haproxy", StaysUnless(&["-D"]), "leave out -D"),
    ("hostapd", StaysUnless(&["-B"]), "leave out -B"),
    (
        "httpd",
        LeavesUnless(&["-X", "-DFOREGROUND", "FOREGROUND", "-f"]),
        "add -DFOREGROUND",
    ),
    ("icecast2", StaysUnless(&["-b"]), "leave out -b"),
    (
        "keepalived",
        LeavesUnless(&["-n", "--dont-fork"]),
        "add --dont-fork",
    ),
    ("lighttpd", LeavesUnless(&["-D", "-i"]), "add -D"),
    (
        "mariadbd",
        StaysUnless(&["--daemonize"]),
        "leave out --daemonize",
    ),
    (
        "memcached",
        StaysUnless(&["-d", "--daemon"]),
        "leave out -d",
    ),
    ("mongod", StaysUnless(&["--fork"]), "leave out --fork"),
    (
        "monit",
        LeavesUnlessSaid(
            &["-I"],
            Said {
                word: "set",
                stays: &["init"],
                usually: "/etc/monit/monitrc",
            },
        ),
        "add -I",
    ),
    (
        "mosquitto",
        StaysUnless(&["-d", "--daemon"]),
        "leave out -d",
    ),
    (
        "mysqld",
        StaysUnless(&["--daemonize", "-D"]),
        "leave out --daemonize",
    ),
    ("named", LeavesUnless(&["-f", "-g"]), "add -f"),
    (
        "nginx",
        LeavesUnless(&["-t", "-v", "-V"]),
        "add -g 'daemon off;'",
    ),
    (
        "nmbd",
        LeavesUnless(&["-F", "--foreground", "-i"]),
        "add --foreground",
    ),
    (
        "nscd",
        LeavesUnless(&["-F", "--foreground", "-d"]),
        "add --foreground",
    ),
    ("nsd", LeavesUnless(&["-d"]), "add -d"),
    ("ntpd", LeavesUnless(&["-n", "-d", "--nofork"]), "add -n"),
    ("openvpn", StaysUnless(&["--daemon"]), "leave out --daemon"),
    (
        "pg_ctl",
        StaysUnless(&["start", "restart"]),
        "run postgres itself",
    ),
    (
        "pg_ctlcluster",
        LeavesUnless(&["--foreground"]),
        "add --foreground",
    ),
    (
        "php-fpm",
        LeavesUnlessSaid(
            &["-F", "--nodaemonize", "-t"],
            Said {
                word: "daemonize",
                stays: &["no", "0", "false", "off"],
                usually: "/etc/php-fpm.conf",
            },
        ),
        "add --nodaemonize",
    ),
    (
        "pm2",
        StaysUnless(&["start"]),
        "run the program itself, or pm2-runtime",
    ),
    (
        "podman",
        StaysUnless(&["-d", "--detach", "--detach=true"]),
        "leave out -d",
    ),
    (
        "postfix",
        StaysUnless(&["start"]),
        "start-fg instead of start",
    ),
    (
        "proftpd",
        LeavesUnless(&["-n", "--nodaemon"]),
        "add --nodaemon",
    ),
    (
        "rabbitmq-server",
        StaysUnless(&["-detached"]),
        "leave out -detached",
    ),
    ("redis-server", StaysUnless(&[]), "--daemonize no"),
    ("rsyslogd", LeavesUnless(&["-n", "-N"]), "add -n"),
    (
        "service",
        StaysUnless(&["start", "restart"]),
        "run the program itself",
    ),
    ("slapd", LeavesUnless(&["-d"]), "add -d 0"),
    (
        "smartd",
        LeavesUnless(&["-n", "--no-fork", "-d", "--debug"]),
        "add --no-fork",
    ),
    (
        "smbd",
        LeavesUnless(&["-F", "--foreground", "-i"]),
        "add --foreground",
    ),
    ("snmpd", LeavesUnless(&["-f"]), "add -f"),
    (
        "squid",
        LeavesUnless(&["-N", "--foreground", "-k"]),
        "add --foreground",
    ),
    (
        "sshd",
        LeavesUnless(&["-D", "-d", "-i", "-t", "-T"]),
        "add -D",
    ),
    (
        "start-stop-daemon",
        StaysUnless(&["-b", "--background", "-Sb"]),
        "run the program itself",
    ),
    (
        "supervisord",
        LeavesUnlessSaid(
            &["-n", "--nodaemon"],
            Said {
                word: "nodaemon",
                stays: &["true", "yes", "1", "on"],
                usually: "/etc/supervisor/supervisord.conf",
            },
        ),
        "add --nodaemon",
    ),
    (
        "syslogd",
        LeavesUnless(&["-n", "-F", "-d"]),
        "add -n or -F, as its manual says",
    ),
    (
        "systemctl",
        StaysUnless(&["start", "restart"]),
        "run the program itself",
    ),
    (
        "tor",
        StaysUnless(&["--RunAsDaemon=1"]),
        "leave out --RunAsDaemon",
    ),
    (
        "transmission-daemon",
        LeavesUnless(&["-f", "--foreground"]),
        "add --foreground",
    ),
    ("unbound", LeavesUnless(&["-d"]), "add -d"),
    (
        "unicorn",
        StaysUnless(&["-D", "--daemonize"]),
        "leave out --daemonize",
    ),
    (
        "uwsgi",
        StaysUnless(&["-d", "--daemonize"]),
        "leave out --daemonize",
    ),
    ("varnishd", LeavesUnless(&["-F", "-d"]), "add -F"),
    (
        "winbindd",
        LeavesUnless(&["-F", "--foreground", "-i"]),
        "add --foreground",
    ),
    ("wpa_supplicant", StaysUnless(&["-B"]), "leave out -B"),
    (
        "xinetd",
        LeavesUnless(&["-dontfork", "-d"]),
        "add -dontfork",
    ),
    (
        "znc",
        LeavesUnless(&["-f", "--foreground", "-D", "--debug"]),
        "add --foreground",
    ),
];

/// How the program of this command, run in the directory `home`, is kept from
/// leaving, where it would leave.
#[must_use]
pub fn remedy(chain: &Chain<'_>, home: &Path) -> Option<&'static str> {
    // What runs under fghack is meant to leave.
    if chain.has("fghack") {
        return None;
    }
    let name = chain.name()?;
    let arguments = chain.program.get(1..).unwrap_or_default();
    // An init script, whose name says nothing about where its program stays.
    if is_init_script(chain.program.first()?) && has_word(arguments, &["start", "restart"]) {
        return Some("run the program itself");
    }
    let version = |known: &str| known == "php-fpm" && name.as_bytes().starts_with(b"php-fpm");
    let (_, habit, remedy) = DAEMONS
        .iter()
        .find(|(known, ..)| *known == name || version(known))?;
    let leaves = match habit {
        // What an expansion may add nobody knows.
        LeavesUnless(stay) => {
            arguments.iter().all(|word| word.literal().is_some())
                && !has_option(arguments, stay)
                && !(name == "nginx" && nginx_is_told_to_stay(arguments, home))
        }
        LeavesUnlessSaid(stay, said) => {
            arguments.iter().all(|word| word.literal().is_some())
                && !has_option(arguments, stay)
                && said.is_not_in(arguments, home)
        }
        StaysUnless(_) if name == "redis-server" => redis_leaves(arguments, home),
        // Those of a program that runs another are the other's.
        StaysUnless(leave) if name == "docker" || name == "podman" => {
            container_leaves(arguments, leave)
        }
        StaysUnless(leave) => has_word(arguments, leave),
    };
    leaves.then_some(*remedy)
}

impl Said {
    /// Whether there is a configuration, and it does not say so.
    fn is_not_in(&self, arguments: &[Word], home: &Path) -> bool {
        let named = arguments
            .iter()
            .filter_map(Word::literal)
            .map(|name| home.join(name));
        let text = named
            .chain([self.usually.into()])
            .map(|path| without_comments(&path));
        let Some(mut text) = text.into_iter().find(|text| !text.is_empty()) else {
            return false;
        };
        for byte in &mut text {
            if matches!(byte, b'=' | b';' | b'"') {
                *byte = b' ';
            }
        }
        let words: Vec<&[u8]> = words(&text).collect();
        let says = |pair: &[&[u8]]| match pair {
            [first, second] => {
                *first == self.word.as_bytes()
                    && self.stays.iter().any(|stays| *second == stays.as_bytes())
            }
            _ => false,
        };
        !words.windows(2).any(says)
    }
}

fn is_init_script(program: &Word) -> bool {
    let name = program.bytes();
    name.starts_with(b"/etc/init.d/") || name.starts_with(b"/etc/rc.d/")
}

fn has_word(arguments: &[Word], words: &[&str]) -> bool {
    arguments
        .iter()
        .any(|argument| words.iter().any(|word| argument.bytes() == word.as_bytes()))
}

/// The same, and a letter may stand among others.
fn has_option(arguments: &[Word], options: &[&str]) -> bool {
    let among_others = |argument: &Word| {
        let letters = argument.bytes().strip_prefix(b"-").unwrap_or_default();
        let single = |option: &&str| match option.as_bytes() {
            [b'-', letter] => letters.first() != Some(&b'-') && letters.contains(letter),
            _ => false,
        };
        options.iter().any(single)
    };
    has_word(arguments, options) || arguments.iter().any(among_others)
}

/// `run -d IMAGE`, `compose up -d`: before the image's name only.
fn container_leaves(arguments: &[Word], leave: &[&str]) -> bool {
    let up = has_word(arguments, &["up"]);
    let own = arguments
        .iter()
        .take_while(|word| up || word.bytes().starts_with(b"-") || word.bytes() == b"run");
    let own = own.filter(|word| leave.iter().any(|option| word.bytes() == option.as_bytes()));
    own.count() > 0
}

/// By `-g 'daemon off;'`, or in its configuration.
fn nginx_is_told_to_stay(arguments: &[Word], home: &Path) -> bool {
    let off = |text: &[u8]| {
        let words: Vec<&[u8]> = words(text).collect();
        words.windows(2).any(|pair| {
            pair == [b"daemon".as_slice(), b"off"] || pair == [b"daemon".as_slice(), b"off;"]
        })
    };
    if arguments.iter().any(|argument| off(argument.bytes())) {
        return true;
    }
    let after_c = arguments
        .windows(2)
        .find(|pair| pair.first().is_some_and(|word| word.bytes() == b"-c"));
    let configuration = after_c.and_then(|pair| pair.get(1)?.literal());
    let configuration = configuration.unwrap_or(OsStr::new("/etc/nginx/nginx.conf"));
    off(&without_comments(&home.join(configuration)))
}

/// By `--daemonize yes`, or in its configuration and not otherwise.
fn redis_leaves(arguments: &[Word], home: &Path) -> bool {
    let said = arguments.windows(2).rev().find_map(|pair| match pair {
        [option, value] if option.bytes() == b"--daemonize" => Some(value.bytes() == b"yes"),
        _ => None,
    });
    said.unwrap_or_else(|| {
        let configuration = arguments.first().and_then(Word::literal);
        let text = configuration
            .map(|name| without_comments(&home.join(name)))
            .unwrap_or_default();
        let words: Vec<&[u8]> = words(&text).collect();
        words
            .windows(2)
            .any(|pair| pair == [b"daemonize".as_slice(), b"yes"])
    })
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// An ordinary file's lines without comments; nothing where it
/// cannot be read.
fn without_comments(path: &Path) -> Vec<u8> {
    let text = crate::world::read(path).unwrap_or_default();
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines
        .filter(|line| !matches!(line.trim_ascii_start().first(), Some(b'#' | b';')))
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chain, shell};

    fn leaves(line: &str) -> bool {
        let commands = shell::commands(line.as_bytes());
        remedy(&chain::follow(commands[0].call()), Path::new("/")).is_some()
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(DAEMONS.is_sorted_by(|one, next| one.0 < next.0));
    }

    #[test]
    fn who_leaves_is_known() {
        for line in [
            "exec nginx -c /no/such.conf",
            "exec /usr/sbin/sshd",
            "exec setuidgid root cron",
            "exec redis-server --daemonize yes",
            "exec memcached -d -u nobody",
            "exec docker run -d --rm x",
            "exec docker compose up -d",
            "/etc/init.d/foo start",
            "service foo start",
            "exec start-stop-daemon --start --background --exec /x",
        ] {
            assert!(leaves(line), "{line}");
        }
    }

    #[test]
    fn who_stays_is_left_alone() {
        for line in [
            "exec nginx -g 'daemon off;'",
            "exec nginx -g 'worker_processes 1; daemon  off;'",
            "exec nginx $OPTIONS",
            "exec sshd -De",
            "exec cron -f",
            "exec redis-server --daemonize no",
            "exec redis-server /no/such.conf",
            "exec memcached -u nobody",
            "exec docker run --rm image -d",
            "exec docker run --rm image prog -d",
            "exec fghack nginx",
            "exec postgres -D /var/lib/postgresql",
            "exec apache2 -D FOREGROUND",
            "exec php-fpm8.2 -y /no/such.conf",
            "exec supervisord -c /no/such.conf",
            "exec prog -d",
        ] {
            assert!(!leaves(line), "{line}");
        }
    }
}

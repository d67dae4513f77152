//! What the service answers, without any of the network.

/// The most lines that one request may ask for.
const MOST_LINES: u32 = 10_000_000;

/// What a page says before anything else.
const HELP: &str = "/ says who answers, /crash ends it, /log?lines=N writes N log lines\n";

/// An answer, and what is to happen besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The page.
    pub page: String,
    /// What is to happen besides.
    pub deed: Deed,
}

/// What an answer is followed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Nothing,
    /// This many log lines.
    Log(u32),
    /// The end of the service.
    Crash,
}

/// The answer of process `pid` to its request number `request`.
pub fn answer(method: &str, path: &str, query: Option<&str>, pid: i32, request: u64) -> Answer {
    let plain = |status, page| Answer {
        status,
        page,
        deed: Deed::Nothing,
    };
    if method != "GET" {
        return plain(405, "only GET\n".into());
    }
    match path {
        "/" => plain(
            200,
            format!("trycode.io: process {pid}, request {request}\n"),
        ),
        "/crash" => Answer {
            status: 200,
            page: format!("trycode.io: process {pid} crashes\n"),
            deed: Deed::Crash,
        },
        "/log" => match lines(query) {
            Some(lines) => Answer {
                status: 200,
                page: format!("trycode.io: process {pid} logged {lines} lines\n"),
                deed: Deed::Log(lines),
            },
            None => plain(400, format!("/log?lines=N, N up to {MOST_LINES}\n")),
        },
        _ => plain(404, HELP.into()),
    }
}

fn lines(query: Option<&str>) -> Option<u32> {
    let lines = query?.strip_prefix("lines=")?.parse().ok()?;
    (lines <= MOST_LINES).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, query: Option<&str>) -> Answer {
        answer("GET", path, query, 7, 3)
    }

    #[test]
    fn the_front_page_says_who_answers() {
        let page = "trycode.io: process 7, request 3\n".into();
        let want = Answer {
            status: 200,
            page,
            deed: Deed::Nothing,
        };
        assert_eq!(get("/", None), want);
    }

    #[test]
    fn a_crash_is_answered_before_it_happens() {
        let crash = get("/crash", None);
        assert_eq!((crash.status, crash.deed), (200, Deed::Crash));
    }

    #[test]
    fn lines_are_a_number_within_bounds() {
        assert_eq!(get("/log", Some("lines=12")).deed, Deed::Log(12));
        for query in [
            None,
            Some(""),
            Some("lines="),
            Some("lines=-1"),
            Some("lines=10000001"),
        ] {
            let refused = get("/log", query);
            assert_eq!((refused.status, refused.deed), (400, Deed::Nothing));
        }
    }

    #[test]
    fn what_is_not_there_is_not_found_and_what_is_no_get_is_refused() {
        assert_eq!(get("/etc/passwd", None).status, 404);
        let post = answer("POST", "/crash", None, 7, 3);
        assert_eq!((post.status, post.deed), (405, Deed::Nothing));
    }
}

//! The lines of `/etc/group`, and getent(1)'s answers about a member.

use crate::passwd::id;

/// The ids of the groups in the file's `content` that have `name` among their
/// members.
pub fn of_member<'a>(content: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
    content
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_start)
        // Such lines are no groups; they include or exclude those of another source.
        .filter(|line| !matches!(line.first(), Some(b'#' | b'+' | b'-')))
        .filter_map(parse)
        .filter(move |(_, members)| {
            members
                .split(|byte| *byte == b',')
                .any(|member| member.trim_ascii() == name)
        })
        .map(|(id, _)| id)
}

/// The id and the members of a line.
fn parse(line: &[u8]) -> Option<(u32, &[u8])> {
    let mut fields = line.split(|byte| *byte == b':');
    let _name = fields.next().filter(|name| !name.is_empty())?;
    let _password = fields.next()?;
    Some((id(fields.next()?)?, fields.next()?))
}

/// What `getent initgroups` says of `name`: that, and the ids of its groups but for
/// the primary one. `None` where it says something else.
pub fn of_answer(answer: &[u8], name: &[u8]) -> Option<Vec<u32>> {
    let line = answer.strip_suffix(b"\n")?.strip_prefix(name)?;
    if !line.starts_with(b" ") {
        return None;
    }
    line.split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
        .map(id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_a_whole_name_in_a_whole_line() {
        let content = b"a:x:1:jo,al\nb:x:2:joe\n#c:x:3:jo\n+d:x:4:jo\ne:x::jo\nf:x:6\n g:x:7: jo\nh:x:8:al,jo";
        assert_eq!(of_member(content, b"jo").collect::<Vec<_>>(), [1, 7, 8]);
    }

    #[test]
    fn an_answer_is_a_name_and_ids() {
        assert_eq!(
            of_answer(b"jo                   4 20\n", b"jo"),
            Some(vec![4, 20])
        );
        assert_eq!(of_answer(b"jo                   \n", b"jo"), Some(vec![]));
        for wrong in [
            &b""[..],
            b"jo 4",
            b"joe 4\n",
            b"jo 4x\n",
            b"al 4\n",
            b"jo 4\njo 5\n",
        ] {
            assert_eq!(of_answer(wrong, b"jo"), None, "{}", wrong.escape_ascii());
        }
    }
}

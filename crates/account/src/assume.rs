//! What the programs that take an account have in common.

use std::ffi::OsString;

use dt_cli::Fatal;
use dt_os::identity;

use crate::Account;

/// Which groups a process is to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// The account's primary group and no other.
    Primary,
    /// All that the account is a member of.
    All,
}

/// The account and the child's words of `program ACCOUNT CHILD...`; the error is
/// the usage line with `words`, or that there is no such account.
pub fn operands<'a>(
    program: &str,
    words: &str,
    operands: &'a [OsString],
) -> Result<(Account, &'a [OsString]), Fatal> {
    let [name, child @ ..] = operands else {
        return Err(Fatal::usage(program, words));
    };
    if child.is_empty() {
        return Err(Fatal::usage(program, words));
    }
    let account = crate::find(name)
        .ok_or_else(|| Fatal::plain(program, &["unknown account ".as_ref(), name]))?;
    Ok((account, child))
}

/// Becomes the account, for good.
///
/// The order is fixed: once the user has been changed, the groups could not be any
/// more.
pub fn assume(program: &str, account: &Account, groups: Groups) -> Result<(), Fatal> {
    let unable =
        |what: &str, why| Fatal::system(program, &["unable to ".as_ref(), what.as_ref()], &why);
    identity::become_group(account.group).map_err(|why| unable("setgid", why))?;
    if groups == Groups::All {
        identity::become_member(&account.groups()).map_err(|why| unable("initgroups", why))?;
    }
    identity::become_user(account.user).map_err(|why| unable("setuid", why))
}

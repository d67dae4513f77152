//! daemontools' own words for errors.

use std::io;

use nix::errno::Errno;

/// What a message says about `error`.
///
/// These are the texts of daemontools 0.76, not the C library's; scripts match
/// them. What the original has no words for is `unknown error`.
#[must_use]
pub fn reason(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(errno) => reason_for(Errno::from_raw(errno)),
        None => match error.kind() {
            // Errors that std makes itself where a call gives none.
            io::ErrorKind::InvalidInput => reason_for(Errno::ENOENT),
            io::ErrorKind::OutOfMemory => reason_for(Errno::ENOMEM),
            _ => "unknown error",
        },
    }
}

/// Whether `error` is the system's `errno`.
#[must_use]
pub fn is_errno(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

/// The same as [`reason`], for a bare errno; allocates nothing and may be
/// called between fork and exec.
#[must_use]
pub const fn reason_for(errno: Errno) -> &'static str {
    match errno {
        Errno::EPERM => "permission denied",
        Errno::ENOENT => "file does not exist",
        Errno::ESRCH => "no such process",
        Errno::EINTR => "interrupted system call",
        Errno::EIO => "input/output error",
        Errno::ENXIO => "device not configured",
        Errno::E2BIG => "argument list too long",
        Errno::ENOEXEC => "exec format error",
        Errno::EBADF => "file descriptor not open",
        Errno::ECHILD => "no child processes",
        Errno::EAGAIN => "temporary failure",
        Errno::ENOMEM => "out of memory",
        Errno::EACCES => "access denied",
        Errno::EFAULT => "bad address",
        Errno::ENOTBLK => "not a block device",
        Errno::EBUSY => "device busy",
        Errno::EEXIST => "file already exists",
        Errno::EXDEV => "cross-device link",
        Errno::ENODEV => "device does not support operation",
        Errno::ENOTDIR => "not a directory",
        Errno::EISDIR => "is a directory",
        Errno::EINVAL => "invalid argument",
        Errno::ENFILE => "system cannot open more files",
        Errno::EMFILE => "process cannot open more files",
        Errno::ENOTTY => "not a tty",
        Errno::ETXTBSY => "text busy",
        Errno::EFBIG => "file too big",
        Errno::ENOSPC => "out of disk space",
        Errno::ESPIPE => "unseekable descriptor",
        Errno::EROFS => "read-only file system",
        Errno::EMLINK => "too many links",
        Errno::EPIPE => "broken pipe",
        Errno::EDOM => "input out of range",
        Errno::ERANGE => "output out of range",
        Errno::EDEADLK => "operation would cause deadlock",
        Errno::ENAMETOOLONG => "file name too long",
        Errno::ENOLCK => "no locks available",
        Errno::ENOSYS => "system call not available",
        Errno::ENOTEMPTY => "directory not empty",
        Errno::ELOOP => "symbolic link loop",
        Errno::ENOMSG => "no message of desired type",
        Errno::EIDRM => "identifier removed",
        Errno::ENOSTR => "not a stream device",
        Errno::ETIME => "timer expired",
        Errno::ENOSR => "out of stream resources",
        Errno::ENONET => "machine not on network",
        Errno::EREMOTE => "too many levels of remote in path",
        Errno::ENOLINK => "link severed",
        Errno::EADV => "advertise error",
        Errno::ESRMNT => "srmount error",
        Errno::ECOMM => "communication error",
        Errno::EPROTO => "protocol error",
        Errno::EMULTIHOP => "multihop attempted",
        Errno::EBADMSG => "bad message type",
        Errno::EREMCHG => "remote address changed",
        Errno::EUSERS => "too many users",
        Errno::ENOTSOCK => "not a socket",
        Errno::EDESTADDRREQ => "destination address required",
        Errno::EMSGSIZE => "message too long",
        Errno::EPROTOTYPE => "incorrect protocol type",
        Errno::ENOPROTOOPT => "protocol not available",
        Errno::EPROTONOSUPPORT => "protocol not supported",
        Errno::ESOCKTNOSUPPORT => "socket type not supported",
        Errno::EOPNOTSUPP => "operation not supported",
        Errno::EPFNOSUPPORT => "protocol family not supported",
        Errno::EAFNOSUPPORT => "address family not supported",
        Errno::EADDRINUSE => "address already used",
        Errno::EADDRNOTAVAIL => "address not available",
        Errno::ENETDOWN => "network down",
        Errno::ENETUNREACH => "network unreachable",
        Errno::ENETRESET => "network reset",
        Errno::ECONNABORTED => "connection aborted",
        Errno::ECONNRESET => "connection reset",
        Errno::ENOBUFS => "out of buffer space",
        Errno::EISCONN => "already connected",
        Errno::ENOTCONN => "not connected",
        Errno::ESHUTDOWN => "socket shut down",
        Errno::ETOOMANYREFS => "too many references",
        Errno::ETIMEDOUT => "timed out",
        Errno::ECONNREFUSED => "connection refused",
        Errno::EHOSTDOWN => "host down",
        Errno::EHOSTUNREACH => "host unreachable",
        Errno::EALREADY => "operation already in progress",
        Errno::EINPROGRESS => "operation in progress",
        Errno::ESTALE => "stale NFS file handle",
        Errno::EDQUOT => "disk quota exceeded",
        _ => "unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_refusals_are_told_apart() {
        assert_eq!(reason(&Errno::EACCES.into()), "access denied");
        assert_eq!(reason(&Errno::EPERM.into()), "permission denied");
    }

    #[test]
    fn what_the_original_has_no_words_for_is_unknown() {
        assert_eq!(reason(&Errno::EOVERFLOW.into()), "unknown error");
        assert_eq!(reason(&Errno::ECANCELED.into()), "unknown error");
    }
}

//! Usage, messages and exit codes of `setuidgid`.

//! Usage, messages and exit codes of `supervise`.

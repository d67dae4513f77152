//! Usage, messages and exit codes of `tai64n`.

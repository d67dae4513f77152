//! Usage, messages and exit codes of `multilog`.

//! Usage, messages and exit codes of `pgrphack`.

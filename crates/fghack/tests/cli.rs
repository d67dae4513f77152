//! Usage, messages and exit codes of `fghack`.

//! Usage, messages and exit codes of `svok`.

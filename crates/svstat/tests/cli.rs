//! Usage, messages and exit codes of `svstat`.

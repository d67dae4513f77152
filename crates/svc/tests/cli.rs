//! Usage, messages and exit codes of `svc`.

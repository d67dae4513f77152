//! Usage, messages and exit codes of `envuidgid`.

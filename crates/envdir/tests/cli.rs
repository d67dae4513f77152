//! Usage, messages and exit codes of `envdir`.

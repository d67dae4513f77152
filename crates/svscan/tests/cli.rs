//! Usage, messages and exit codes of `svscan`.

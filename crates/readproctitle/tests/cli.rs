//! Usage, messages and exit codes of `readproctitle`.

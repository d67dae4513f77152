//! Usage, messages and exit codes of `setlock`.

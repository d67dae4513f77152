//! Usage, messages and exit codes of `svscanboot`.

//! Usage, messages and exit codes of `softlimit`.

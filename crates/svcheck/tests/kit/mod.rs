//! Service directories made for a test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use svcheck::finding::Finding;

/// A log that is right wherever it is.
pub const LOG: &str = "#!/bin/sh\nexec multilog t s10485760 n5 ./main\n";

/// Writes a program.
pub fn program(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A service with a log; nobody may write there but us.
pub fn service(path: &Path, run: &str, log_run: &str) {
    program(&path.join("run"), run);
    program(&path.join("log/run"), log_run);
}

/// `FILE:LINE RULE` of each finding in the service directory.
pub fn found(path: &Path) -> Vec<String> {
    let mut findings = Vec::new();
    svcheck::check_service(path, &mut findings);
    told(path, &findings)
}

/// `FILE:LINE RULE` of each finding, files relative to `path`.
pub fn told(path: &Path, findings: &[Finding]) -> Vec<String> {
    let tell = |finding: &Finding| {
        let file = finding.path.strip_prefix(path).unwrap_or(&finding.path);
        let line = finding
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        format!("{}{line} {}", file.display(), finding.rule.name())
    };
    findings.iter().map(tell).collect()
}

//! Our files, made anew where somebody has taken them away.

use super::Kernel;
use crate::files;
use crate::home::Look;
use crate::ledger::Ledger;
use dt_service::Command;

impl Kernel {
    /// Makes `supervise/` anew where somebody has taken it away, with all that was
    /// in it: who looks for us there finds us, and no other `supervise` begins.
    pub(super) fn keep_house(&mut self) {
        match self.home.look() {
            Look::Whole => return,
            Look::Gone => {
                self.homeless = self.at_home.then_some(Command::Exit);
                self.at_home = false;
                return;
            }
            Look::Lost => {}
        }
        // As it was; the next event brings another attempt.
        let Ok(control) = self.home.retake() else {
            return;
        };
        self.control = control;
        let last = self.ledger.last();
        (self.ledger, _) = Ledger::open(&self.place);
        if let Some((record, more)) = last {
            self.write_record(record, more.as_ref());
        }
        if let Some(status) = self.shown {
            // It was said once that this cannot be done, if so.
            let _ = files::replace(&self.place, "status", status.as_bytes());
        }
        // Last, as at the start: who finds it finds the rest.
        self.ok = files::open_ok(&self.place).ok();
    }

    /// Writes the status that could not be written, if it can be now. That it cannot
    /// was said once.
    pub(super) fn pay_owed(&mut self) {
        let Some(status) = self.owed else {
            return;
        };
        if files::replace(&self.place, "status", status.as_bytes()).is_ok() {
            (self.shown, self.owed) = (Some(status), None);
        }
    }
}

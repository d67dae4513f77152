//! What is put on record.

use std::time::Duration;

use dt_service::record::{LogRecord, More};
use dt_service::{Record, Want};

use super::Kernel;
use crate::state::State;
use crate::takeover;

impl Kernel {
    /// What is to be on record of `state`.
    pub(super) fn record(&self, state: &State) -> (Record, Option<More>) {
        let main = &self.people.main;
        let record = Record {
            boot: self.ledger.boot,
            supervise: self.ledger.supervise,
            service: None,
            want: state.main.want,
            paused: false,
            due: false,
            leaving: false,
            since: main.seconds(),
            since_boot: main.since.1,
            not_before: Duration::ZERO,
        };
        let record = takeover::noted(&state.main, main.process).in_record(&state.main, record);
        let policy = self.settings.known();
        let [hook, check] = self.people.besides();
        let processes = takeover::Processes {
            log: self.log_record(),
            notify: self.people.notify.process,
            hook,
            check,
        };
        (record, takeover::more(state, policy, &processes))
    }

    pub(super) fn log_record(&self) -> Option<LogRecord> {
        let pipe = self.log.as_ref()?;
        let log = &self.people.log;
        Some(LogRecord {
            service: log.process,
            want: Want::Neither,
            paused: false,
            due: false,
            leaving: false,
            since: log.seconds(),
            since_boot: log.since.1,
            not_before: Duration::ZERO,
            pipe: pipe.identity(),
        })
    }

    pub(super) fn write_record(&mut self, record: Record, more: Option<&More>) {
        match self.ledger.write(record, more) {
            Ok(()) => self.unrecorded = false,
            Err(why) => {
                if !self.unrecorded {
                    self.warn_of_record("write", &why);
                }
                self.unrecorded = true;
            }
        }
    }
}

//! Which files there are.

use crate::Setting;

/// A set of settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present(u64);

impl Present {
    /// What daemontools 0.76 knows.
    const PLAIN: Self = Self::of(Setting::Run).with(Setting::Down);

    const fn of(setting: Setting) -> Self {
        Self(1 << setting as u8)
    }

    const fn with(self, setting: Setting) -> Self {
        Self(self.0 | Self::of(setting).0)
    }

    /// Puts it in.
    pub fn add(&mut self, setting: Setting) {
        *self = self.with(setting);
    }

    /// Takes it out.
    pub fn remove(&mut self, setting: Setting) {
        self.0 &= !Self::of(setting).0;
    }

    /// Whether it is in.
    #[must_use]
    pub const fn has(self, setting: Setting) -> bool {
        self.0 & Self::of(setting).0 != 0
    }

    /// Whether there is more than daemontools 0.76 knows.
    #[must_use]
    pub const fn beyond(self) -> bool {
        self.0 & !Self::PLAIN.0 != 0
    }

    /// All that are in, in the table's order.
    pub fn iter(self) -> impl Iterator<Item = Setting> {
        Setting::ALL.into_iter().filter(move |s| self.has(*s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_there_until_it_is_removed() {
        for setting in Setting::ALL {
            let mut present = Present::default();
            present.add(setting);
            assert!(present.iter().eq([setting]));
            present.remove(setting);
            assert_eq!(present, Present::default());
        }
    }

    #[test]
    fn a_plain_directory_is_not_beyond() {
        let mut present = Present::default();
        present.add(Setting::Run);
        present.add(Setting::Down);
        assert!(!present.beyond());
        present.add(Setting::Notify);
        assert!(present.beyond());
    }
}

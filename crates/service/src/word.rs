//! What a program leaves word of that was asked to become the one installed now:
//! its version, and why it is not another if it stayed what it is.

/// `VERSION` or `VERSION REASON`, and a newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Of the program that runs.
    pub version: String,
    /// Why it did not become the one installed.
    pub refusal: Option<String>,
}

impl Word {
    /// The file's content.
    #[must_use]
    pub fn encode(&self) -> String {
        let refusal = self.refusal.as_ref().map(|why| [" ", why].concat());
        [&self.version, refusal.as_deref().unwrap_or_default(), "\n"].concat()
    }

    /// What a file says; `None` where it is not whole.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let text = text.strip_suffix('\n')?;
        let (version, refusal) = match text.split_once(' ') {
            Some((version, refusal)) => (version, Some(refusal.to_owned())),
            None => (text, None),
        };
        Some(Self {
            version: version.to_owned(),
            refusal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for refusal in [None, Some("it is too old".to_owned())] {
            let version = "1.2.3".to_owned();
            let word = Word { version, refusal };
            assert_eq!(Word::decode(&word.encode()), Some(word));
        }
        assert_eq!(Word::decode("1.2.3"), None);
    }
}

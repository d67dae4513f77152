//! Shell scripts, as far as they can be understood without running them.
//!
//! The script is cut into simple commands, each with the line it begins at, how it
//! ends and how deep in compound commands it stands. Expansions are not made: a
//! word that has one has no [`Word::literal`], and nobody guesses at it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    bytes: Vec<u8>,
    expands: bool,
    quoted: bool,
}

impl Word {
    /// What the word stands for, where that does not depend on any expansion.
    #[must_use]
    pub fn literal(&self) -> Option<&OsStr> {
        (!self.expands).then(|| OsStr::from_bytes(&self.bytes))
    }

    /// The bytes without quotes, expansions as they are written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn is_plain(&self, text: &str) -> bool {
        !self.quoted && self.bytes == text.as_bytes()
    }
}

/// What comes after a simple command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A newline, `;`, `;;`, a closing brace or parenthesis, the end.
    Plain,
    /// `&`
    Background,
    /// `|`
    Pipe,
    /// `&&`
    And,
    /// `||`
    Or,
}

/// A simple command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The line where it begins, from 1.
    pub line: u32,
    /// Its words, redirections left out; words that only assign are among them.
    pub words: Vec<Word>,
    /// Whether descriptor 2 is sent somewhere.
    pub errors_redirected: bool,
    /// How it ends.
    pub end: End,
    /// In how many compound commands, functions and subshells it is.
    pub depth: usize,
}

impl Command {
    /// The words from the command's name on: assignments before it left out.
    #[must_use]
    pub fn call(&self) -> &[Word] {
        let first = self.words.iter().position(|word| !assigns(word));
        first
            .and_then(|at| self.words.get(at..))
            .unwrap_or_default()
    }

    /// Whether its name is this.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.call()
            .first()
            .is_some_and(|word| word.bytes == name.as_bytes())
    }
}

fn assigns(word: &Word) -> bool {
    let name = word
        .bytes
        .split(|byte| *byte == b'=')
        .next()
        .unwrap_or_default();
    name.len() < word.bytes.len()
        && name.first().is_some_and(|byte| !byte.is_ascii_digit())
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Cuts a script into its simple commands.
#[must_use]
pub fn commands(script: &[u8]) -> Vec<Command> {
    let mut reader = Reader {
        rest: script,
        line: 1,
        documents: Vec::new(),
        commands: Vec::new(),
        current: None,
        depth: 0,
        cases: Vec::new(),
    };
    while reader.token() {}
    reader.finish(End::Plain);
    reader.commands
}

struct Reader<'a> {
    rest: &'a [u8],
    line: u32,
    /// Here-documents announced on this line: the closing word, and whether tabs
    /// before it do not count.
    documents: Vec<(Vec<u8>, bool)>,
    commands: Vec<Command>,
    current: Option<Command>,
    depth: usize,
    /// Depths at which the next words are a `case`'s pattern.
    cases: Vec<usize>,
}

impl Reader<'_> {
    fn peek(&self, at: usize) -> Option<u8> {
        self.rest.get(at).copied()
    }

    fn advance(&mut self, count: usize) {
        let count = count.min(self.rest.len());
        let (passed, rest) = self.rest.split_at(count);
        let newlines = passed.split(|byte| *byte == b'\n').count() - 1;
        self.line = self
            .line
            .saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        self.rest = rest;
    }

    /// Reads one token; false at the end.
    fn token(&mut self) -> bool {
        let Some(first) = self.peek(0) else {
            return false;
        };
        match (first, self.peek(1)) {
            (b' ' | b'\t' | b'\r', _) => self.advance(1),
            (b'\\', Some(b'\n')) => self.advance(2),
            (b'#', _) => self.comment(),
            (b'\n', _) => {
                self.finish(End::Plain);
                self.advance(1);
                self.pass_documents();
            }
            (b'&', Some(b'&')) => self.operator(End::And, 2),
            (b'|', Some(b'|')) => self.operator(End::Or, 2),
            (b'<' | b'>', _) | (b'&', Some(b'>')) => self.redirection(None),
            (b'|', Some(b'&')) => self.operator(End::Pipe, 2),
            (b'|', _) => self.operator(End::Pipe, 1),
            (b'&', _) => self.operator(End::Background, 1),
            (b';', Some(b';')) => {
                self.operator(End::Plain, 2);
                self.pattern();
            }
            (b';', _) => self.operator(End::Plain, 1),
            (b'(', _) => self.open(),
            (b')', _) => self.close(),
            _ => self.word_or_redirection(),
        }
        true
    }

    fn comment(&mut self) {
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        self.advance(end.unwrap_or(self.rest.len()));
    }

    fn operator(&mut self, end: End, length: usize) {
        self.finish(end);
        self.advance(length);
    }

    /// `(`: a subshell, or the parentheses of a function's name.
    fn open(&mut self) {
        let function = self.peek(1) == Some(b')') || self.rest.starts_with(b"( )");
        if function && self.current.take().is_some() {
            let length = if self.peek(1) == Some(b')') { 2 } else { 3 };
            return self.advance(length);
        }
        self.finish(End::Plain);
        self.depth += 1;
        self.advance(1);
    }

    fn close(&mut self) {
        self.finish(End::Plain);
        self.depth = self.depth.saturating_sub(1);
        self.advance(1);
    }

    /// In a `case`, up to the parenthesis that ends the pattern.
    fn pattern(&mut self) {
        if self.cases.last() != Some(&self.depth) {
            return;
        }
        while let Some(first) = self.peek(0) {
            if self.rest.starts_with(b"esac") {
                return;
            }
            if first == b'#' {
                self.comment();
                continue;
            }
            if first == b')' {
                return self.advance(1);
            }
            if first.is_ascii_whitespace() || matches!(first, b'(' | b'|') {
                self.advance(1);
            } else {
                self.pass_word();
            }
        }
    }

    fn word_or_redirection(&mut self) {
        let before = self.rest.len();
        let line = self.line;
        let word = self.word();
        let is_number = !word.quoted && word.bytes.iter().all(u8::is_ascii_digit);
        if is_number && !word.bytes.is_empty() && matches!(self.peek(0), Some(b'<' | b'>')) {
            return self.redirection(Some(&word.bytes));
        }
        // No word can be made of it: pass over it, or we stay here for ever.
        if self.rest.len() == before {
            return self.advance(1);
        }
        self.take(word, line);
    }

    /// `>`, `2>&1`, `<<EOF`, `&>`: the descriptor's number is read already.
    fn redirection(&mut self, number: Option<&[u8]>) {
        let both = self.peek(0) == Some(b'&');
        if both {
            self.advance(1);
        }
        let operator = self.rest;
        let length = operator
            .iter()
            .take_while(|byte| matches!(byte, b'<' | b'>' | b'&' | b'|' | b'-'))
            .count()
            .min(if operator.starts_with(b"<<-") { 3 } else { 2 });
        let operator = operator.get(..length).unwrap_or_default().to_vec();
        self.advance(length);
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.advance(1);
        }
        let target = self.word();
        if operator.starts_with(b"<<") && !self.rest.starts_with(b"<") {
            self.documents
                .push((target.bytes, operator.ends_with(b"-")));
            return;
        }
        let duplicates = operator.as_slice() == b">&";
        // csh's and bash's >&FILE is both of them.
        let all = duplicates && number.is_none() && !target.bytes.iter().all(u8::is_ascii_digit);
        let errors = both || all || number == Some(b"2");
        if errors && operator.starts_with(b">") {
            self.current().errors_redirected = true;
        } else {
            self.current();
        }
    }

    fn current(&mut self) -> &mut Command {
        let (line, depth) = (self.line, self.depth);
        self.current.get_or_insert_with(|| Command {
            line,
            words: Vec::new(),
            errors_redirected: false,
            end: End::Plain,
            depth,
        })
    }

    /// One more word: a keyword of the shell, or one of the command's.
    fn take(&mut self, word: Word, line: u32) {
        let first = self.current.is_none();
        if first {
            match Keyword::of(&word) {
                Some(Keyword::Opens) => return self.depth += 1,
                Some(Keyword::Closes) => {
                    if self.cases.last() == Some(&self.depth) && word.is_plain("esac") {
                        self.cases.pop();
                    }
                    return self.depth = self.depth.saturating_sub(1);
                }
                Some(Keyword::Between) => return,
                Some(Keyword::Case) => return self.begin_case(),
                Some(Keyword::Lists) => {
                    // What is listed are no commands.
                    self.depth += 1;
                    return self.pass_list();
                }
                None => {}
            }
        }
        let current = self.current();
        if first {
            current.line = line;
        }
        current.words.push(word);
    }

    fn begin_case(&mut self) {
        self.depth += 1;
        self.cases.push(self.depth);
        loop {
            while matches!(self.peek(0), Some(b' ' | b'\t' | b'\n')) {
                self.advance(1);
            }
            let before = self.rest.len();
            if self.word().is_plain("in") {
                break;
            }
            if self.rest.len() == before {
                return;
            }
        }
        self.pattern();
    }

    fn pass_list(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b';' | b'\n' => return,
                b' ' | b'\t' | b'(' | b')' | b'<' | b'>' | b'&' | b'|' => self.advance(1),
                _ => self.pass_word(),
            }
        }
    }

    fn finish(&mut self, end: End) {
        if let Some(mut command) = self.current.take() {
            command.end = end;
            self.commands.push(command);
        } else if end == End::Background {
            // `{ …; } &`, `( … ) &`: it is the last one in there that is put there.
            if let Some(last) = self.commands.last_mut() {
                last.end = End::Background;
            }
        }
    }

    fn pass_documents(&mut self) {
        for (word, tabs) in std::mem::take(&mut self.documents) {
            while !self.rest.is_empty() {
                let length = self.rest.iter().position(|byte| *byte == b'\n');
                let line = self
                    .rest
                    .get(..length.unwrap_or(self.rest.len()))
                    .unwrap_or_default();
                let start = line
                    .iter()
                    .take_while(|byte| tabs && **byte == b'\t')
                    .count();
                let closes = line.get(start..) == Some(&word);
                self.advance(length.map_or(self.rest.len(), |length| length + 1));
                if closes {
                    break;
                }
            }
        }
    }

    fn word(&mut self) -> Word {
        let mut word = Word::default();
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => {
                    break;
                }
                b'\'' => self.single_quoted(&mut word),
                b'"' => self.double_quoted(&mut word),
                b'\\' => self.escaped(&mut word),
                b'$' | b'`' => self.expansion(&mut word),
                _ => {
                    word.expands |=
                        matches!(byte, b'*' | b'?' | b'[') || byte == b'~' && word.bytes.is_empty();
                    word.bytes.push(byte);
                    self.advance(1);
                }
            }
        }
        word
    }

    /// Passes over a word, or over the byte of which none can be made.
    fn pass_word(&mut self) {
        let before = self.rest.len();
        let _ = self.word();
        if self.rest.len() == before {
            self.advance(1);
        }
    }

    fn single_quoted(&mut self, word: &mut Word) {
        word.quoted = true;
        self.advance(1);
        let end = self
            .rest
            .iter()
            .position(|byte| *byte == b'\'')
            .unwrap_or(self.rest.len());
        word.bytes
            .extend_from_slice(self.rest.get(..end).unwrap_or_default());
        self.advance(end + 1);
    }

    fn escaped(&mut self, word: &mut Word) {
        match self.peek(1) {
            Some(b'\n') | None => {}
            Some(byte) => {
                word.quoted = true;
                word.bytes.push(byte);
            }
        }
        self.advance(2);
    }

    fn double_quoted(&mut self, word: &mut Word) {
        word.quoted = true;
        self.advance(1);
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => return self.advance(1),
                b'\\' if matches!(self.peek(1), Some(b'"' | b'\\' | b'$' | b'`' | b'\n')) => {
                    self.escaped(word);
                }
                b'$' | b'`' => self.expansion(word),
                _ => {
                    word.bytes.push(byte);
                    self.advance(1);
                }
            }
        }
    }

    /// `$name`, `${…}`, `$(…)`, `` `…` ``: kept as it is written.
    fn expansion(&mut self, word: &mut Word) {
        word.expands = true;
        let length = match (self.peek(0), self.peek(1)) {
            (Some(b'`'), _) => 2 + self.rest.iter().skip(1).take_while(|b| **b != b'`').count(),
            (_, Some(b'(')) => closing(self.rest, b'(', b')'),
            (_, Some(b'{')) => closing(self.rest, b'{', b'}'),
            _ => 1,
        };
        let length = length.min(self.rest.len());
        word.bytes
            .extend_from_slice(self.rest.get(..length).unwrap_or_default());
        self.advance(length);
    }
}

/// How long it is from the first `open` to the `close` that belongs to it.
fn closing(text: &[u8], open: u8, close: u8) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        if *byte == open {
            depth += 1;
        } else if *byte == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + 1;
            }
        }
    }
    text.len()
}

enum Keyword {
    Opens,
    Closes,
    Between,
    Case,
    Lists,
}

impl Keyword {
    fn of(word: &Word) -> Option<Self> {
        if word.quoted || word.expands {
            return None;
        }
        Some(match word.bytes.as_slice() {
            b"if" | b"while" | b"until" | b"{" => Self::Opens,
            b"fi" | b"done" | b"esac" | b"}" => Self::Closes,
            b"then" | b"else" | b"elif" | b"do" | b"!" | b"time" | b"function" => Self::Between,
            b"case" => Self::Case,
            b"for" | b"select" => Self::Lists,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str) -> Vec<String> {
        let show = |command: Command| {
            let words: Vec<_> = command
                .words
                .iter()
                .map(|word| String::from_utf8_lossy(&word.bytes))
                .collect();
            let errors = if command.errors_redirected { " 2>" } else { "" };
            let end = match command.end {
                End::Plain => "",
                End::Background => " &",
                End::Pipe => " |",
                End::And => " &&",
                End::Or => " ||",
            };
            format!(
                "{}:{} {}{errors}{end}",
                command.line,
                command.depth,
                words.join(" ")
            )
        };
        commands(script.as_bytes()).into_iter().map(show).collect()
    }

    #[test]
    fn a_plain_script_is_its_lines() {
        let found = read("#!/bin/sh\nexec 2>&1\n\nexec setuidgid u \\\n  prog 'a b' # why\n");
        assert_eq!(found, ["2:0 exec 2>", "4:0 exec setuidgid u prog a b"]);
    }

    #[test]
    fn operators_end_commands() {
        let found = read("cd /x || exit 111; a && b | c &\n");
        assert_eq!(
            found,
            [
                "1:0 cd /x ||",
                "1:0 exit 111",
                "1:0 a &&",
                "1:0 b |",
                "1:0 c &"
            ]
        );
    }

    #[test]
    fn redirections_are_not_words() {
        let found = read("exec prog a >out 2>>err </dev/null b &>all\nx >&2\ny >& f\nz 2 >f\n");
        assert_eq!(
            found,
            ["1:0 exec prog a b 2>", "2:0 x", "3:0 y 2>", "4:0 z 2"]
        );
    }

    #[test]
    fn what_is_in_compound_commands_is_deeper() {
        let found =
            read("if [ -f x ]; then\n exec a\nelse exec b\nfi\nfor i in 1 2; do c $i; done\nd\n");
        assert_eq!(
            found,
            [
                "1:1 [ -f x ]",
                "2:1 exec a",
                "3:1 exec b",
                "5:1 c $i",
                "6:0 d"
            ]
        );
        let found = read("f() {\n a\n}\n( b; c ) &\n{ d; } 2>&1\n");
        assert_eq!(found, ["2:1 a", "4:1 b", "4:1 c &", "5:1 d", "5:0  2>"]);
    }

    #[test]
    fn a_case_has_patterns() {
        let found = read("case \"$1\" in\n a|b) x;;\n (c) y ;;\n *) exec z\nesac\nw\n");
        assert_eq!(found, ["2:1 x", "3:1 y", "4:1 exec z", "6:0 w"]);
    }

    #[test]
    fn here_documents_are_passed_over() {
        let found = read("cat <<EOF >f\nexec no &\nEOF\ncat <<-'X Y'\n\tno &\n\tX Y\nyes\n");
        assert_eq!(found, ["1:0 cat", "4:0 cat", "7:0 yes"]);
    }

    #[test]
    fn a_word_with_an_expansion_is_not_literal() {
        let found = commands(b"a $b \"$(c d)\" 'e$f' g\\$h ~/i j*");
        let literal: Vec<bool> = found[0]
            .words
            .iter()
            .map(|word| word.literal().is_some())
            .collect();
        assert_eq!(literal, [true, false, false, true, true, false, false]);
        assert_eq!(found[0].words[3].bytes(), b"e$f");
    }

    #[test]
    fn assignments_before_a_command_are_none_of_its_call() {
        let found = commands(b"A=1 B_2='x y' prog C=3");
        let call: Vec<_> = found[0]
            .call()
            .iter()
            .map(|word| word.bytes().to_vec())
            .collect();
        assert_eq!(call, [b"prog".to_vec(), b"C=3".to_vec()]);
    }
}

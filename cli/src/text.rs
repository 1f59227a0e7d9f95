//! Words for people: escaped, coloured on a terminal, in columns.

use std::fmt::Write;
use std::io::IsTerminal;

use unicode_width::UnicodeWidthStr;

/// The text with everything that could act on a terminal spelled out: control characters, line ends, and the signs
/// that change the direction of writing.
pub(crate) fn escape(text: &str) -> String {
    let acts = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if acts(letter) {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}

/// A path for people.
pub(crate) fn path(path: &std::path::Path) -> String {
    escape(&path.to_string_lossy())
}

/// The first `width` columns of the text, with an ellipsis where it goes on.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for letter in text.chars() {
        if out.width() + letter.to_string().width() >= width {
            break;
        }
        out.push(letter);
    }
    out.push('…');
    out
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Rows in columns, two spaces apart; the last column is not padded.
pub(crate) fn columns(rows: &[Vec<String>], indent: &str) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..).map_while(width).collect();
    let mut out = String::new();
    for row in rows {
        out.push_str(indent);
        for (position, cell) in row.iter().enumerate() {
            out.push_str(cell);
            if position + 1 < row.len() {
                let width = widths.get(position).copied().unwrap_or_default();
                let _ = write!(out, "{:1$}", "", width - cell.width() + 2);
            }
        }
        out.push('\n');
    }
    out
}

/// Whether words may be coloured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    is_on: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Red,
    Green,
    Yellow,
    Bold,
}

impl Paint {
    /// On for a terminal that knows colours, unless `NO_COLOR` is set.
    pub(crate) fn on(stream: &impl IsTerminal) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { is_on: stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb }
    }

    /// Never.
    #[cfg(test)]
    pub(crate) fn off() -> Self {
        Self { is_on: false }
    }

    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Bold => 1,
        };
        if self.is_on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_spelled_out() {
        assert_eq!(escape("a\x1b[31mb\nc\td\u{9b}e\u{202e}f"), r"a\u{1b}[31mb\nc\td\u{9b}e\u{202e}f");
        assert_eq!(escape("Ünïcode 日本 🙂 \\n"), "Ünïcode 日本 🙂 \\n");
    }

    #[test]
    fn columns_line_up_by_width() {
        let rows = vec![vec!["日本".into(), "x".into()], vec!["a".into(), "y".into()]];
        assert_eq!(columns(&rows, " "), " 日本  x\n a     y\n");
    }

    #[test]
    fn long_text_is_cut_at_a_column() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("日本語日本", 6), "日本…");
    }
}

//! What scalars say, and lists of them.

use std::ops::Range;

use super::document::Entry;
use super::flow::Flow;
use crate::containers::outline::Style;
use crate::limits::Limits;

/// A word of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// What goes with it.
    pub(crate) range: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// The words of a list, as they stand between brackets or on lines.
pub(crate) type Words = (Style, Range<usize>, Vec<Word>);

/// The words of an entry whose value is a list of nothing but words.
pub(crate) fn words_of(text: &str, entry: &Entry, limits: &Limits) -> Option<Words> {
    if let Some(flow) = Flow::read(text, entry.value.clone(), limits) {
        let words = flow.items.into_iter().map(|item| Word { range: item.range, value: item.value }).collect();
        return (flow.is_flat && !flow.is_map).then_some((Style::Flow, flow.body, words));
    }
    let first_line = text.get(..entry.value.start)?.rfind('\n')? + 1;
    if first_line <= entry.key.start {
        return None;
    }
    let mut words: Vec<Word> = Vec::new();
    let mut start = first_line;
    for line in text.get(first_line..entry.lines.end)?.split_inclusive('\n') {
        let range = start..start + line.len();
        start = range.end;
        let inner = line.trim();
        if inner.is_empty() || inner.starts_with('#') {
            continue;
        }
        let word = inner.strip_prefix("- ")?.trim_start();
        let from = range.start + line.find(word)?;
        let len = one_line(word)?;
        words.push(Word { range, value: from..from + len });
    }
    (!words.is_empty()).then_some((Style::Lines, first_line..entry.lines.end, words))
}

/// The length of the scalar that `word` begins with, if that is all but a comment.
fn one_line(word: &str) -> Option<usize> {
    let quote = word.chars().next()?;
    let len = match quote {
        '\'' => word.get(1..)?.find('\'')? + 2,
        '"' => word.get(1..)?.find('"')? + 2,
        '&' | '*' | '!' | '|' | '>' | '[' | '{' | '-' | '?' | '%' | '@' | '`' | '#' | ':' => return None,
        _ => {
            let end = word.find(" #").unwrap_or(word.len());
            let plain = word.get(..end)?.trim_end();
            return (!plain.contains(": ") && !plain.ends_with(':')).then_some(plain.len());
        }
    };
    let rest = word.get(len..)?;
    let is_simple = !word.get(..len)?.contains('\\');
    let is_end = rest.is_empty() || rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#');
    (is_simple && is_end).then_some(len)
}

/// What a node says, if it is a scalar; of collections, nothing. The text ends without line breaks.
pub(crate) fn value_of(text: &str, node: Range<usize>) -> Option<String> {
    let mut node = text.get(node)?;
    while node.starts_with(['&', '!']) {
        node = node.find(char::is_whitespace).map_or("", |end| node.get(end..).unwrap_or_default().trim_start());
    }
    match node.chars().next() {
        None => Some(String::new()),
        Some('[' | '{' | '*') => None,
        Some('"') => Some(double(node.strip_prefix('"')?.strip_suffix('"')?)),
        Some('\'') => Some(folded(node.strip_prefix('\'')?.strip_suffix('\'')?).replace("''", "'")),
        Some(sign @ ('|' | '>')) => block(node, sign == '>'),
        Some('-' | '?') if node.get(1..2).is_none_or(|next| next.trim().is_empty()) => None,
        Some(_) if node.contains(": ") || node.contains(":\n") || node.ends_with(':') => None,
        Some(_) => Some(folded(node)),
    }
}

/// Lines as one: a break becomes a space, and a blank line a break.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut breaks = 0;
    let last = text.matches('\n').count();
    for (index, line) in text.split('\n').enumerate() {
        let is_last = index == last;
        let start = if index == 0 { line } else { line.trim_start_matches([' ', '\t']) };
        let line = if is_last { start } else { start.trim_end_matches([' ', '\t', '\r']) };
        if index > 0 {
            breaks += 1;
        }
        if line.is_empty() && !is_last {
            continue;
        }
        match std::mem::take(&mut breaks) {
            0 => {}
            1 => out.push(' '),
            more => out.extend(std::iter::repeat_n('\n', more - 1)),
        }
        out.push_str(line);
    }
    out
}

fn double(text: &str) -> String {
    let text = if text.contains('\n') { folded(&text.replace("\\\r\n", "\\\n")) } else { text.to_owned() };
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let digits = match letters.next() {
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some(escaped) => {
                out.extend(meaning(escaped));
                continue;
            }
            None => break,
        };
        let code = letters.as_str().get(..digits).and_then(|code| u32::from_str_radix(code, 16).ok());
        out.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
        letters = letters.as_str().get(digits..).unwrap_or_default().chars();
    }
    out
}

fn meaning(escaped: char) -> Option<char> {
    Some(match escaped {
        // A break that was folded to a space already.
        ' ' => return None,
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        other => other,
    })
}

/// The text of a block scalar.
fn block(node: &str, is_folded: bool) -> Option<String> {
    let (_, lines) = node.split_once('\n')?;
    let indent =
        lines.lines().find(|line| !line.trim().is_empty()).map_or(0, |line| line.len() - line.trim_start().len());
    let lines = lines.lines().map(|line| line.get(indent..).unwrap_or_default().trim_end_matches('\r'));
    let text = lines.collect::<Vec<_>>().join("\n");
    let text = text.trim_end_matches('\n');
    Some(if is_folded { folded(text) } else { text.to_owned() })
}

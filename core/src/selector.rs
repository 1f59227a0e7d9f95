//! Which labels go, and which stay.

use std::sync::LazyLock;

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};

use crate::error::{Error, ErrorKind, Result};
use crate::label::Label;
use crate::survey::{KeyCase, Kind, Site};

/// Which labels go: rules that name them, and rules that keep some of them back.
///
/// A rule is written as text:
///
/// | text | matches |
/// |---|---|
/// | `id` | custom labels with this key, in every carrier of the file |
/// | `id=8888` | the same, where the value is `8888` too |
/// | `exif:ImageDescription` | exactly that field, by the address that a survey prints |
/// | `MSIP_*`, `proj?` | custom labels by glob; with a `:` in it, the glob is compared with addresses |
/// | `/^x-[0-9]+$/` | custom labels by regular expression, found anywhere in the key unless anchored |
/// | `@msip`, `@titus`, `@boldon-james` | custom labels of a product's family |
///
/// A backslash takes the meaning from the next character: `\*` is a star, `\=` an equals sign in a key.
///
/// ```
/// use unlabel_core::{Selector, Site};
/// let mut selector = Selector::default();
/// selector.take("MSIP_*").unwrap();
/// selector.keep("MSIP_Label_7_Owner").unwrap();
/// let site = |key: &str| Site { key: key.into(), ..Site::default() };
/// assert!(selector.choose(&site("MSIP_Label_7_Name")).is_taken());
/// assert!(!selector.choose(&site("MSIP_Label_7_Owner")).is_taken());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Selector {
    rules: Vec<Rule>,
    keep: Vec<Rule>,
    ignore_value: bool,
}

/// One rule of a [`Selector`].
#[derive(Clone, Debug)]
pub struct Rule {
    text: String,
    pattern: Pattern,
    value: Option<String>,
}

#[derive(Clone, Debug)]
enum Pattern {
    Exact(String),
    Expression { sensitive: Regex, insensitive: Regex, by_address: bool },
    All,
}

/// What a selector says about one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It goes, by the rule with this index.
    Take(usize),
    /// The key matches the rule with this index, the value does not.
    ValueMismatch(usize),
    /// A rule matches, but a keep rule holds it back.
    Kept(usize),
    /// No rule matches.
    Leave,
}

impl Choice {
    /// Whether the site goes.
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Take(_))
    }
}

/// Label families by the product that writes them. Names are compared without regard to case.
const FAMILIES: &[(&str, &str)] = &[
    // Purview: the label itself, what it remembers of its content marking, and the key of its forerunner.
    (
        "@msip",
        r"^(MSIP_Label(_|$).*|msip_labels?|ClassificationContentMarking.*|ClassificationWatermark.*|Sensitivity)$",
    ),
    ("@titus", r"^(TITUS.*|x-titus.*|[A-Za-z0-9]+Classification)$"),
    ("@boldon-james", r"^((x-)?bj[A-Z].*|x-bj-.*|(x-)?docIndexRef|x-sisl.*)$"),
];

/// Whether a product for labelling documents writes this key, or it says itself that it is a classification.
pub(crate) fn is_product_key(key: &str) -> bool {
    static PRODUCTS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
        let families = FAMILIES.iter().map(|(_, expression)| *expression);
        let all = families.chain(std::iter::once("^(security_?)?classification$"));
        all.filter_map(|expression| RegexBuilder::new(expression).case_insensitive(true).build().ok()).collect()
    });
    PRODUCTS.iter().any(|product| product.is_match(key))
}

impl Selector {
    /// Adds a rule written as text; see the type's documentation.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the key is empty, the family unknown, or the expression invalid.
    pub fn take(&mut self, rule: &str) -> Result<()> {
        self.rules.push(Rule::parse(rule)?);
        Ok(())
    }

    /// Adds a literal label: its key is a key or a full address, never a pattern.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the key is empty.
    pub fn take_label(&mut self, label: Label) -> Result<()> {
        if label.key.is_empty() {
            return Err(empty_key());
        }
        self.rules.push(Rule {
            text: label.key.clone(),
            pattern: Pattern::Exact(label.key),
            value: label.value.filter(|value| !value.is_empty()),
        });
        Ok(())
    }

    /// Adds every custom label.
    pub fn take_all(&mut self) {
        self.rules.push(Rule { text: "*".into(), pattern: Pattern::All, value: None });
    }

    /// Holds back what this rule matches; written as for [`take`](Self::take).
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn keep(&mut self, rule: &str) -> Result<()> {
        self.keep.push(Rule::parse(rule)?);
        Ok(())
    }

    /// Whether the values that rules name are ignored. Default false.
    pub fn ignore_value(&mut self, ignore: bool) {
        self.ignore_value = ignore;
    }

    /// The rules, in the order they were added.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What is chosen, as one text: the same for the same rules in another order.
    pub(crate) fn canonical(&self) -> String {
        let [rules, keep] = [&self.rules, &self.keep].map(|rules| {
            let texts: BTreeSet<String> = rules.iter().map(Rule::canonical).collect();
            texts
        });
        format!("{:?}", (rules, keep, self.ignore_value))
    }

    /// Whether the value of `site` lets `rule` take it.
    pub fn accepts(&self, rule: &Rule, site: &Site) -> bool {
        self.ignore_value || rule.accepts_value(site)
    }

    /// Whether some rule holds `site` back.
    pub fn keeps(&self, site: &Site) -> bool {
        self.keep.iter().any(|keep| keep.names(site) && keep.accepts_value(site))
    }

    /// What is to become of `site`.
    pub fn choose(&self, site: &Site) -> Choice {
        let mut choice = Choice::Leave;
        for (index, rule) in self.rules.iter().enumerate() {
            if !rule.names(site) {
                continue;
            }
            if self.accepts(rule, site) {
                return if self.keeps(site) { Choice::Kept(index) } else { Choice::Take(index) };
            }
            if choice == Choice::Leave {
                choice = Choice::ValueMismatch(index);
            }
        }
        choice
    }
}

impl Rule {
    /// Its kind, text and value: a literal key may be spelled as a pattern is.
    fn canonical(&self) -> String {
        let (kind, text) = match &self.pattern {
            Pattern::Exact(key) => ("exact", key.as_str()),
            Pattern::Expression { .. } => ("pattern", self.text.as_str()),
            Pattern::All => ("all", ""),
        };
        format!("{:?}", (kind, text, &self.value))
    }

    fn parse(text: &str) -> Result<Self> {
        if text.starts_with('@') {
            return Self::family(text);
        }
        if let Some(body) = text.strip_prefix('/') {
            return Self::expression(text, body);
        }
        let (key, value) = split_value(text);
        if key.is_empty() {
            return Err(empty_key());
        }
        let pattern = match glob(&key) {
            Some(expression) => Pattern::expression(&expression, unescape(&key).contains(':'))?,
            None => Pattern::Exact(unescape(&key)),
        };
        Ok(Self { text: text.to_owned(), pattern, value })
    }

    fn family(name: &str) -> Result<Self> {
        let Some((_, expression)) = FAMILIES.iter().find(|(family, _)| *family == name) else {
            let known: Vec<_> = FAMILIES.iter().map(|(family, _)| *family).collect();
            let reason = format!("no label family {name}; known are {} (write \\@ for a key)", known.join(", "));
            return Err(Error::new(ErrorKind::Usage, reason));
        };
        Ok(Self { text: name.to_owned(), pattern: Pattern::case_blind(expression)?, value: None })
    }

    /// `body` is what follows the opening slash: the expression, a slash, and maybe a value.
    fn expression(text: &str, body: &str) -> Result<Self> {
        let close = body
            .match_indices('/')
            .map(|(at, _)| at)
            .find(|&at| !escaped(body, at) && matches!(body.as_bytes().get(at + 1), None | Some(b'=')));
        let Some((expression, rest)) = close.and_then(|at| Some((body.get(..at)?, body.get(at + 1..)?))) else {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{text}: a regular expression ends with a slash (write \\/ for a key that begins with one)"),
            ));
        };
        if expression.is_empty() {
            return Err(empty_key());
        }
        let value = rest.strip_prefix('=').filter(|value| !value.is_empty()).map(str::to_owned);
        Ok(Self { text: text.to_owned(), pattern: Pattern::expression(expression, false)?, value })
    }

    /// The rule as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The one key or address that the rule names, unless it is a pattern.
    pub fn exact(&self) -> Option<&str> {
        match &self.pattern {
            Pattern::Exact(key) => Some(key),
            _ => None,
        }
    }

    /// The value that must match, if any.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Whether the rule names the site, whatever its value.
    pub fn names(&self, site: &Site) -> bool {
        let keys = || std::iter::once(&site.key).chain(&site.aliases);
        match &self.pattern {
            Pattern::Exact(wanted) => {
                let by_key = site.kind != Kind::Standard && keys().any(|key| same_key(wanted, key, site.case));
                by_key || same_address(wanted, site)
            }
            Pattern::Expression { sensitive, insensitive, by_address } => {
                let regex = if site.case == KeyCase::Sensitive { sensitive } else { insensitive };
                let by_key = site.kind == Kind::Custom && keys().any(|key| regex.is_match(key));
                by_key || (*by_address && site.kind != Kind::Bookkeeping && regex.is_match(&site.address))
            }
            Pattern::All => site.kind == Kind::Custom,
        }
    }

    /// Whether the value of a site is the one the rule names, if it names one.
    pub fn accepts_value(&self, site: &Site) -> bool {
        let Some(wanted) = &self.value else { return true };
        [&site.value, &site.raw_value].into_iter().flatten().any(|value| value == wanted)
    }
}

impl Pattern {
    fn expression(expression: &str, by_address: bool) -> Result<Self> {
        let build = |blind| {
            RegexBuilder::new(expression)
                .case_insensitive(blind)
                .size_limit(1 << 20)
                .build()
                .map_err(|error| Error::new(ErrorKind::Usage, format!("not a regular expression: {error}")))
        };
        Ok(Self::Expression { sensitive: build(false)?, insensitive: build(true)?, by_address })
    }

    fn case_blind(expression: &str) -> Result<Self> {
        Self::expression(&format!("(?i){expression}"), false)
    }
}

fn empty_key() -> Error {
    Error::new(ErrorKind::Usage, "a label has an empty key")
}

fn same_address(wanted: &str, site: &Site) -> bool {
    match site.case {
        KeyCase::Insensitive => same_key(wanted, &site.address, KeyCase::Insensitive),
        KeyCase::Sensitive | KeyCase::Loose => wanted == site.address,
    }
}

/// Whether two keys are one by the case rule of their carrier.
fn same_key(wanted: &str, key: &str, case: KeyCase) -> bool {
    match case {
        KeyCase::Sensitive => wanted == key,
        KeyCase::Insensitive => wanted == key || wanted.to_lowercase() == key.to_lowercase(),
        KeyCase::Loose => {
            let counts = |letter: &char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-');
            wanted == key || wanted.chars().filter(counts).eq(key.chars().filter(counts))
        }
    }
}

/// Whether the character at byte `at` is escaped: an odd number of backslashes stands before it.
fn escaped(text: &str, at: usize) -> bool {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// Splits `KEY=VALUE` at the first equals sign that is not escaped; the key keeps its escapes.
fn split_value(text: &str) -> (String, Option<String>) {
    let split = text.match_indices('=').map(|(at, _)| at).find(|&at| !escaped(text, at));
    let Some((key, value)) = split.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))) else {
        return (text.to_owned(), None);
    };
    (key.to_owned(), (!value.is_empty()).then(|| value.to_owned()))
}

fn unescape(text: &str) -> String {
    let mut letters = text.chars();
    let mut out = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.push(letters.next().unwrap_or('\\')),
            _ => out.push(letter),
        }
    }
    out
}

/// The anchored expression for a glob, or nothing when the key has no unescaped `*` or `?`.
fn glob(key: &str) -> Option<String> {
    let mut letters = key.chars();
    let mut is_glob = false;
    let mut expression = String::from("(?s)^");
    while let Some(letter) = letters.next() {
        match letter {
            '*' | '?' => {
                is_glob = true;
                expression.push_str(if letter == '*' { ".*" } else { "." });
            }
            '\\' => expression.push_str(&regex::escape(&letters.next().unwrap_or('\\').to_string())),
            _ => expression.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    is_glob.then_some(expression)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(address: &str, kind: Kind, case: KeyCase, value: &str) -> Site {
        let key = address.split_once(':').map_or(address, |(_, key)| key).to_owned();
        Site { key, address: address.into(), kind, case, value: Some(value.into()), ..Site::default() }
    }

    fn choose(rule: &str, site: &Site) -> Choice {
        let mut selector = Selector::default();
        selector.take(rule).unwrap();
        selector.choose(site)
    }

    #[test]
    fn a_bare_key_means_custom_labels_and_an_address_any_field() {
        let custom = site("custom:Title", Kind::Custom, KeyCase::Insensitive, "x");
        let standard = site("info:Title", Kind::Standard, KeyCase::Sensitive, "x");
        let own = site("custom:ContentTypeId", Kind::Bookkeeping, KeyCase::Insensitive, "x");
        assert!(choose("Title", &custom).is_taken());
        assert!(choose("title", &custom).is_taken());
        assert!(!choose("Title", &standard).is_taken());
        assert!(choose("info:Title", &standard).is_taken());
        assert!(!choose("info:title", &standard).is_taken());
        assert!(choose("ContentTypeId", &own).is_taken());
        assert!(!choose("*", &own).is_taken());
        assert!(!choose("*", &standard).is_taken());
        assert!(choose("info:*", &standard).is_taken());
    }

    #[test]
    fn values_match_exactly_and_mismatches_are_seen() {
        let mut typed = site("custom:n", Kind::Custom, KeyCase::Insensitive, "7");
        typed.raw_value = Some("007".into());
        assert!(choose("n=7", &typed).is_taken());
        assert!(choose("n=007", &typed).is_taken());
        assert!(choose("n=", &typed).is_taken());
        assert_eq!(choose("n=8", &typed), Choice::ValueMismatch(0));
        let mut blind = Selector::default();
        blind.take("n=8").unwrap();
        blind.ignore_value(true);
        assert!(blind.choose(&typed).is_taken());
    }

    #[test]
    fn escapes_take_the_meaning_from_signs() {
        assert!(choose(r"a\*", &site("custom:a*", Kind::Custom, KeyCase::Sensitive, "")).is_taken());
        assert!(!choose(r"a\*", &site("custom:ab", Kind::Custom, KeyCase::Sensitive, "")).is_taken());
        assert!(choose(r"a\=b=c", &site("custom:a=b", Kind::Custom, KeyCase::Sensitive, "c")).is_taken());
        assert!(choose(r"/^a\/b$/=c", &site("custom:a/b", Kind::Custom, KeyCase::Sensitive, "c")).is_taken());
        assert!(choose(r"\@x", &site("custom:@x", Kind::Custom, KeyCase::Sensitive, "")).is_taken());
    }

    #[test]
    fn families_hold_what_their_products_write() {
        let custom = |key: &str| site(&format!("custom:{key}"), Kind::Custom, KeyCase::Insensitive, "");
        for key in ["MSIP_Label_x_Name", "ClassificationWatermarkText", "Sensitivity"] {
            assert!(choose("@msip", &custom(key)).is_taken(), "{key}");
        }
        assert!(choose("@titus", &custom("TitusGUID")).is_taken());
        assert!(choose("@boldon-james", &custom("bjDocumentLabelXML-0")).is_taken());
        assert!(!choose("@boldon-james", &custom("Sensitivity")).is_taken());
        assert!(!choose("@msip", &custom("Sensitivity2")).is_taken());
    }

    #[test]
    fn wrong_rules_are_usage_errors() {
        for rule in ["", "=v", "@nobody", "/[/", "/open", "//"] {
            let error = Selector::default().take(rule).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{rule}");
        }
    }

    #[test]
    fn loose_carriers_ignore_what_writers_escape() {
        let pdfx = site("xmp:pdfx:CustomProperty", Kind::Custom, KeyCase::Loose, "");
        let pdfx = Site { key: "CustomProperty".into(), ..pdfx };
        assert!(choose("Custom Property", &pdfx).is_taken());
        assert!(!choose("Custom_Property", &pdfx).is_taken());
    }
}

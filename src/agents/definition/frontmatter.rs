//! Takes a Markdown file apart: the fields of its YAML front matter with the lines they stand on, and
//! the text below. Anybody may have written the file, so everything is bounded, and what is wrong with
//! it is told without repeating much of it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use serde_saphyr::{Error, Options, Spanned, UserMessageFormatter};

const FENCE: &str = "---";
/// Characters of a reason; parsers repeat what they read.
const REASON_LIMIT: usize = 300;

/// Why a file is no definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// The line, counted from 1, where there is one.
    pub(super) line: Option<u64>,
    /// What is wrong there.
    pub(super) reason: String,
}

impl Flaw {
    pub(super) fn new(line: impl Into<Option<u64>>, reason: impl Into<String>) -> Self {
        Flaw {
            line: line.into().filter(|line| *line > 0),
            reason: on_one_line(&reason.into(), REASON_LIMIT),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// `text` on one line, at most `limit` characters, without control characters.
pub(super) fn on_one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for (at, c) in text.trim().chars().enumerate() {
        if at == limit {
            line.push('…');
            break;
        }
        match (c.is_control() || c.is_whitespace(), line.ends_with(' ')) {
            (true, false) => line.push(' '),
            (true, true) => {}
            (false, _) => line.push(c),
        }
    }
    line
}

/// One field of a front matter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) line: u64,
    pub(super) value: Value,
}

/// A file taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document<'a> {
    /// In the order of their lines.
    pub(super) fields: Vec<Field>,
    pub(super) body: &'a str,
}

/// Takes `text` apart; `None` when it has no front matter.
pub(super) fn read(text: &str) -> Result<Option<Document<'_>>, Flaw> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n');
    let Some(first) = lines.next().filter(|first| first.trim_end() == FENCE) else {
        return Ok(None);
    };
    // An empty line in place of the fence keeps the numbers of the others.
    let mut yaml = "\n".to_owned();
    let mut at = first.len();
    for line in lines {
        at += line.len();
        if line.trim_end() == FENCE {
            let fields = fields(&yaml)?;
            let body = text.get(at..).unwrap_or_default();
            return Ok(Some(Document { fields, body }));
        }
        yaml.push_str(line);
    }
    Err(Flaw::new(
        1,
        "the front matter has no end: a second line `---`",
    ))
}

fn fields(yaml: &str) -> Result<Vec<Field>, Flaw> {
    let found = match parse(yaml) {
        Ok(found) => found,
        // Claude Code reads values that hold `: ` unquoted, and many a definition relies on it.
        Err(flaw) => match parse(&quoted(yaml)) {
            Ok(found) => found,
            Err(_) => return Err(flaw),
        },
    };
    let mut fields: Vec<Field> = found
        .into_iter()
        .map(|(name, value)| Field {
            name,
            line: value.referenced.line(),
            value: value.value,
        })
        .collect();
    fields.sort_by_key(|field| field.line);
    Ok(fields)
}

type Found = BTreeMap<String, Spanned<Value>>;

fn parse(yaml: &str) -> Result<Found, Flaw> {
    serde_saphyr::from_str_with_options::<Option<Found>>(yaml, bounded())
        .map(Option::unwrap_or_default)
        .map_err(|error| flaw(&error))
}

/// A front matter is small: what needs more than this wants to hurt.
fn bounded() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 16,
            max_nodes: 5_000,
            max_events: 20_000,
            max_documents: 1,
            max_anchors: 32,
            max_aliases: 32,
            max_merge_keys: 8,
            flow_nesting_limit: 16,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 2_000,
            max_replay_stack_depth: 4,
        },
        // `no` and `on` are words here.
        strict_booleans: true,
        with_snippet: false,
    }
}

fn flaw(error: &Error) -> Flaw {
    let said = error.render_with_formatter(&UserMessageFormatter);
    let Some(location) = error.location() else {
        return Flaw::new(None, said);
    };
    let (line, column) = (location.line(), location.column());
    let told = said.replace(&format!(" at line {line}, column {column}"), "");
    Flaw::new(line, told)
}

/// The same text with plain one-line values of top-level fields in quotes.
fn quoted(yaml: &str) -> String {
    let quote = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let is_name = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || "_-".contains(c));
        let value = value.strip_prefix([' ', '\t'])?.trim();
        let marks = ['"', '\'', '[', '{', '|', '>', '#', '&', '!'];
        let plain = !value.is_empty() && !value.starts_with(marks);
        (is_name && plain).then(|| format!("{name}: '{}'\n", value.replace('\'', "''")))
    };
    yaml.split_inclusive('\n')
        .map(|line| quote(line).unwrap_or_else(|| line.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    fn values(text: &str) -> Vec<(String, u64, Value)> {
        let fields = read(text).unwrap().unwrap().fields.into_iter();
        fields
            .map(|field| (field.name, field.line, field.value))
            .collect()
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn fields_come_with_their_lines_and_the_text_below_as_it_is() {
        let text = "---\nname: x # why\n\ntools:\n  - Read\n  - Grep\nmax_turns: 5\n---\n\nDo it.\n---\nmore";
        assert_eq!(read(text).unwrap().unwrap().body, "\nDo it.\n---\nmore");
        assert_eq!(
            values(text),
            [
                ("name".to_owned(), 2, json!("x")),
                ("tools".to_owned(), 5, json!(["Read", "Grep"])),
                ("max_turns".to_owned(), 7, json!(5)),
            ]
        );
    }

    #[test]
    fn line_ends_a_mark_and_emptiness_do_not_matter() {
        let windows = "\u{feff}---\r\nname: x\r\n---\r\nDo it.\r\n";
        assert_eq!(values(windows), [("name".to_owned(), 2, json!("x"))]);
        assert_eq!(read(windows).unwrap().unwrap().body, "Do it.\r\n");
        for empty in ["---\n---\n", "---\n# nothing\n\n---", "---\n---"] {
            assert_eq!(values(empty), [], "{empty:?}");
        }
        for none in ["", "Do it.", "# ---\n---\n", "--- x\n---\n"] {
            assert_eq!(read(none), Ok(None), "{none:?}");
        }
    }

    #[test]
    fn words_that_yaml_would_make_something_else_of_stay_words() {
        let text = "---\na: no\nb: on\nc: true\nd: 1.5\ne:\n---\n";
        let values: Vec<Value> = values(text).into_iter().map(|(.., value)| value).collect();
        assert_eq!(json!(values), json!(["no", "on", true, 1.5, null]));
    }

    #[test]
    fn values_that_hold_colons_are_read_without_quotes() {
        let text = "---\nname: x\n\
                    description: Use it when: a) it's late. Examples:\\n\\n<example>user: \"go\"</example>\n\
                    tools: Read, Grep\n---\n";
        let read = values(text);
        assert_eq!(
            read[1].2,
            json!("Use it when: a) it's late. Examples:\\n\\n<example>user: \"go\"</example>")
        );
        assert_eq!((read[1].1, read[2].1), (3, 4));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line) in [
            ("---\nname: x\n", "line 1: the front matter has no end"),
            ("---\nname: x\ntools: [a\nb: c\n---\n", "line "),
            ("---\nname: x\nname: y\n---\n", "line 3: "),
            ("---\n- a\n- b\n---\n", "line 2: "),
            ("---\nname: *nowhere\ntools: [\n---\n", "line "),
        ] {
            let told = refused(text);
            assert!(told.starts_with(line), "{text:?}: {told}");
            assert!(told.chars().count() < 320, "{told}");
        }
    }

    #[test]
    fn a_hostile_file_is_refused_quickly() {
        let laughs = {
            let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
            for level in 1..20 {
                let below = format!("*a{}", level - 1);
                let list = [below.as_str(); 9].join(", ");
                text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
            }
            text
        };
        let hostile = [
            laughs,
            format!("a: {}\n", "[".repeat(50_000)),
            format!("a: {}{}\n", "[".repeat(5_000), "]".repeat(5_000)),
            format!("a: {}\n", "{b: ".repeat(10_000)),
            (0..10_000)
                .map(|depth| format!("{}a:\n", " ".repeat(depth % 300)))
                .collect(),
            format!("a: [{}]\n", "x, ".repeat(30_000)),
            (0..20_000).map(|n| format!("k{n}: &b{n} v\n")).collect(),
            format!("? {}\n", "? ".repeat(20_000)),
        ];
        for yaml in hostile {
            let begun = Instant::now();
            let outcome = read(&format!("---\n{yaml}---\n")).map(|_| ());
            assert!(outcome.is_err(), "{}", &yaml[..60]);
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", &yaml[..60]);
        }
    }

    #[test]
    fn a_reason_is_one_short_line() {
        let flaw = Flaw::new(0, "a\n\n\u{7}b ".repeat(1000));
        assert_eq!(flaw.line, None);
        assert!(flaw.to_string().starts_with("a b a b"));
        assert!(flaw.to_string().chars().count() <= REASON_LIMIT + 1);
    }
}

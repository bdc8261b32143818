//! Markdown as far as statements are in it: headings, items of lists, paragraphs; and what stands above
//! a text as YAML.

use std::ops::Range;

use pulldown_cmark::{Event, OffsetIter, Options, Parser, Tag, TagEnd};
use serde_json::{Map, Value};

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading.
    Heading {
        /// From 1.
        level: usize,
        /// Its words.
        text: String,
    },
    /// An item of a list; a numbered list is one item as a whole.
    Item(Item),
    /// A paragraph.
    Paragraph {
        /// From 1.
        line: u64,
        /// Its words.
        text: String,
    },
    /// Something that holds no statements, by what it is.
    Other(&'static str),
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// From 1.
    pub(super) line: u64,
    /// What it is an item of, the outermost first.
    pub(super) parents: Vec<String>,
    /// Its own words.
    pub(super) text: String,
    /// Whether it has items of its own.
    pub(super) is_parent: bool,
    /// Whether it is a numbered list.
    pub(super) is_steps: bool,
    /// Whether it, or what it is an item of, has a box to be ticked.
    pub(super) is_task: bool,
}

/// The parts of `text`, in their order.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    let mut reader = Reader {
        text,
        lines: lines.collect(),
        items: Vec::new(),
        within: 0,
        blocks: Vec::new(),
    };
    let mut events = Parser::new_ext(text, options).into_offset_iter();
    while let Some((event, range)) = events.next() {
        match event {
            Event::Start(tag) => {
                reader.within += usize::from(is_part(&tag.to_end()));
                reader.start(&tag, range, &mut events);
            }
            Event::End(TagEnd::Item) => {
                reader.tell(false);
                reader.items.pop();
            }
            Event::End(tag) => reader.within -= usize::from(is_part(&tag)).min(reader.within),
            Event::Text(_) | Event::Code(_) => reader.more(range.start),
            _ => {}
        }
    }
    reader.blocks
}

/// Whether words in it are told of already: its own, or those of the part that it is.
fn is_part(tag: &TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::CodeBlock
            | TagEnd::Table
            | TagEnd::HtmlBlock
            | TagEnd::MetadataBlock(_)
    )
}

/// An item that is not at its end.
struct Open {
    /// Its own words.
    own: Range<usize>,
    parents: Vec<String>,
    is_task: bool,
    told: bool,
}

struct Reader<'a> {
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    items: Vec<Open>,
    /// Within how many parts that are told of as such.
    within: usize,
    blocks: Vec<Block>,
}

impl Reader<'_> {
    fn start(&mut self, tag: &Tag, range: Range<usize>, events: &mut OffsetIter) {
        match tag {
            Tag::Heading { level, .. } => {
                let text = self.of(&range).trim().trim_matches('#').trim();
                // The line below a heading of the other form.
                let text = text.lines().next().unwrap_or_default().to_owned();
                let level = *level as usize;
                self.blocks.push(Block::Heading { level, text });
            }
            Tag::List(Some(_)) if self.items.is_empty() => {
                let text = self.of(&range).trim_end().to_owned();
                self.blocks.push(Block::Item(Item {
                    line: self.line(range.start),
                    parents: Vec::new(),
                    text,
                    is_parent: false,
                    is_steps: true,
                    is_task: false,
                }));
                // The lists within it are a part of it.
                let inside = |it: &(Event, Range<usize>)| {
                    it.1 != range || !matches!(it.0, Event::End(TagEnd::List(_)))
                };
                events.by_ref().take_while(inside).for_each(drop);
            }
            Tag::List(_) => {
                self.ends_before(range.start);
                self.tell(true);
            }
            Tag::Item => {
                let parents = match self.items.last() {
                    Some(above) => {
                        let own = plain(self.of(&above.own));
                        above.parents.iter().cloned().chain([own]).collect()
                    }
                    None => Vec::new(),
                };
                let is_task = self.items.last().is_some_and(|above| above.is_task)
                    || has_box(unmarked(self.of(&range).trim()));
                self.items.push(Open {
                    own: range,
                    parents,
                    is_task,
                    told: false,
                });
            }
            Tag::Paragraph => {
                let inside = self.items.last();
                if inside.is_none_or(|item| range.start >= item.own.end) {
                    let text = self.of(&range).trim().to_owned();
                    let line = self.line(range.start);
                    self.blocks.push(Block::Paragraph { line, text });
                }
            }
            Tag::CodeBlock(_) => self.other("code blocks", range.start),
            Tag::Table(_) => self.other("tables", range.start),
            Tag::HtmlBlock => self.other("comments and HTML", range.start),
            Tag::MetadataBlock(_) => self.other("what stands above a text", range.start),
            _ => {}
        }
    }

    fn of(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn line(&self, at: usize) -> u64 {
        self.lines.partition_point(|start| *start <= at) as u64
    }

    fn other(&mut self, what: &'static str, at: usize) {
        self.ends_before(at);
        self.blocks.push(Block::Other(what));
    }

    /// What begins at `at` is no longer the words of the item around it.
    fn ends_before(&mut self, at: usize) {
        if let Some(item) = self.items.last_mut() {
            item.own.end = item.own.end.min(at);
        }
    }

    /// Words of an item behind a part of it that is none of its words.
    fn more(&mut self, at: usize) {
        let line = self.line(at);
        let is_behind = |item: &Open| at >= item.own.end;
        if self.within > 0 || !self.items.last().is_some_and(is_behind) {
            return;
        }
        let known = self.blocks.last().is_some_and(
            |block| matches!(block, Block::Paragraph { line: last, .. } if *last == line),
        );
        if !known {
            let text = self.text.lines().nth((line as usize).saturating_sub(1));
            let text = text.unwrap_or_default().trim().to_owned();
            self.blocks.push(Block::Paragraph { line, text });
        }
    }

    /// Tells of the innermost item, once.
    fn tell(&mut self, is_parent: bool) {
        let Some(item) = self.items.last() else {
            return;
        };
        if item.told {
            return;
        }
        let told = Item {
            line: self.line(item.own.start),
            parents: item.parents.clone(),
            text: plain(self.of(&item.own)),
            is_parent,
            is_steps: false,
            is_task: item.is_task,
        };
        self.blocks.push(Block::Item(told));
        if let Some(item) = self.items.last_mut() {
            item.told = true;
        }
    }
}

/// The words of an item: without what makes it one, and on one line.
fn plain(item: &str) -> String {
    let item = unmarked(item.trim());
    let text = match has_box(item) {
        true => item.get(BOX..).unwrap_or_default(),
        false => item,
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// An item without the sign that makes it one.
fn unmarked(item: &str) -> &str {
    let digits = item.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = (digits.len() < item.len()).then(|| digits.strip_prefix(['.', ')']));
    let bare = item.strip_prefix(['-', '*', '+']).or(numbered.flatten());
    bare.unwrap_or(item).trim_start()
}

/// Bytes of a box.
const BOX: usize = "[ ]".len();

fn has_box(text: &str) -> bool {
    let rest = ["[ ]", "[x]", "[X]"]
        .iter()
        .find_map(|sign| text.strip_prefix(sign));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// A text without what stands above it as YAML, and that; nothing where it is none.
pub(super) fn front(text: &str) -> (Map<String, Value>, &str, u64) {
    let nothing = (Map::new(), text, 0);
    let Some(rest) = text.strip_prefix("---\n") else {
        return nothing;
    };
    let Some((yaml, body)) = rest.split_once("\n---") else {
        return nothing;
    };
    let body = body.split_once('\n').map_or("", |(_, body)| body);
    match serde_saphyr::from_str::<Option<Map<String, Value>>>(yaml) {
        Ok(fields) => {
            let lines = yaml.matches('\n').count() as u64 + 3;
            (fields.unwrap_or_default(), body, lines)
        }
        Err(_) => nothing,
    }
}

/// A list of words, as YAML has it or with commas between them.
pub(super) fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|word| match word {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
            .collect(),
        Some(Value::String(text)) => text
            .split(',')
            .map(|word| word.trim().to_owned())
            .filter(|word| !word.is_empty())
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(line: u64, parents: &[&str], text: &str, is_parent: bool) -> Block {
        Block::Item(Item {
            line,
            parents: parents.iter().map(|it| (*it).to_owned()).collect(),
            text: text.to_owned(),
            is_parent,
            is_steps: false,
            is_task: false,
        })
    }

    #[test]
    fn items_are_told_with_what_they_are_items_of() {
        let text = "# Top\n\nProse\nof two lines.\n\n- [ ] one\n  goes on\n- two:\n  - `a` *b*\n\n    more\n  - c\n\n\
            ```\n- no item\n```\n\n1. first\n2. second\n   - deeper\n\nend";
        let found = blocks(text);
        let steps = Item {
            line: 18,
            parents: Vec::new(),
            text: "1. first\n2. second\n   - deeper".to_owned(),
            is_parent: false,
            is_steps: true,
            is_task: false,
        };
        let ticked = |line, parents: &[&str], text: &str| match item(line, parents, text, false) {
            Block::Item(item) => Block::Item(Item {
                is_task: true,
                ..item
            }),
            other => other,
        };
        let paragraph = |line, text: &str| Block::Paragraph {
            line,
            text: text.to_owned(),
        };
        let heading = Block::Heading {
            level: 1,
            text: "Top".to_owned(),
        };
        assert_eq!(
            found,
            [
                heading,
                paragraph(3, "Prose\nof two lines."),
                ticked(6, &[], "one goes on"),
                item(8, &[], "two:", true),
                item(9, &["two:"], "`a` *b* more", false),
                item(12, &["two:"], "c", false),
                Block::Other("code blocks"),
                Block::Item(steps),
                paragraph(22, "end"),
            ]
        );
    }

    #[test]
    fn words_behind_a_part_of_an_item_are_told_of() {
        let text = "- Run:\n  ```sh\n  x\n  ```\n  then `y` and\n  z\n- [x] done\n  - inside\n- [link](a)\n";
        let found = blocks(text);
        let told: Vec<String> = found
            .iter()
            .map(|block| match block {
                Block::Item(item) => format!("{} {}", item.text, item.is_task),
                Block::Paragraph { line, text } => format!("{line}: {text}"),
                Block::Heading { text, .. } => text.clone(),
                Block::Other(what) => (*what).to_owned(),
            })
            .collect();
        assert_eq!(
            told,
            [
                "code blocks",
                "5: then `y` and",
                "6: z",
                "Run: false",
                "done true",
                "inside true",
                "[link](a) false"
            ]
        );
    }

    #[test]
    fn what_stands_above_is_taken_off() {
        let (fields, body, lines) = front("---\ntitle: A\ntags: [x, 2]\n---\n\nbody");
        assert_eq!(
            (fields["title"].as_str(), body, lines),
            (Some("A"), "\nbody", 4)
        );
        assert_eq!(list(fields.get("tags")), ["x", "2"]);
        assert_eq!(list(Some(&Value::from("a, b"))), ["a", "b"]);
        for none in ["body", "---\nnot: [closed\n---\nbody", "---\n"] {
            assert_eq!(front(none), (Map::new(), none, 0));
        }
    }
}

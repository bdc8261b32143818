//! Memories as a page.

use std::collections::BTreeMap;

use super::{END, FOOT, MARK, NOTHING, SINCE, VERSION};
use crate::clock::rfc3339;
use crate::memory::model::{Kind, Memory, Scope, Trust};

/// Ids on a line of the list at the end.
const ON_A_LINE: usize = 5;

/// The memories as they are at `now_ms`, as a page.
pub fn page(memories: &[Memory], now_ms: i64) -> String {
    let mut text = format!("{MARK}{VERSION}, {}\n", rfc3339(now_ms));
    text.push_str(
        "Change a text and the new one takes the place of the old one. Remove a bullet, with its comment,\n\
         and it is forgotten. Add a bullet and it is remembered, for whom and as what the headings above\n\
         it say; give it a comment with #tags and !importance if you like. A text of several lines goes\n\
         on indented by two spaces. Leave the first and the last lines as they are.\n-->\n",
    );
    let mut groups: BTreeMap<(&Scope, Kind), Vec<&Memory>> = BTreeMap::new();
    for memory in memories {
        let group = groups.entry((&memory.scope, memory.kind)).or_default();
        group.push(memory);
    }
    let mut of = None;
    for ((scope, kind), group) in groups {
        if of != Some(scope) {
            text.push_str(&format!("\n# {scope}\n"));
            of = Some(scope);
        }
        text.push_str(&format!("\n## {kind}\n\n"));
        for memory in group {
            text.push_str(&bullet(memory));
        }
    }
    // By the time of its last change it is told whether a memory is still what stands on the page.
    let ids: Vec<String> = memories
        .iter()
        .map(|memory| format!("{}{SINCE}{}", memory.id, memory.changed_ms))
        .collect();
    text.push('\n');
    for ids in ids.chunks(ON_A_LINE) {
        text.push_str(&format!("{FOOT}{}{END}\n", ids.join(" ")));
    }
    if ids.is_empty() {
        text.push_str(&format!("{FOOT}{NOTHING}{END}\n"));
    }
    text
}

fn bullet(memory: &Memory) -> String {
    let mut text = String::new();
    for (at, line) in memory.text.split('\n').enumerate() {
        text.push_str(match (at, line) {
            (0, _) => "- ",
            (_, "") => "\n",
            _ => "\n  ",
        });
        text.push_str(line);
    }
    text.push_str(match memory.text.contains('\n') {
        true => "\n  ",
        false => " ",
    });
    text.push_str(&format!("<!-- {}", memory.id));
    if memory.trust == Trust::Quarantined {
        text.push_str(" quarantined");
    }
    for tag in &memory.tags {
        text.push_str(&format!(" #{tag}"));
    }
    text + &format!(" !{}{END}\n", memory.importance)
}

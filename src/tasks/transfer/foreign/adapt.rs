//! Tasks of our own made of the entries of another tracker's file. What was imported before is found
//! again by `external_ref`, and what has no place in a task goes into its notes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::error::TransferError;
use super::super::plan::Told;
use super::super::record::{Closing, Gone, Mark, Record};
use super::super::report::{Remark, Report};
use super::super::rows;
use super::item::{Item, ItemEdge, ItemNote};
use super::stamp::Stamp;
use crate::ids::{NoteId, TaskId};
use crate::tasks::fields;
use crate::tasks::model::{EdgeKind, Kind, LinkKind, Note, NoteKind};
use crate::tasks::tracker::Tracker;

/// Rows looked up at once.
const PAGE: usize = 1_000;
/// Longest title and label, in characters, and longest description and note, in bytes.
const TITLE: usize = 200;
const LABEL: usize = 40;
const DESCRIPTION: usize = 64 * 1024;
const ACCEPTANCE: usize = 16 * 1024;
const NOTE: usize = 16 * 1024;
const WHY: usize = 4 * 1024;
const BY: usize = 100;
/// Most minutes.
const ESTIMATE: u32 = 1_000_000;

impl Tracker<'_> {
    /// Makes tasks of the entries.
    pub(in crate::tasks::transfer) async fn adapt(
        &self,
        mut items: Vec<Item>,
        report: &mut Report,
    ) -> Result<Told, TransferError> {
        // What is stored is without secrets, and only with that can an entry be compared.
        for item in &mut items {
            item.reword(|text| *text = self.store.redact(text));
        }
        let items = unique(items, report);
        let known = self.known(&items).await?;
        let mut ids: HashMap<String, TaskId> = HashMap::new();
        let living = |item: &&Item| item.deleted_ms.is_none();
        let new = items.iter().filter(living);
        let new: Vec<&Item> = new
            .filter(|it| !known.contains_key(&it.reference))
            .collect();
        let fresh = self.fresh_ids(new.len()).await?;
        ids.extend(new.iter().map(|it| it.reference.clone()).zip(fresh));
        ids.extend(
            known
                .iter()
                .map(|(name, task)| (name.clone(), task.id.clone())),
        );
        let parents: HashMap<&str, &str> = items
            .iter()
            .filter_map(|item| Some((item.reference.as_str(), item.parent.as_deref()?)))
            .collect();
        let mut told = Told::default();
        let latest_ms = self.now_ms();
        for item in &items {
            let Some(id) = ids.get(&item.reference) else {
                continue;
            };
            if let Some(deleted_ms) = item.deleted_ms {
                let gone = Gone {
                    at_ms: deleted_ms.min(latest_ms),
                    by: "person".to_owned(),
                    why: format!("{} was deleted", item.reference),
                };
                told.gone(id.clone(), gone, item.line);
                continue;
            }
            let world = World {
                ids: &ids,
                parents: &parents,
                latest_ms,
            };
            let before = known.get(&item.reference);
            match self.record(item, id, before, &world) {
                Ok((record, remarks)) => {
                    for (name, _) in &item.aside {
                        *report.aside.entry(name.clone()).or_default() += 1;
                    }
                    told.task(record, item.line);
                    report.remark(remarks.into_iter().map(|remark| Remark {
                        line: Some(item.line),
                        task: id.clone(),
                        remark,
                    }));
                }
                Err(problem) => report.skip(item.line, problem),
            }
        }
        Ok(told)
    }

    /// What is there of these entries and of what they name.
    async fn known(&self, items: &[Item]) -> Result<BTreeMap<String, Record>, TransferError> {
        let mut references: BTreeSet<&str> = BTreeSet::new();
        for item in items {
            references.insert(&item.reference);
            references.extend(item.parent.as_deref());
            references.extend(item.edges.iter().map(|edge| edge.other.as_str()));
        }
        let references: Vec<&str> = references.into_iter().collect();
        let mut connection = self.store.read().acquire().await?;
        let mut known = BTreeMap::new();
        for references in references.chunks(PAGE) {
            let ids = rows::by_reference(&mut connection, self.project, references).await?;
            let wanted: Vec<TaskId> = ids.values().cloned().collect();
            let mut records = rows::records(&mut connection, self.project, &wanted).await?;
            for (reference, id) in ids {
                if let Some(record) = records.remove(&id) {
                    known.insert(reference, record);
                }
            }
        }
        Ok(known)
    }

    async fn fresh_ids(&self, count: usize) -> Result<Vec<TaskId>, TransferError> {
        let mut connection = self.store.read().acquire().await?;
        let mut used = BTreeSet::new();
        let mut ids = Vec::with_capacity(count);
        while ids.len() < count {
            let fresh: Vec<TaskId> = (0..(count - ids.len()).min(PAGE))
                .map(|_| TaskId::new(self.ids))
                .filter(|id| used.insert(id.clone()))
                .collect();
            let taken = rows::taken(&mut connection, &fresh).await?;
            ids.extend(fresh.into_iter().filter(|id| !taken.contains(id)));
        }
        Ok(ids)
    }

    fn record(
        &self,
        item: &Item,
        id: &TaskId,
        before: Option<&Record>,
        world: &World,
    ) -> Result<(Record, Vec<String>), String> {
        let told = |error: crate::tasks::TaskError| error.to_string();
        let time = |at_ms: i64| at_ms.min(world.latest_ms);
        let own_ms = item.created_ms.or(item.updated_ms);
        let created_ms = match before {
            Some(before) if item.created_ms.is_none() => before.created_ms,
            _ => time(own_ms.unwrap_or(item.told_ms)),
        };
        let at_ms = time(item.updated_ms.unwrap_or(item.told_ms));
        let stamp = Stamp {
            created_ms,
            updated_ms: at_ms,
            is_dated: item.updated_ms.is_some(),
            known_ms: before.map(|before| before.created_ms),
        };
        let mut notes = item.notes.clone();
        let mut remarks = Vec::new();
        let mut aside = item.aside.clone();
        let (title, rest) = cut_characters(&one_line(&item.title), TITLE);
        if !rest.is_empty() {
            aside.push(("title".to_owned(), item.title.clone()));
        }
        let (description, rest) = cut(&item.description(), DESCRIPTION);
        push_rest(&mut notes, "rest of the description", &rest);
        let acceptance = joined(&item.acceptance);
        let (acceptance, rest) = cut(&acceptance, ACCEPTANCE);
        push_rest(&mut notes, "rest of the acceptance criteria", &rest);
        let parent = world.parent(item, &mut aside, &mut remarks);
        let edges = world.edges(item, id, &mut aside, &mut remarks);
        let closing = item.closing.as_ref().map(|closing| {
            let (why, rest) = cut(&closing.why, WHY);
            push_rest(&mut notes, "rest of why it was closed", &rest);
            Closing {
                reason: closing.reason,
                why,
                evidence: String::new(),
                closed_ms: closing.at_ms.map_or(at_ms, time),
                closed_by: item.who(&closing.by),
            }
        });
        let external_ref = fields::external_ref(&item.reference).map_err(told)?;
        if !aside.is_empty() {
            let list: Vec<String> = aside
                .iter()
                .map(|(name, it)| format!("{name}: {it}"))
                .collect();
            notes.push(ItemNote {
                at_ms: None,
                by: String::new(),
                text: format!("{} also says\n{}", item.reference, list.join("\n")),
            });
        }
        let mut record = Record {
            id: id.clone(),
            created_ms,
            created_by: item.who(&item.created_by),
            updated_ms: at_ms.max(created_ms),
            title: stamp.set(
                fields::title(&title).map_err(told)?,
                before.map(|it| &it.title),
            ),
            description: stamp.set(
                fields::description(&description).map_err(told)?,
                before.map(|it| &it.description),
            ),
            acceptance: stamp.set(
                fields::acceptance(&acceptance).map_err(told)?,
                before.map(|it| &it.acceptance),
            ),
            kind: stamp.set(item.kind, before.map(|it| &it.kind)),
            priority: stamp.set(item.priority, before.map(|it| &it.priority)),
            writes: stamp.set(item.kind != Kind::Question, before.map(|it| &it.writes)),
            estimate_min: stamp.set(
                item.estimate_min.min(ESTIMATE),
                before.map(|it| &it.estimate_min),
            ),
            defer_until_ms: stamp.set(item.defer_until_ms, before.map(|it| &it.defer_until_ms)),
            external_ref: stamp.set(external_ref, before.map(|it| &it.external_ref)),
            parent: stamp.set(parent, before.map(|it| &it.parent)),
            closing: stamp.closing(closing, item.closing.as_ref(), before.map(|it| &it.closing)),
            labels: BTreeMap::new(),
            edges: BTreeMap::new(),
            notes: BTreeMap::new(),
            links: BTreeMap::new(),
        };
        for (edge, told_ms) in edges {
            let known = before.and_then(|before| before.edges.get(&edge));
            let mark = stamp.edge(told_ms.map(time), known);
            record.edges.insert(edge, mark);
        }
        for label in item.labels.iter().filter_map(|label| slug(label)) {
            let mark = Mark {
                at_ms: created_ms,
                gone: false,
            };
            record.labels.insert(label, mark);
        }
        for commit in &item.commits {
            let commit = commit.trim().to_lowercase();
            if fields::target(&commit).is_ok() {
                record.links.insert((LinkKind::Commit, commit), created_ms);
            }
        }
        let mut told_before: HashMap<(Option<i64>, &str, &str), &Note> = HashMap::new();
        for note in before.iter().flat_map(|before| before.notes.values()) {
            for at_ms in [None, Some(note.at_ms)] {
                told_before.insert((at_ms, &note.by, &note.text), note);
            }
        }
        for note in notes.iter().filter(|note| !note.text.trim().is_empty()) {
            let mut text = note.text.replace('\0', "\u{fffd}");
            let (told_ms, by) = (note.at_ms.map(time), item.who(&note.by));
            while !text.is_empty() {
                let (part, rest) = cut(&text, NOTE);
                let known = told_before.get(&(told_ms, by.as_str(), part.as_str()));
                let note = match known {
                    Some(note) => (*note).clone(),
                    None => Note {
                        id: NoteId::new(self.ids),
                        at_ms: told_ms.unwrap_or(at_ms),
                        kind: NoteKind::Note,
                        by: by.clone(),
                        text: part,
                    },
                };
                record.notes.insert(note.id.clone(), note);
                text = rest;
            }
        }
        if let (None, Some(before)) = (item.updated_ms, before) {
            record.updated_ms = before.updated_ms;
            let mut after = before.clone();
            after.merge(record.clone());
            if after != *before {
                record.updated_ms = at_ms;
            }
        }
        Ok((record, remarks))
    }
}

/// What entries are to each other.
struct World<'a> {
    ids: &'a HashMap<String, TaskId>,
    parents: &'a HashMap<&'a str, &'a str>,
    latest_ms: i64,
}

impl World<'_> {
    fn parent(
        &self,
        item: &Item,
        aside: &mut Vec<(String, String)>,
        remarks: &mut Vec<String>,
    ) -> Option<TaskId> {
        let parent = item.parent.as_ref()?;
        let found = self.ids.get(parent).filter(|_| *parent != item.reference);
        if found.is_none() {
            remarks.push(format!(
                "goes without its parent {parent}, which is not there"
            ));
            aside.push(("parent".to_owned(), parent.clone()));
        }
        found.cloned()
    }

    fn edges(
        &self,
        item: &Item,
        id: &TaskId,
        aside: &mut Vec<(String, String)>,
        remarks: &mut Vec<String>,
    ) -> BTreeMap<(EdgeKind, TaskId), Option<i64>> {
        let mut edges = BTreeMap::new();
        for ItemEdge { kind, other, at_ms } in &item.edges {
            let Some(other_id) = self.ids.get(other).filter(|other| *other != id) else {
                remarks.push(format!("goes without {kind}:{other}, which is not there"));
                aside.push((kind.to_string(), other.clone()));
                continue;
            };
            let is_family =
                self.is_above(other, &item.reference) || self.is_above(&item.reference, other);
            if kind.blocks() && is_family {
                // A parent waits for its children by itself, and they cannot wait for it.
                aside.push((format!("{kind} within the family"), other.clone()));
                continue;
            }
            edges.insert((*kind, other_id.clone()), *at_ms);
        }
        edges
    }

    /// Whether one entry is the parent of another, or above that.
    fn is_above(&self, above: &str, below: &str) -> bool {
        let mut at = below;
        for _ in 0..self.parents.len() {
            match self.parents.get(at) {
                Some(parent) if *parent == above => return true,
                Some(parent) => at = parent,
                None => break,
            }
        }
        false
    }
}

impl Item {
    fn description(&self) -> String {
        let parts = self.parts.iter().map(|(heading, text)| match *heading {
            "" => text.clone(),
            heading => format!("## {heading}\n\n{text}"),
        });
        parts
            .collect::<Vec<_>>()
            .join("\n\n")
            .replace('\0', "\u{fffd}")
    }

    /// Somebody there by name; a person here where nobody is named.
    fn who(&self, name: &str) -> String {
        let (tracker, _) = self.reference.split_once(':').unwrap_or_default();
        match crate::text::one_line(name.trim(), BY).as_str() {
            "" => "person".to_owned(),
            name => format!("{tracker}:{name}"),
        }
    }
}

/// Each entry once: of two of one name the one that was changed last.
fn unique(items: Vec<Item>, report: &mut Report) -> Vec<Item> {
    let mut at: HashMap<String, usize> = HashMap::new();
    let mut unique: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        let earlier = at.get(&item.reference).and_then(|at| unique.get_mut(*at));
        match earlier {
            None => {
                at.insert(item.reference.clone(), unique.len());
                unique.push(item);
            }
            Some(earlier) => {
                let out = match (item.updated_ms, item.created_ms)
                    > (earlier.updated_ms, earlier.created_ms)
                {
                    true => std::mem::replace(earlier, item),
                    false => item,
                };
                let problem = format!(
                    "{} is there twice; the one that was changed last is taken",
                    out.reference
                );
                report.skip(out.line, problem);
            }
        }
    }
    unique
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace(char::is_control, " ")
}

fn joined(parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).collect();
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n").replace('\0', "\u{fffd}")
}

/// A label of ours; what may not stand in one becomes a dash.
fn slug(label: &str) -> Option<String> {
    let dashed: String = label
        .trim()
        .chars()
        .map(|c| match c.is_control() || c.is_whitespace() || c == ',' {
            true => '-',
            false => c,
        })
        .take(LABEL)
        .collect();
    fields::label(&dashed).ok()
}

/// As much of a text as fits into so many bytes, and the rest of it.
fn cut(text: &str, most: usize) -> (String, String) {
    let text = text.trim();
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    cut_at(text, ends.take_while(|end| *end <= most).last())
}

/// The same in characters.
fn cut_characters(text: &str, most: usize) -> (String, String) {
    let text = text.trim();
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    cut_at(text, ends.take(most).last())
}

fn cut_at(text: &str, end: Option<usize>) -> (String, String) {
    let (head, rest) = text.split_at(end.unwrap_or_default());
    (head.trim().to_owned(), rest.trim().to_owned())
}

fn push_rest(notes: &mut Vec<ItemNote>, what: &str, rest: &str) {
    if !rest.is_empty() {
        notes.push(ItemNote {
            at_ms: None,
            by: String::new(),
            text: format!("{what}:\n{rest}"),
        });
    }
}

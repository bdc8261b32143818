//! What has to be so of the data, looked at before anything is measured.

use std::collections::{HashMap, HashSet};

use super::data::{Data, NOW_MS, Question, Statement};

/// Statements, questions with an answer, questions without one, superseded statements, statements in
/// other scripts: at least so many.
const LEAST: [usize; 5] = [320, 220, 15, 30, 25];
/// Letters that two words have in common at their beginning, to count as shared.
const SHARED: usize = 4;

/// Stops at the first thing that is wrong.
pub(crate) fn review(data: &Data) {
    let keys: HashSet<&str> = data.statements.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(keys.len(), data.statements.len(), "keys are used once");
    let texts: HashSet<String> = data.statements.iter().map(|it| plain(&it.text)).collect();
    assert_eq!(texts.len(), data.statements.len(), "texts are there once");
    let mut last = 0;
    for statement in &data.statements {
        let at = statement.at_ms();
        assert!(
            last <= at && at <= NOW_MS,
            "{} stands in time",
            statement.key
        );
        last = at;
    }
    let superseded = superseding(data);

    let asked: HashSet<String> = data.questions.iter().map(|it| plain(&it.text)).collect();
    assert_eq!(
        asked.len(),
        data.questions.len(),
        "questions are there once"
    );
    let names: HashSet<&str> = data.questions.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(names.len(), data.questions.len(), "their keys too");
    for question in &data.questions {
        look_at(data, question, &superseded);
    }

    let (answered, open): (Vec<_>, Vec<_>) =
        data.questions.iter().partition(|it| !it.gold.is_empty());
    let scripts = data.statements.iter().filter(|it| !it.text.is_ascii());
    let found = [
        data.statements.len(),
        answered.len(),
        open.len(),
        superseded.len(),
        scripts.count(),
    ];
    let enough = found
        .iter()
        .zip(LEAST)
        .all(|(found, least)| *found >= least);
    assert!(enough, "{found:?}, at least {LEAST:?}");
}

/// Who took whose place; nobody's is taken twice, and never by one that is older.
fn superseding(data: &Data) -> HashMap<&str, &str> {
    let mut by: HashMap<&str, &str> = HashMap::new();
    for statement in &data.statements {
        for old in &statement.supersedes {
            let known = data
                .statement(old)
                .unwrap_or_else(|| panic!("{old} is there"));
            assert!(known.at_ms() < statement.at_ms(), "{old} is older");
            assert!(by.insert(old, &statement.key).is_none(), "{old} twice");
        }
    }
    by
}

fn look_at(data: &Data, question: &Question, superseded: &HashMap<&str, &str>) {
    let key = &question.key;
    let mut gold = Vec::new();
    for name in &question.gold {
        assert!(
            !superseded.contains_key(name.as_str()),
            "{key}: {name} holds"
        );
        gold.push(
            data.statement(name)
                .unwrap_or_else(|| panic!("{key}: {name}")),
        );
    }
    assert_eq!(question.style() == "nothing", gold.is_empty(), "{key}");
    match question.style() {
        "multi" => assert!(gold.len() > 1, "{key}"),
        // A task, in front of which everything that matters to it is wanted.
        "prompt" => {}
        _ => assert!(gold.len() <= 1, "{key}"),
    }
    if question.style() == "superseded" {
        assert!(!data.stale(&question.gold[0]).is_empty(), "{key}: is new");
    }
    let asked = plain(&question.text);
    for gold in &gold {
        // A name is asked for as it is written.
        let copied = question.text.contains(' ')
            && gold
                .text
                .to_lowercase()
                .contains(&question.text.to_lowercase());
        assert!(!copied, "{key} is a piece of its answer");
        assert!(
            question.hard || shares(data, &asked, gold),
            "{key}: {}",
            gold.key
        );
    }
}

/// Whether the question has a word in common with the statement or with others of its session.
fn shares(data: &Data, asked: &str, gold: &Statement) -> bool {
    let near = data.statements.iter().filter(|it| {
        it.key == gold.key || (!gold.session.is_empty() && it.session == gold.session)
    });
    let said = plain(&near.map(Statement::whole).collect::<Vec<_>>().join(" "));
    let known: HashSet<String> = said.split(' ').flat_map(heads).collect();
    asked
        .split(' ')
        .flat_map(heads)
        .any(|it| known.contains(&it))
}

/// How a word begins; where words are not told apart by spaces, every two characters of it.
fn heads(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    match letters.iter().any(|it| *it >= '\u{2e80}') {
        true => letters
            .windows(2)
            .map(|pair| pair.iter().collect())
            .collect(),
        false if letters.len() < SHARED && !word.bytes().any(|it| it.is_ascii_digit()) => vec![],
        false => vec![letters.into_iter().take(SHARED).collect()],
    }
}

/// Lower case, and nothing but letters, digits and single spaces; the parts of a name apart.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut before = ' ';
    for letter in text.chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            plain.push(' ');
        }
        match letter.is_alphanumeric() {
            true => plain.extend(letter.to_lowercase()),
            false => plain.push(' '),
        }
        before = letter;
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

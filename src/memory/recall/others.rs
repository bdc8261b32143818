//! Words that stand in for one that is known nowhere: those that begin with it, or else those that look
//! like it. However much was kept and asked, only so many words are looked at.

use std::collections::{BTreeSet, HashMap};

use sqlx::AnyConnection;

use crate::memory::lexicon::{self, Term};
use crate::store::{StoreError, statements};

/// Unknown words for which others are looked for, of all wordings of a question together.
pub(super) const UNKNOWN: usize = 4;
/// Words of the vocabulary that are compared with them, altogether and with one of them.
const COMPARED: i64 = 20_000;
const WITH_ONE: i64 = 6_000;
/// Words that may have a lone character.
const CONTAINING: usize = 12;
/// The first character of the scripts that are written without spaces, behind those with them.
const RUNS_ON: &str = "\u{0e00}";
/// Words that may stand in for an unknown one.
const STAND_INS: usize = 3;
/// What a word counts that begins with an unknown one, and one that is wholly like it.
const BEGINS: f64 = 0.7;
const LIKE: f64 = 0.6;
/// Least likeness, by the three-letter pieces that two words share.
const LIKENESS: f64 = 0.5;
/// Letters of words that are compared so.
const LETTERS: std::ops::RangeInclusive<usize> = 4..=14;

/// Words that tags are compared with.
const TAGGED: usize = 32;

statements! {
    BEGINNING = "SELECT word.word FROM json_each($1) AS place CROSS JOIN memory_word AS word
        WHERE word.place = place.value AND word.word > $2 AND word.word < $3
        GROUP BY word.word ORDER BY length(word.word), sum(word.memories) DESC LIMIT $4";
    // How many words within the ranges $2 were looked at, at most $6, and those of them that have a length
    // and end with $5. PostgreSQL spells the end as `right(word, length($5))`.
    BETWEEN = "SELECT json_array(count(*), json(json_group_array(word) FILTER (
            WHERE length(word) BETWEEN $3 AND $4 AND ($5 = '' OR substr(word, -length($5)) = $5))))
        FROM (
          SELECT word.word FROM json_each($1) AS place CROSS JOIN json_each($2) AS range
          CROSS JOIN memory_word AS word
          WHERE word.place = place.value
            AND word.word >= (range.value ->> 0) AND word.word < (range.value ->> 1) LIMIT $6)";
}

/// Words that stand in for those that are known nowhere, and how many may still be looked for.
pub(super) struct Others {
    /// Words for which others are looked for yet, and words to be compared with them.
    unknown: usize,
    compared: i64,
    /// What was found for those that were looked for.
    found: HashMap<String, Vec<(String, f64)>>,
}

impl Others {
    /// For so many unknown words.
    pub(super) fn at_most(unknown: usize) -> Self {
        Self {
            unknown,
            compared: COMPARED,
            found: HashMap::new(),
        }
    }

    /// Words that may stand in for an unknown one, with what each counts; none where it only asks, and
    /// none any more where enough were looked for.
    pub(super) async fn standing_in(
        &mut self,
        connection: &mut AnyConnection,
        places: &[i64],
        term: &Term,
    ) -> Result<Vec<(String, f64)>, StoreError> {
        if let Some(found) = self.found.get(&term.word) {
            return Ok(found.clone());
        }
        if self.unknown == 0 || !term.tells {
            return Ok(Vec::new());
        }
        self.unknown -= 1;
        let places = serde_json::json!(places).to_string();
        let found = self.look_for(connection, &places, &term.word).await?;
        self.found.insert(term.word.clone(), found.clone());
        Ok(found)
    }

    async fn look_for(
        &mut self,
        connection: &mut AnyConnection,
        places: &str,
        word: &str,
    ) -> Result<Vec<(String, f64)>, StoreError> {
        let letters = word.chars().count();
        if lexicon::runs_on(word) {
            // A pair that nobody wrote is no part of any word; a lone character may be.
            return match letters {
                1 => self.containing(connection, places, word).await,
                _ => Ok(Vec::new()),
            };
        }
        let digits = word.chars().filter(char::is_ascii_digit).count();
        // Another number is another thing; a hash may be cut.
        let least = if digits > 0 { 6 } else { 3 };
        if letters < least || digits == letters {
            return Ok(Vec::new());
        }
        let beginning = beginning(connection, places, word, STAND_INS).await?;
        if !beginning.is_empty() {
            return Ok(beginning.into_iter().map(|word| (word, BEGINS)).collect());
        }
        if digits > 0 || !LETTERS.contains(&letters) {
            return Ok(Vec::new());
        }
        let lengths = ((letters / 3).max(3), letters * 3);
        let ranges = ranges(word);
        let between = self.between(connection, places, &ranges, lengths, "");
        Ok(like(word, between.await?))
    }

    /// Pairs with a lone character, those that begin with it first.
    async fn containing(
        &mut self,
        connection: &mut AnyConnection,
        places: &str,
        character: &str,
    ) -> Result<Vec<(String, f64)>, StoreError> {
        let mut found = beginning(connection, places, character, CONTAINING).await?;
        if found.len() < CONTAINING {
            let scripts = [(RUNS_ON.to_owned(), "\u{10ffff}".to_owned())];
            let ending = self.between(connection, places, &scripts, (2, 2), character);
            for word in ending.await? {
                if !found.contains(&word) {
                    found.push(word);
                }
            }
        }
        found.truncate(CONTAINING);
        Ok(found.into_iter().map(|word| (word, BEGINS)).collect())
    }

    /// Words of these `lengths` in these `ranges` that end with `end`; as many are looked at as may be yet.
    async fn between(
        &mut self,
        connection: &mut AnyConnection,
        places: &str,
        ranges: &[(String, String)],
        lengths: (usize, usize),
        end: &str,
    ) -> Result<Vec<String>, StoreError> {
        let number = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let found: String = sqlx::query_scalar(BETWEEN)
            .bind(places.to_owned())
            .bind(serde_json::json!(ranges).to_string())
            .bind(number(lengths.0))
            .bind(number(lengths.1))
            .bind(end.to_owned())
            .bind(self.compared.min(WITH_ONE))
            .fetch_one(connection)
            .await?;
        let (looked_at, words): (i64, Vec<String>) =
            serde_json::from_str(&found).map_err(|error| StoreError::Row {
                what: "memory_word",
                message: error.to_string(),
            })?;
        self.compared -= looked_at;
        Ok(words)
    }
}

/// The shortest words that begin with `word` and go on.
async fn beginning(
    connection: &mut AnyConnection,
    places: &str,
    word: &str,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(BEGINNING)
        .bind(places.to_owned())
        .bind(word.to_owned())
        .bind(format!("{word}\u{10ffff}"))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?)
}

/// Where words lie that somebody may have meant who slipped: with the same two first letters, or with
/// one of the first letters wrong, missing, too much or at the other one's place.
fn ranges(word: &str) -> Vec<(String, String)> {
    let letters: Vec<char> = word.chars().collect();
    let [a, b, c, d, ..] = *letters.as_slice() else {
        return Vec::new();
    };
    let mut beginnings = vec![vec![a, b]];
    match word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        true => {
            beginnings.extend([vec![a, c, b], vec![a, c, d], vec![b, a, c], vec![b, c, d]]);
            for other in 'a'..='z' {
                let wrong = [vec![other, b, c], vec![a, other, c]];
                let missing = [vec![other, a, b], vec![a, other, b]];
                beginnings.extend(wrong.into_iter().chain(missing));
            }
        }
        false => beginnings.push(vec![a]),
    }
    let mut known: BTreeSet<String> = BTreeSet::new();
    let beginnings = beginnings.into_iter().map(String::from_iter);
    let new = beginnings.filter(|beginning| known.insert(beginning.clone()));
    new.map(|beginning| {
        let behind = format!("{beginning}\u{10ffff}");
        (beginning, behind)
    })
    .collect()
}

/// Those of `words` that look the most like `word`. Few slip at the first letter: others count where
/// none begins with it.
fn like(word: &str, words: Vec<String>) -> Vec<(String, f64)> {
    let of = pieces(word);
    let first = word.chars().next();
    let mut like: Vec<(bool, f64, String)> = words
        .into_iter()
        .map(|found| (found.chars().next() == first, likeness(&of, &found), found))
        .filter(|(_, likeness, _)| *likeness >= LIKENESS)
        .collect();
    like.sort_by(|(x, a, one), (y, b, other)| {
        (y.cmp(x)).then(b.total_cmp(a)).then_with(|| one.cmp(other))
    });
    like.dedup_by(|(.., one), (.., other)| one == other);
    let is_same_first = like.first().is_some_and(|(same, ..)| *same);
    like.retain(|(same, ..)| *same == is_same_first);
    like.truncate(STAND_INS);
    like.into_iter()
        .map(|(_, likeness, found)| (found, LIKE * likeness))
        .collect()
}

/// How alike two words are, by the pieces that they share: Dice's coefficient.
fn likeness(of: &[Piece], other: &str) -> f64 {
    let other = pieces(other);
    let shared = of.iter().filter(|piece| other.binary_search(piece).is_ok());
    2.0 * shared.count() as f64 / (of.len() + other.len()) as f64
}

/// The best of `candidates` by their likeness with any of `words`.
pub(super) fn most_like<'a>(
    words: impl Iterator<Item = &'a str>,
    candidates: &[String],
    most: usize,
) -> Vec<String> {
    let asked: Vec<Vec<Piece>> = words.take(TAGGED).map(pieces).collect();
    let best = |candidate: &String| {
        let like = asked.iter().map(|word| likeness(word, candidate));
        like.fold(0.0, f64::max)
    };
    let mut like: Vec<(f64, &String)> = candidates
        .iter()
        .map(|candidate| (best(candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.2)
        .collect();
    like.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    like.truncate(most);
    like.into_iter().map(|(_, tag)| tag.clone()).collect()
}

/// Three letters that follow each other.
type Piece = [char; 3];

/// The pieces of a word, each once and in order; its beginning and its end are marked.
fn pieces(word: &str) -> Vec<Piece> {
    let letters: Vec<char> = "  ".chars().chain(word.chars()).chain([' ']).collect();
    let pieces = letters.windows(3);
    let mut pieces: Vec<Piece> = pieces.filter_map(|it| it.try_into().ok()).collect();
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::{Read, Sought, look_up};
    use super::*;
    use crate::memory::index;
    use crate::memory::tests::{World, keep, saying};

    #[test]
    fn a_slip_is_like_the_word_and_another_word_is_not() {
        let like = |a: &str, b: &str| likeness(&pieces(a), b);
        assert!(like("kubernets", "kubernetes") >= LIKENESS);
        assert!(like("redsi", "redis") >= LIKENESS);
        assert!(like("migration", "migraton") >= LIKENESS);
        assert!(like("cache", "cash") < LIKENESS);
        assert_eq!(like("same", "same"), 1.0);
    }

    #[test]
    fn a_slip_at_the_beginning_is_looked_for_where_the_word_lies() {
        for (slip, meant) in [
            ("kubernets", "kubernetes"),
            ("jubernetes", "kubernetes"),
            ("ubernetes", "kubernetes"),
            ("ukbernetes", "kubernetes"),
            ("kkubernetes", "kubernetes"),
            ("kbuernetes", "kubernetes"),
            ("kbernetes", "kubernetes"),
            ("kobernetes", "kubernetes"),
            ("кубернетс", "кубернетес"),
        ] {
            let ranges = ranges(slip);
            let holds = |(from, to): &(String, String)| (from.as_str()..to).contains(&meant);
            assert!(ranges.iter().any(holds), "{slip}");
            assert!(ranges.len() < 120, "{}", ranges.len());
        }
    }

    /// A vocabulary of many words, none of which is kept anywhere.
    async fn vocabulary(world: &World, words: impl Iterator<Item = String>) -> i64 {
        keep(&world.session(), saying("Anchors hold")).await;
        let words: Vec<String> = words.collect();
        let mut tx = world.store.begin().await.unwrap();
        let place = index::known_place(&mut tx, world.project.as_str()).await;
        let place = place.unwrap().unwrap();
        const ADD: &str = "INSERT INTO memory_word SELECT $1, value, 1 FROM json_each($2)";
        sqlx::query(ADD)
            .bind(place)
            .bind(serde_json::json!(words).to_string())
            .execute(&mut *tx)
            .await
            .unwrap();
        world.store.commit(tx).await.unwrap();
        place
    }

    async fn asked(world: &World, place: i64, questions: &[&str], others: &mut Others) -> Sought {
        let mut connection = world.store.read().acquire().await.unwrap();
        let statistics = index::statistics(&mut connection, &[place]).await.unwrap();
        let read = questions.iter().map(|text| Read::of(text, 0)).collect();
        look_up(&mut connection, &[place], statistics, read, others)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn what_is_unknown_is_looked_for_to_a_bound() {
        let world = World::new().await;
        let letters = "bcdfghklmnprstvw";
        let syllables: Vec<String> = letters
            .chars()
            .flat_map(|a| "aeiou".chars().map(move |b| format!("{a}{b}")))
            .collect();
        // 512,000 would be possible; every 20th of them.
        let all = |n: usize| {
            let at = |n: usize| syllables[n % syllables.len()].as_str();
            [at(n), at(n / 80), at(n / 6400), "x"].concat()
        };
        let place = vocabulary(&world, (0..25_000).map(|n| all(n * 20 + n / 4))).await;
        // One word is compared with few of 25,000.
        let mut others = Others::at_most(UNKNOWN);
        asked(&world, place, &["bacadaxq"], &mut others).await;
        assert_eq!(others.unknown, UNKNOWN - 1);
        assert!(COMPARED - others.compared <= 3000, "{}", others.compared);
        // All wordings have one budget, and a word is looked for once.
        let mut others = Others::at_most(UNKNOWN);
        let questions = ["zzqqa zzqqb zzqqc", "zzqqa zzqqd zzqqe", "zzqqf zzqqg"];
        asked(&world, place, &questions, &mut others).await;
        let mut looked_for: Vec<&String> = others.found.keys().collect();
        looked_for.sort();
        assert_eq!(looked_for, ["zzqqa", "zzqqb", "zzqqc", "zzqqd"]);
        // Nobody guesses at the words of a prompt, nor at those that only ask.
        for (most, question) in [(0, "zzqqa"), (UNKNOWN, "what and why")] {
            let mut others = Others::at_most(most);
            let sought = asked(&world, place, &[question], &mut others).await;
            assert!(others.found.is_empty() && others.compared == COMPARED);
            assert!(sought.words.iter().all(|word| !word.stands_in));
        }
    }

    #[tokio::test]
    async fn a_lone_character_is_looked_for_among_its_scripts_only() {
        let world = World::new().await;
        let latin = (0..5000).map(|n| format!("latin{n}"));
        let han = ["缓存", "存储", "服务"].map(str::to_owned);
        let place = vocabulary(&world, latin.chain(han)).await;
        let mut others = Others::at_most(UNKNOWN);
        let sought = asked(&world, place, &["存"], &mut others).await;
        let words: Vec<&str> = sought
            .words
            .iter()
            .map(|it| it.placed.word.as_str())
            .collect();
        assert_eq!(words, ["存", "存储", "缓存"]);
        assert!(COMPARED - others.compared <= 3, "{}", others.compared);
    }
}

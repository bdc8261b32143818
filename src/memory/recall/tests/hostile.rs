//! Questions that anybody may write find what has their words, or nothing, and break nothing.

use super::*;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(most).unwrap()).unwrap()
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// What is syntax somewhere, or looks like something else than it is. None of it is a word of what is
/// kept.
const HOSTILE: &[&str] = &[
    "\"",
    "\"\"",
    "'",
    "''",
    "`",
    "*",
    "^",
    "(",
    ")",
    "((",
    "{",
    "}",
    ":",
    "-",
    "+",
    "|",
    "&",
    "!",
    ";",
    "--",
    "/*",
    "*/",
    "\\",
    "\\0",
    "%",
    "_",
    "?",
    "$1",
    "#",
    "~",
    "@",
    "<",
    ">",
    "=",
    ",",
    ".",
    "..",
    "/",
    "\0",
    "\u{0}\u{0}",
    "\t",
    "\r\n",
    "\u{7f}",
    "\u{9b}31m",
    "\u{1b}[2J",
    "\u{200b}",
    "\u{200d}",
    "\u{202e}",
    "\u{2066}",
    "\u{feff}",
    "\u{fffd}",
    "\u{10ffff}",
    "🦀",
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "e\u{301}\u{301}\u{301}",
    "ﷺ",
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    "NEAR/3",
    "words:",
    "rowid:",
    "7/",
    "1/",
    "x1/",
    "2/xyzzy\"",
    "memory_index",
    "שלום",
    "مرحبا",
    "नमस्ते",
    "Ωmega",
    "ǅ",
    "İ",
    "ſ",
    "\u{1d400}",
    "½",
    "Ⅷ",
    "١٢٣",
    "99999999999999999999",
    "1e999",
    "NaN",
    "null",
    "true",
    "'; DROP TABLE memory; --",
    "\") OR (\"",
    "* OR *",
    "%s%n",
    "${jndi:x}",
    "../../etc/passwd",
    "<script>",
    "2025-99-99",
    "99999999999 days ago",
    "in May",
    "last week",
];

#[tokio::test]
async fn five_thousand_hostile_questions_find_what_has_their_words_or_nothing() {
    let world = World::new().await;
    let memories = person(&world);
    let texts = [
        "Zebrafish swim upstream",
        "Quokkas juggle flamingos",
        "Walruses knit pullovers",
    ];
    for text in texts {
        // Long ago, so that no time that is named is theirs.
        let at_ms = Some(1);
        keep(
            &memories,
            NewMemory {
                at_ms,
                ..saying(text)
            },
        )
        .await;
    }
    let mut dice = Dice(0x5eed);
    let mut asked = 0;
    for round in 0..5000 {
        let mut question = String::new();
        let wanted = (round % 2 == 0).then(|| dice.below(texts.len()));
        for _ in 0..1 + dice.below(6) {
            question.push_str(dice.of(HOSTILE));
            question.push_str(dice.of(&[" ", "", "\"", "  "]));
        }
        if let Some(wanted) = wanted {
            let word = texts[wanted].split(' ').nth(dice.below(3)).unwrap();
            question.push_str(&format!(" {word} "));
            question.push_str(dice.of(HOSTILE));
        }
        if question.trim().is_empty() {
            continue;
        }
        let query = Query {
            quiet: true,
            include_superseded: round % 3 == 0,
            ..asking(&question)
        };
        let recalled = memories.recall(&query).await;
        let recalled = recalled.unwrap_or_else(|error| panic!("{question:?}: {error}"));
        let found: Vec<&str> = recalled
            .hits
            .iter()
            .map(|hit| hit.memory.text.as_str())
            .collect();
        let expected: Vec<&str> = wanted.map(|at| texts[at]).into_iter().collect();
        assert_eq!(found, expected, "{question:?}");
        asked += 1;
    }
    assert!(asked > 4900, "{asked}");
}

#[tokio::test]
async fn a_question_of_a_megabyte_is_a_question() {
    let world = World::new().await;
    let memories = person(&world);
    keep(&memories, saying("Zebrafish swim upstream")).await;
    let filler = "\"x* OR y\" (🦀) 猫が好き ".repeat(40_000);
    assert!(filler.len() > 1_000_000);
    assert_eq!(
        found(&memories, &format!("zebrafish {filler}")).await.len(),
        1
    );
    assert!(found(&memories, &filler).await.is_empty());
    let many: String = (0..150_000).map(|n| format!("w{n:x} ")).collect();
    assert!(found(&memories, &many).await.is_empty());
    let tagged = Query {
        tags: vec![filler.clone()],
        ..asking("zebrafish")
    };
    assert!(memories.recall(&tagged).await.unwrap().hits.is_empty());
    let about = Query {
        about: Some(filler),
        ..asking("zebrafish")
    };
    let told = memories.recall(&about).await.unwrap_err().to_string();
    assert!(told.ends_with("longer than 500 characters"), "{told}");
}

//! What is the same word, and what no text can do.

use proptest::prelude::*;

use super::*;

fn just(text: &str) -> Vec<String> {
    asked(text).into_iter().map(|term| term.word).collect()
}

#[test]
fn forms_of_a_word_are_the_same_word() {
    assert_eq!(words("migrations"), words("migrate"));
    assert_eq!(words("running tests"), words("Run the TEST"));
    assert_eq!(words("went"), words("going"));
    assert_eq!(words("Wir starten das Café"), words("wir starten das cafe"));
}

#[test]
fn an_identifier_is_the_same_however_it_is_spelt() {
    let spelt = [
        "readTimeout",
        "read_timeout",
        "read-timeout",
        "ReadTimeout",
        "READ_TIMEOUT",
    ];
    for spelt in spelt {
        assert_eq!(words(spelt), ["read", "timeout", "readtimeout"], "{spelt}");
    }
    assert!(words("readtimeout").contains(&"readtimeout".to_owned()));
    let weights: Vec<f64> = asked("readTimeout")
        .iter()
        .map(|term| term.weight)
        .collect();
    assert_eq!(weights, [PART, PART, 1.0]);
}

#[test]
fn a_question_is_what_it_is_about() {
    assert_eq!(just("What is the deploy port?"), ["deploy", "port"]);
    // Where nothing else is left, the words that ask are what is asked; and then those that tell nothing.
    assert_eq!(just("Why not?"), ["whi", "not"]);
    assert_eq!(just("to be or"), ["to", "be", "or"]);
    assert_eq!(words("to be or"), ["to", "be", "or"]);
    assert!(asked("?! ").is_empty());
}

#[test]
fn a_denial_is_no_stop_word() {
    assert_ne!(words("Deploy on Fridays"), words("Don't deploy on Fridays"));
    assert_eq!(words("don't deploy"), words("do not deploy"));
}

#[test]
fn a_megabyte_is_read_to_a_bound() {
    let long: String = (0..200_000).map(|n| format!("w{n} ")).collect();
    assert_eq!(asked(&long).len(), ASKED);
    assert!(words(&"ab/".repeat(300_000)).len() < 400_000);
    assert_eq!(words(&"x".repeat(1_000_000)), ["x".repeat(LONGEST)]);
}

/// Pieces of which hostile text is made.
fn anything() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9_./:'\"*^()-]{0,40}",
        "[\u{0}-\u{20}\u{202e}\u{200d}ßİ\u{301}\u{3099}ｶﾞ한ก猫]{0,12}",
        Just("NEAR(\"a\" b) AND c* NOT {x}:".to_owned()),
    ];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn words_are_letters_and_digits(text in anything()) {
        let asked = asked(&text).into_iter().map(|term| term.word);
        for word in words(&text).into_iter().chain(asked) {
            prop_assert!(!word.is_empty());
            prop_assert!(word.chars().count() <= LONGEST);
            prop_assert!(word.chars().all(char::is_alphanumeric), "{:?}", word);
        }
    }

    #[test]
    fn every_word_of_a_text_is_one_that_can_be_asked(text in "[a-zA-Z ]{1,60}") {
        let words = words(&text);
        for term in asked(&text) {
            prop_assert!(
                words.contains(&term.word) || stop::is_stop(&term.said),
                "{:?}", term
            );
        }
    }

    #[test]
    fn spellings_of_one_identifier_agree(
        parts in proptest::collection::vec("[b-df-hj-np-tv-z]{3,6}", 2..5),
    ) {
        let capital = |part: &String| part[..1].to_uppercase() + &part[1..];
        let pascal: String = parts.iter().map(capital).collect();
        let camel = pascal[..1].to_lowercase() + &pascal[1..];
        let snake = words(&parts.join("_"));
        prop_assert_eq!(&snake, &words(&parts.join("-")));
        prop_assert_eq!(&snake, &words(&parts.join("_").to_uppercase()));
        prop_assert_eq!(&snake, &words(&pascal));
        prop_assert_eq!(&snake, &words(&camel));
    }
}

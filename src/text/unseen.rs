//! Characters that nobody sees. Some steer whatever shows a text and are refused where something is
//! kept; others only stand within words, so that the same looks the same and is not, and are taken out.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Control characters, those that turn the direction of what follows or end a line unasked, and
/// letters that nobody sees and a model reads.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` without characters that only stand between others: spaces of no width, marks of direction,
/// soft hyphens, fillers and selectors of variants. They stay where they make what is seen: within an
/// emoji, behind an ideograph, and between letters of scripts that are written with joiners.
pub(crate) fn taken_out(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let around = (kept.chars().next_back(), characters.peek().copied());
        if !is_unseen(c) || is_seen_by(c, around) {
            kept.push(c);
        }
    }
    Cow::Owned(kept)
}

/// `text` as it reads: nothing in it that is not seen, and one form for letters that look alike but
/// for their width or style.
pub(crate) fn as_it_reads(text: &str) -> String {
    let seen = text.chars().filter(|c| !is_unseen(*c));
    seen.nfkc().filter(|c| !is_unseen(*c)).collect()
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}')
        || is_selector(c)
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}')
}

/// Whether `c` changes what is seen of the characters before and behind it.
fn is_seen_by(c: char, (before, behind): (Option<char>, Option<char>)) -> bool {
    let Some(before) = before else { return false };
    match c {
        '\u{200c}' | '\u{200d}' => {
            // Behind an emoji stands a selector before the joiner.
            let joins = |c: char| c >= '\u{600}' && (!is_unseen(c) || c == '\u{fe0f}');
            joins(before) && behind.is_some_and(|c| c >= '\u{600}' && !is_unseen(c))
        }
        '\u{fe0e}' | '\u{fe0f}' if before.is_ascii() => behind == Some('\u{20e3}'),
        '\u{180b}'..='\u{180d}' | '\u{180f}' => matches!(before, '\u{1820}'..='\u{18aa}'),
        // A symbol has two looks; more selectors behind it would only hide something.
        '\u{fe0e}' | '\u{fe0f}' if !is_ideograph(before) => {
            !(before.is_alphanumeric() || is_unseen(before))
        }
        c if is_selector(c) => is_ideograph(before),
        _ => false,
    }
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_splits_words_is_taken_out_and_what_is_seen_stays() {
        for (text, kept) in [
            ("pass\u{200b}word", "password"),
            ("pass\u{fe0f}word\u{2060}", "password"),
            ("\u{feff}soft\u{ad}ly", "softly"),
            ("ab\u{200d}cd \u{200c}", "abcd "),
            ("שלום \u{200f}abc", "שלום abc"),
            ("a\u{e0100}\u{e0101}b", "ab"),
            ("👍\u{fe0f}\u{e0100}\u{e0101}", "👍\u{fe0f}"),
            ("👍\u{e0148}🎉\u{e0149}→\u{fe01}", "👍🎉→"),
            ("pass\u{180b}wo\u{180f}rd", "password"),
            ("pass\u{fff9}wo\u{fffb}rd\u{1d173}", "password"),
        ] {
            assert_eq!(taken_out(text), kept, "{text:?}");
        }
        for text in [
            "👩\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥 burns",
            "1\u{fe0f}\u{20e3} first",
            "می\u{200c}خواهم",
            "葛\u{e0100}城",
            "❤\u{fe0e} is plain",
            "\u{182d}\u{180b}",
            "a\u{301} plain text\n\twith lines",
        ] {
            assert_eq!(taken_out(text), text, "{text:?}");
        }
    }

    #[test]
    fn width_and_style_are_read_over() {
        assert_eq!(as_it_reads("ｐａｓｓ\u{200d}ｗｏｒｄ：１２"), "password:12");
        assert_eq!(as_it_reads("𝗽𝗮𝘀𝘀"), "pass");
    }
}

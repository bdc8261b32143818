//! Characters that are written differently and mean the same become the same; case stays, for it tells
//! where a word within an identifier begins.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// `text` without accents, ligatures and other ways to draw a letter. Vowels that are written as marks,
/// as in Thai or Hindi, stay: they are letters there; so do the marks that make another kana.
pub(super) fn plain(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_accent(*c)).nfc() {
        match whole(c) {
            Some(letters) => plain.push_str(letters),
            None => plain.push(c),
        }
    }
    plain
}

fn is_accent(c: char) -> bool {
    is_combining_mark(c) && !c.is_alphabetic() && !matches!(c, '\u{3099}' | '\u{309a}')
}

/// Letters that have no decomposition, as people without them on the keyboard write them.
fn whole(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'ẞ' => "SS",
        'æ' => "ae",
        'Æ' => "AE",
        'œ' => "oe",
        'Œ' => "OE",
        'ø' => "o",
        'Ø' => "O",
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'þ' => "th",
        'Þ' => "TH",
        'ı' => "i",
        _ => return None,
    })
}

/// Whether words of its script stand beside each other without a space between them, or, as in Korean,
/// grow endings: they are compared by pairs of characters.
pub(super) fn runs_on(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Burmese
        | '\u{1100}'..='\u{11ff}' // Hangul letters
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{312f}' // kana, Bopomofo
        | '\u{3130}'..='\u{318f}'
        | '\u{31a0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' // Han
        | '\u{ac00}'..='\u{d7a3}' // Hangul syllables
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_go_and_letters_stay() {
        assert_eq!(
            plain("Café ﬁle Straße Łódź Ｆｕｌｌ"),
            "Cafe file Strasse Lodz Full"
        );
        assert_eq!(plain("e\u{301}"), "e");
        // Another syllable, another word; a half-width one is the same.
        assert_eq!(plain("がか"), "がか");
        assert_eq!(plain("ｶﾞ"), "ガ");
        assert_eq!(plain("한국"), "한국");
        assert_eq!(plain("มาก"), "มาก");
    }
}

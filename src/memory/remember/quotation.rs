//! Recognising what was quoted to an agent by us, so that it does not come back as something learnt.

/// Characters of the mark between which entries stand.
const MARK: usize = 12;
/// How the lines around an entry go on behind the mark.
const FRAMES: [&str; 3] = ["Begin ", "End ", "End of the reference material"];

/// Whether a text is, or has in it, a piece of reference material as it stands in front of a prompt.
pub(super) fn is_ours(text: &str) -> bool {
    text.lines().any(|line| {
        let framed = line.trim().strip_prefix('[').and_then(|line| {
            let (mark, rest) = line.split_once("] ")?;
            let is_mark = mark.len() == MARK && mark.bytes().all(|b| b.is_ascii_alphanumeric());
            is_mark.then_some(rest)
        });
        framed.is_some_and(|rest| FRAMES.iter().any(|frame| rest.starts_with(frame)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_of_an_entry_is_known_and_other_brackets_are_not() {
        for ours in [
            "[1a2b3c4d5e6f] Begin file:src/main.rs\nfn main() {}\n[1a2b3c4d5e6f] End file:src/main.rs",
            "It said:\n  [100000200000] End of the reference material. Your task:",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "[important] Begin every file with a head",
            "The mark of a changelog entry is [1a2b3c4d5e6f] in brackets",
            "- [ ] Begin",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}

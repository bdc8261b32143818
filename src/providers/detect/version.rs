//! Version numbers in what a program prints.

use std::cmp::Ordering;

/// Longest version that is taken for one.
const LONGEST: usize = 40;

/// The first word of the form `1.2.3`, with whatever a version may carry behind it.
pub(super) fn find(output: &str) -> Option<String> {
    let words = output.split(|c: char| c.is_whitespace() || "(),;:\"'/@=".contains(c));
    words
        .map(|word| word.strip_prefix('v').unwrap_or(word))
        .find(|word| is_version(word))
        .map(str::to_owned)
}

fn is_version(word: &str) -> bool {
    word.len() <= LONGEST
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c))
        && numbers(word).is_some()
}

/// Which of two versions is the later one, by their three numbers.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    numbers(one).cmp(&numbers(other))
}

/// The three numbers at the beginning; `None` if there are not three.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let plain = version.split(['-', '+']).next()?;
    let mut parts = plain.split('.').map(|part| part.parse::<u64>().ok());
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_where_the_clis_put_them() {
        for (output, version) in [
            ("2.1.197 (Claude Code)\n", "2.1.197"),
            ("codex-cli 0.169.0\n", "0.169.0"),
            ("v1.18.33", "1.18.33"),
            (
                "a warning of 2 lines\n0.62.0-nightly.20261120\n",
                "0.62.0-nightly.20261120",
            ),
        ] {
            assert_eq!(find(output).as_deref(), Some(version));
        }
    }

    #[test]
    fn garbage_is_no_version() {
        let long = format!("1.2.3-{}", "x".repeat(60));
        for output in [
            "",
            "usage: x",
            "1.2",
            "1.2.3.4",
            "\u{1b}[31m1.2.3\u{1b}[0m",
            &long,
        ] {
            assert_eq!(find(output), None, "{output:?}");
        }
    }

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(compare("0.100.0", "0.99.9"), Ordering::Greater);
        assert_eq!(compare("0.61.0-preview.1", "0.61.0"), Ordering::Equal);
        assert_eq!(compare("1.9.0", "1.10.0"), Ordering::Less);
    }
}

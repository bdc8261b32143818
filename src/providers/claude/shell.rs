//! Whether a command line is one of those that rules such as `git:*` or `npm run *` mean. Not a
//! shell: a line of which it is not plain what it runs is none of them.

/// Whether every command of the line is one that a pattern means.
pub(super) fn fits(line: &str, patterns: &[String]) -> bool {
    let Some(commands) = commands(line) else {
        return false;
    };
    let means = |command: &String| patterns.iter().any(|pattern| is_meant(command, pattern));
    !commands.is_empty() && commands.iter().all(means)
}

fn is_meant(command: &str, pattern: &str) -> bool {
    let beginning = pattern.strip_suffix(":*").or(pattern.strip_suffix(" *"));
    match beginning.filter(|beginning| !beginning.contains('*')) {
        Some(beginning) => command
            .strip_prefix(beginning)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t'])),
        None => is_like(command, pattern),
    }
}

/// Whether `text` is the pattern, in which `*` stands for anything.
pub(super) fn is_like(text: &str, pattern: &str) -> bool {
    let Some((beginning, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(text) = text.strip_prefix(beginning) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    let mut left = text;
    for piece in pieces {
        let Some(at) = left.find(piece) else {
            return false;
        };
        left = left.get(at + piece.len()..).unwrap_or_default();
    }
    left.ends_with(end)
}

/// The commands of a line, as they are written; `None` when it substitutes, redirects or groups, or
/// a quote is left open.
fn commands(line: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut command = String::new();
    let mut quote = None;
    let mut chars = line.trim().chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => {}
            (_, '$' | '`') => return None,
            (_, '\\') => {
                command.push(c);
                let next = chars.next().filter(|next| *next != '\n')?;
                command.push(next);
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (None, '<' | '>' | '(' | ')') => return None,
            (None, ';' | '&' | '|' | '\n') => {
                all.push(std::mem::take(&mut command));
                continue;
            }
            _ => {}
        }
        command.push(c);
    }
    all.push(command);
    let all = all.into_iter().map(|command| command.trim().to_owned());
    let all = all.filter(|command| !command.is_empty()).collect();
    quote.is_none().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_when_each_of_its_commands_does() {
        let patterns = ["git:*", "npm run *", "cargo test", "ls*"].map(str::to_owned);
        for line in [
            "git",
            "git status",
            "git commit -m 'a; b $(c) > d'",
            "git log | git shortlog && npm run build",
            "cargo test",
            "npm run",
            "lsof",
            "git log --format=\"%h; %s\"",
            "git show HEAD@{1}",
        ] {
            assert!(fits(line, &patterns), "{line}");
        }
        for line in [
            "",
            "gitk",
            "rm -rf .",
            "git status; rm -rf .",
            "git status\nrm -rf .",
            "git status & rm x",
            "git log $(rm x)",
            "git log `rm x`",
            "git log \"$(rm x)\"",
            "git log > x",
            "git diff <(rm x)",
            "(rm x)",
            "cargo test --all",
            "PATH=. git status",
            "git 'log",
            "git log \\\nrm",
            "echo git status",
        ] {
            assert!(!fits(line, &patterns), "{line}");
        }
    }

    #[test]
    fn a_star_stands_for_anything_in_its_place() {
        assert!(is_like("git push origin main", "git * main"));
        assert!(is_like("abc", "*"));
        assert!(is_like("a.b.c", "a*b*c"));
        assert!(!is_like("git push origin dev", "git * main"));
        assert!(!is_like("ab", "a*bc"));
        assert!(!is_like("a", "a*a"));
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in ".*", pattern in ".*") {
            fits(&line, &[pattern]);
        }
    }
}

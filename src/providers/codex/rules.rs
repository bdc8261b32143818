//! The user's own rules (`rules/*.rules` in `CODEX_HOME`). A command that they allow runs outside the
//! sandbox, whatever the permission of the run, and the app-server has no switch for that. Where
//! there are any, permissions are not ours to promise.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::CodexProvider;

/// Whether there are rules, which may allow something.
pub(super) fn may_allow(config: &CodexProvider) -> bool {
    let variable = |name: &str| match config.env.get(name) {
        Some(value) => Some(OsString::from(value)),
        None => std::env::var_os(name),
    };
    let home = variable("CODEX_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".codex")));
    let folder = home.and_then(|home| std::fs::read_dir(home.join("rules")).ok());
    folder.into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        path.extension().is_some_and(|extension| extension == "rules")
            // One that cannot be read may say anything.
            && std::fs::read_to_string(path).map_or(true, |text| says_something(&text))
    })
}

fn says_something(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    lines.any(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_where_the_cli_looks_for_them() {
        let dir = tempfile::tempdir().unwrap();
        let config = |name: &str, path: PathBuf| CodexProvider {
            command: vec!["codex".to_owned()],
            model: None,
            env: [(name.to_owned(), path.to_str().unwrap().to_owned())].into(),
        };
        let own = config("CODEX_HOME", dir.path().join(".codex"));
        assert!(!may_allow(&own));
        let rules = dir.path().join(".codex/rules");
        std::fs::create_dir_all(&rules).unwrap();
        std::fs::write(rules.join("default.rules"), "\n# nothing yet\n").unwrap();
        std::fs::write(rules.join("notes.txt"), "prefix_rule(").unwrap();
        assert!(!may_allow(&own));
        std::fs::write(
            rules.join("more.rules"),
            r#"prefix_rule(pattern=["touch"])"#,
        )
        .unwrap();
        assert!(may_allow(&own));
        if std::env::var_os("CODEX_HOME").is_none() {
            assert!(may_allow(&config("HOME", dir.path().to_owned())));
        }
    }
}

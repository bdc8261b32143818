//! What a project brings along for opencode. The program runs the plugins of a project when it
//! starts, and no switch keeps it from that. Where there are any, permissions are not ours to promise.

use std::path::Path;

/// The configurations in which a project may name plugins.
const CONFIGURATIONS: [&str; 4] = [
    "opencode.json",
    "opencode.jsonc",
    ".opencode/opencode.json",
    ".opencode/opencode.jsonc",
];

/// Whether the project around `cwd` may have plugins.
pub(super) fn may_have_plugins(cwd: &Path) -> bool {
    let home = std::env::var_os("HOME");
    let outside = |folder: &Path| home.as_deref().is_some_and(|home| folder == home);
    for folder in cwd.ancestors().take_while(|folder| !outside(folder)) {
        if has_plugins(folder) {
            return true;
        }
        if folder.join(".git").exists() {
            return false;
        }
    }
    false
}

fn has_plugins(folder: &Path) -> bool {
    let filled = |name: &str| {
        let entries = std::fs::read_dir(folder.join(".opencode").join(name));
        entries.is_ok_and(|mut entries| entries.next().is_some())
    };
    let named = |name: &str| {
        let path = folder.join(name);
        // One that cannot be read may say anything.
        path.exists() && std::fs::read_to_string(path).map_or(true, |text| text.contains("plugin"))
    };
    filled("plugin") || filled("plugins") || CONFIGURATIONS.iter().any(|name| named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_found_up_to_the_root_of_the_project() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        let cwd = root.join("a/b");
        std::fs::create_dir_all(&cwd).unwrap();
        std::fs::create_dir(root.join(".git")).unwrap();
        std::fs::write(dir.path().join("opencode.json"), r#"{"plugin":["x"]}"#).unwrap();
        std::fs::write(root.join("opencode.json"), "{}").unwrap();
        std::fs::create_dir_all(root.join("a/.opencode/plugins")).unwrap();
        assert!(!may_have_plugins(&cwd));
        std::fs::write(root.join("opencode.json"), r#"{"plugin":["x"]}"#).unwrap();
        assert!(may_have_plugins(&cwd));
        std::fs::write(root.join("opencode.json"), "{}").unwrap();
        std::fs::write(root.join("a/.opencode/plugins/mine.js"), "").unwrap();
        assert!(may_have_plugins(&cwd));
    }
}

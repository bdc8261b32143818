//! Addresses with a password in them.

/// What stands for a password in an example.
const PLACEHOLDERS: [&str; 9] = [
    "password", "passwd", "pass", "pwd", "pw", "xxx", "xxxx", "xxxxx", "...",
];
/// Where a password that is the name of its user protects nothing.
const HERE: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];
/// The address is the secret.
const HOOKS: [&str; 3] = [
    "hooks.slack.com/services/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
];
/// Characters of what is secret in such an address, at least.
const HOOK: usize = 20;

/// Whether an address in the text has a password in it.
pub(super) fn with_password(text: &str) -> Option<&'static str> {
    if HOOKS.iter().any(|hook| has_hook(text, hook)) {
        return Some("the address of a webhook");
    }
    let has_one = text.match_indices("://").any(|(at, separator)| {
        let rest = text.get(at + separator.len()..).unwrap_or_default();
        let ends = |c: char| c.is_whitespace() || "\"'`<>".contains(c);
        let rest = rest.split(ends).next().unwrap_or_default();
        // A password may hold a slash; the last `@` before the path ends it.
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let Some((user, host)) = authority.rsplit_once('@').or_else(|| rest.rsplit_once('@'))
        else {
            return false;
        };
        let Some((name, password)) = user.split_once(':') else {
            return false;
        };
        let host = host.split([':', '/']).next().unwrap_or_default();
        let protects_nothing = name == password && HERE.contains(&host);
        !(is_port(password) || stands_for_one(password) || protects_nothing)
    });
    has_one.then_some("an address with a password")
}

/// Whether that is the port of an address with a path behind it in which there is an `@`.
fn is_port(password: &str) -> bool {
    let (port, path) = password.split_once('/').unwrap_or((password, ""));
    !path.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
        || password
            .strip_suffix('/')
            .is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

fn stands_for_one(password: &str) -> bool {
    let lower = password.to_ascii_lowercase();
    password.is_empty()
        || PLACEHOLDERS.contains(&lower.as_str())
        || password.starts_with(['$', '{', '%', '*', '['])
        || lower.starts_with("your")
}

fn has_hook(text: &str, hook: &str) -> bool {
    text.match_indices(hook).any(|(at, _)| {
        let rest = text.get(at + hook.len()..).unwrap_or_default();
        let secret = rest
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "/-_".contains(*c));
        secret.count() >= HOOK
    })
}

#[cfg(test)]
mod tests {
    use super::super::found;

    #[test]
    fn addresses_are_refused_for_their_passwords_only() {
        for text in [
            "The database is postgres://app:hunter2@db.internal:5432/app",
            "DATABASE_URL=mysql://root:s3cr3t/x@10.0.0.3/shop",
            "redis://:f00bar9@cache:6379",
            "`mongodb+srv://ann:pa%20ss1@cluster0.mongodb.net`",
            "https://ann:hunter2@example.com/repo.git",
            "postgres://postgres:postgres@db.example.com/app",
        ] {
            assert_eq!(found(text), Some("an address with a password"), "{text}");
        }
        let hook = "https://hooks.slack.com/services/T0000000/B0000000/abcdefghijkl";
        assert_eq!(found(hook), Some("the address of a webhook"));
        for text in [
            "postgres://app@db.internal:5432/app",
            "postgres://user:password@host/db is the form",
            "postgres://app:$PGPASSWORD@db/app",
            "postgres://app:${DB_PASS}@db/app",
            "postgres://postgres:postgres@localhost:5432/test",
            "ssh://git@github.com:22/a/b.git",
            "http://localhost:8080/a?x=1@2",
            "https://example.com/@scope/package",
            "https://registry.npmjs.org:443/@types/node",
            "http://[::1]:8080/",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}

//! Pairs of statements that say the same, and of such that only look so.

use super::*;

/// The same said again.
const NEAR: [(&str, &str); 37] = [
    ("The deploy port is 8080", "Deploy port: 8080"),
    ("The deploy port is 8080", "the deploy port is 8080."),
    (
        "The port of the service is 8080",
        "The service port is 8080",
    ),
    (
        "Tests need Docker running",
        "The tests need Docker to be running",
    ),
    (
        "Use tabs for indentation",
        "Always use tabs for indentation",
    ),
    ("We use pnpm, not npm", "use pnpm, not npm!"),
    (
        "Run `make lint` before each commit",
        "Always run make lint before each commit",
    ),
    (
        "Please remember to run make lint before each commit",
        "Run make lint before each commit",
    ),
    (
        "The parser lives in src/parse/mod.rs",
        "Parser lives in `src/parse/mod.rs`.",
    ),
    (
        "Deploys are done by the script deploy.sh",
        "Deploys are now done by the script deploy.sh",
    ),
    (
        "Migrations are never edited after a release",
        "Migrations are never edited after the release",
    ),
    (
        "Alice owns the billing service",
        "The billing service: Alice owns it",
    ),
    (
        "The API answers errors as JSON",
        "The API answers errors as JSON.",
    ),
    (
        "Timestamps are stored in UTC",
        "All right: timestamps are stored in UTC",
    ),
    (
        "Postgres runs on port 5433 on the staging host",
        "Postgres runs at port 5433 on the staging host",
    ),
    (
        "Secrets are kept in 1Password",
        "The secrets are kept in 1Password",
    ),
    (
        "The cache has to be cleared after a schema change",
        "The cache must be cleared after a schema change",
    ),
    (
        "Feature flags live in LaunchDarkly",
        "Feature flags live in LaunchDarkly, please note",
    ),
    (
        "The release branch is called stable",
        "Our release branch is called \"stable\"",
    ),
    (
        "Do not run the migrations by hand",
        "do not run migrations by hand",
    ),
    (
        "The nightly build begins at 02:00 UTC",
        "Nightly build begins at 02:00 UTC",
    ),
    (
        "用户数据保存在东京的服务器上",
        "用户数据保存在东京的服务器上。",
    ),
    ("Die Tests brauchen Docker", "die tests brauchen docker"),
    (
        "The linter is strict about unused imports",
        "The linter is really strict about unused imports",
    ),
    (
        "Authentication is done by the gateway",
        "Authentification is done by the gateway",
    ),
    (
        "The signature of each webhook is checked",
        "The signiture of each webhook is checked",
    ),
    (
        "CI caches the cargo registry between runs",
        "CI caches the cargo registry between the runs",
    ),
    (
        "Commit messages are written in the imperative",
        "Commit messages should be written in the imperative",
    ),
    (
        "When the queue is full the workers drop the oldest message and log a warning about it",
        "When the queue is full the workers drop the oldest message and then log a warning about it",
    ),
    (
        "The integration suite takes forty minutes on the shared runner because of the emulator start",
        "The integration suite takes forty minutes on the shared runner because of the slow emulator start",
    ),
    (
        "The config file is named ostler.toml",
        "the config file is named `ostler.toml`",
    ),
    (
        "Reviews are requested from the platform team",
        "Reviews should be requested from the platform team",
    ),
    (
        "Pull requests are squashed",
        "Pull requests are always squashed",
    ),
    (
        "The staging database is reset every night",
        "Our staging database is reset every night",
    ),
    (
        "“Smart quotes” break the importer",
        "\"Smart quotes\" break the importer",
    ),
    ("The frontend is built by vite", "Frontend is built by vite"),
    (
        "The team decided to drop support of Internet Explorer",
        "The team decided to drop the support of Internet Explorer",
    ),
];

/// Something else, in nearly the same words.
const DISTINCT: [(&str, &str); 50] = [
    ("The port is 8080", "The port is 9090"),
    ("Use tabs", "Never use tabs"),
    ("Use tabs", "Do not use tabs"),
    ("Use tabs for indentation", "Use spaces for indentation"),
    ("We use pnpm, not npm", "We use npm, not pnpm"),
    ("Prefer pnpm to npm", "Prefer npm to pnpm"),
    ("Use pnpm instead of npm", "Use npm instead of pnpm"),
    ("The client calls the server", "The server calls the client"),
    ("Node 18 is required", "Node 20 is required"),
    ("We are on React 18.2", "We are on React 18.3"),
    ("The version is v1.2.3", "The version is v1.2.4"),
    (
        "Alice owns the billing service",
        "Bob owns the billing service",
    ),
    ("The review is done by Alice", "The review is done by Bob"),
    (
        "The cache is enabled in staging",
        "The cache is enabled in production",
    ),
    (
        "The cache is enabled in staging",
        "The cache is disabled in staging",
    ),
    ("The feature is on", "The feature is off"),
    (
        "Run the linter before the tests",
        "Run the linter after the tests",
    ),
    ("Deploy from main", "Deploy to main"),
    (
        "Call parse_line for each record",
        "Call parse_file for each record",
    ),
    (
        "Call parseLine for each record",
        "Call parseFile for each record",
    ),
    (
        "The parser lives in src/parse/mod.rs",
        "The parser lives in src/parse.rs",
    ),
    ("All tests must pass", "Some tests must pass"),
    (
        "Agents may write to the tracker",
        "Agents must write to the tracker",
    ),
    (
        "Deploys happen on Fridays",
        "Deploys never happen on Fridays",
    ),
    ("Deploys happen on Fridays", "Deploys happen on Mondays"),
    ("Tests run in CI", "Tests run only in CI"),
    ("Tests need Docker", "Integration tests need Docker"),
    (
        "The database is on port 5433",
        "The staging database is on port 5433",
    ),
    ("The timeout is 30 seconds", "The timeout is 30 minutes"),
    ("The limit is 10 MB", "The limit is 10 GB"),
    ("Encrypt the backups", "Decrypt the backups"),
    (
        "Passwords are locked after five attempts",
        "Passwords are blocked after five attempts",
    ),
    ("The include list wins", "The exclude list wins"),
    ("Requests are sent with GET", "Requests are sent with POST"),
    ("The API returns JSON", "The API returns XML"),
    ("Copy the file from a to b", "Copy the file from b to a"),
    ("Retry with --force", "Retry with --no-force"),
    ("x == y is checked", "x != y is checked"),
    ("The minimum is 3", "The maximum is 3"),
    ("Commit to the branch dev", "Commit to the branch main"),
    ("The build can fail", "The build cannot fail"),
    ("Docker isn't needed", "Docker is needed"),
    ("Errors are logged to stderr", "Errors are logged to stdout"),
    (
        "用户数据保存在东京的服务器上",
        "用户数据不保存在东京的服务器上",
    ),
    ("テストは毎晩走る", "テストは毎朝走る"),
    ("The old API is used", "The new API is used"),
    ("Releases are cut in May", "Releases are cut in June"),
    (
        "In production the api server writes to the primary database and reads from the replica",
        "In production the api server writes to the replica database and reads from the primary",
    ),
    (
        "When the queue is full the workers drop the oldest message and log a warning about it",
        "When the queue is full the workers drop the newest message and log a warning about it",
    ),
    (
        "The integration suite takes forty minutes on the shared runner because of the emulator start",
        "The integration suite takes fifty minutes on the shared runner because of the emulator start",
    ),
];

fn likeness(a: &str, b: &str) -> f64 {
    let (a, b) = (Sense::of(a), Sense::of(b));
    let there = a.likeness(&b);
    assert!((there - b.likeness(&a)).abs() < 1e-9, "the same both ways");
    there
}

#[test]
fn what_says_the_same_is_told_from_what_only_looks_so() {
    let missed: Vec<_> = NEAR
        .iter()
        .map(|(a, b)| (likeness(a, b), a, b))
        .filter(|(likeness, ..)| *likeness < KNOWN)
        .collect();
    let confused: Vec<_> = DISTINCT
        .iter()
        .map(|(a, b)| (likeness(a, b), a, b))
        .filter(|(likeness, ..)| *likeness >= KNOWN)
        .collect();
    assert!(confused.is_empty(), "taken for the same: {confused:#?}");
    // Whoever turns a sentence round, or misspells it twice, says it a second time.
    assert!(
        missed.len() * 10 < NEAR.len(),
        "taken for another: {missed:#?}"
    );
}

#[test]
fn the_same_words_are_wholly_alike_and_nothing_else_is() {
    for (a, b) in [
        ("Use tabs", "use  tabs."),
        ("- Use **tabs**", "use tabs"),
        ("Say \u{201c}no\u{201d}", "say \"no\""),
    ] {
        assert!((likeness(a, b) - 1.0).abs() < f64::EPSILON, "{a} {b}");
        assert_eq!(Sense::of(a).mark(), Sense::of(b).mark());
    }
    for (a, b) in [
        ("Use the tabs", "Use tabs"),
        ("C++ is used", "C# is used"),
        ("a < b", "a > b"),
        ("run foo.bar", "run foo bar"),
        ("", "use tabs"),
    ] {
        assert!(likeness(a, b) < 1.0, "{a} {b}");
        assert_ne!(Sense::of(a).mark(), Sense::of(b).mark(), "{a} {b}");
    }
}

#[test]
fn marks_on_record_are_found_by_later_versions() {
    assert_eq!(Sense::of("Use tabs").mark(), 6_698_699_203_977_886_392);
}

#[test]
fn a_word_more_counts_the_less_the_longer_the_statement_is() {
    let longer = |words: usize| {
        let said: Vec<String> = (0..words).map(|at| "k".repeat(at + 2)).collect();
        let said = said.join(" ");
        likeness(&said, &format!("{said} indeed"))
    };
    assert!(longer(5) < KNOWN);
    assert!(longer(6) >= KNOWN);
    assert!(longer(3) < longer(4));
}

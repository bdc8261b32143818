//! What is going on, and what is so.

use super::*;

/// A statement on each line that is wrong as soon as anybody reads it.
const PASSING: &str = "Currently running the tests
    currently running the integration tests on CI.
    I am now looking at the parser
    I’m currently fixing the flaky test in src/lib.rs
    About to deploy to staging
    Just started the migration
    In progress
    Refactoring of the store: in progress
    The build is currently running.
    Status: working on task t-0a1b2c
    Working on the login page
    Still waiting for the review
    I will now run cargo test. Next I'll fix what fails.
    Waiting for CI
    - let me check the logs
    WIP
    Right now the tests fail
    Right now, the build is broken.
    At the moment the staging server is down
    The tests pass now
    All tests are passing now
    It works now
    CI is green again
    The login page is fixed now!
    The migration is done now
    The server is up right now
    TODO: fix the parser
    TODO(ann): rename the module
    - [ ] write the changelog
    FIXME: the cache leaks
    Next steps: run the tests, then commit
    The working tree is dirty
    The working directory is clean.
    The branch is up to date
    All tests pass
    The build is broken
    ok
    OK!
    Done.
    Status: done
    All done ✅
    LGTM
    80% done
    Task completed
    Tests are currently failing.
    The build is currently broken.
    PR #123 is waiting for review.
    There are uncommitted changes.
    Currently on branch feature/x.
    I'm running the tests
    I am working on the login bug
    I am trying to fix it right now
    We are waiting for CI
    We are now running the migration
    TODO: the tests are failing
    Ok. Thanks";

/// A statement on each line that somebody may want to know later.
const LASTING: &str = "The job that is currently running at night is called nightly
    We are currently using PostgreSQL 15
    Currently using pnpm for all packages
    Running the tests needs Docker
    Running everything in CI as root
    Working on Windows needs WSL
    Working on macOS is not supported
    A yellow badge means that the build is in progress
    Now running the server requires the variable PORT
    Tasks in progress are shown in blue
    I am the maintainer of the parser
    I am now convinced that the cache must go
    Just use make
    Waiting for the lock takes ten seconds
    About 40 tests are slow
    Currently running the tests. The port of the database is 5433
    Deploying from a fork fails
    The in-progress label is set by the bot
    TODO comments must name a task id
    TODO lists live in docs/todo.md
    To do a release, run make release
    We now deploy with Argo
    We deploy with Argo now
    Now we deploy with Argo
    The API is versioned by date now
    Configuration lives in /etc/shop now
    Right now only Linux is supported
    Right now we use SQLite because the deployment has one node
    At the moment the parser supports only UTF-8
    The working tree must be clean before a release
    The build is broken on Windows without WSL
    The working tree is dirty after make gen: it writes src/gen.rs
    The branch is up to date when CI merges it
    The release is done by the bot
    The login page is fixed to 1024 pixels
    ok is the value that the health check returns
    OK means that the queue is empty
    Done tasks are archived after 30 days
    Tests pass on Linux and fail on Windows
    Tests fail without Docker
    All tests pass in under a minute
    The definition of done: tests, changelog, review
    Yes/no questions of the wizard default to no
    The server is up from 8 to 18
    Ready means that the probe has answered
    main is protected
    I'm writing everything in British English.
    I am working in UTC+2.
    I'm running Arch Linux with zsh.
    I am testing on a MacBook M1
    I am trying to avoid ORMs.
    I'm reviewing PRs on Fridays.
    I will now always answer in German.
    Let me review every schema change first.
    Let me approve commits before you push.
    Let me know which branch you push to
    Let me run the migrations myself
    We are now running Postgres 16.
    Right now, deployments go through Ann.
    TODO: comments are banned in this repository.
    TODO: entries go in docs/todo.md
    Let me have the last word on naming.
    Now running on Kubernetes 1.30.
    There are uncommitted changes when the hook has formatted files
    The job is currently split into three parts
    The suite is split into four shards now";

#[test]
fn what_is_going_on_is_refused() {
    for passing in PASSING.lines().map(str::trim) {
        assert!(is_passing(passing, false), "{passing}");
    }
    assert!(is_passing(PASSING, false), "all of it at once");
}

#[test]
fn what_is_so_is_kept() {
    for lasting in LASTING.lines().map(str::trim) {
        assert!(!is_passing(lasting, false), "{lasting}");
        let with_report = format!("Done. {lasting}\nWIP");
        assert!(!is_passing(&with_report, false), "{with_report}");
    }
}

#[test]
fn how_a_rule_begins_tells_nothing() {
    for rule in [
        "I am currently working on Windows",
        "I am now running the tests in Docker",
        "Let me run the migrations",
        "I'll now answer in German",
    ] {
        assert!(is_passing(rule, false), "{rule}");
        assert!(!is_passing(rule, true), "{rule}");
    }
    assert!(is_passing("The build is broken", true), "it is no rule");
}

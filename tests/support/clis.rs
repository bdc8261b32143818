//! Installs the foreign programs that integration tests run, at pinned versions, into the build
//! folder: the coding CLIs and the official MCP SDKs for TypeScript and Python.
//!
//! Each is installed once per build folder, however many test processes start at once. Where that
//! is impossible (no npm, no network) the tests that need it are skipped with one loud line, but
//! with `CI` in the environment they fail: a skip must not look like a pass there.

use std::env;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

const CLAUDE_VERSION: &str = "2.1.197";
const CODEX_VERSION: &str = "0.169.0";
const GEMINI_VERSION: &str = "0.61.0";
const OPENCODE_VERSION: &str = "1.18.33";
const NODE_SDK_VERSION: &str = "1.32.2";
const PYTHON_SDK_VERSION: &str = "2.3.0";

type Found = OnceLock<Result<PathBuf, String>>;

/// The Claude Code CLI's native executable, or `None` where it cannot be installed.
pub(crate) fn claude() -> Option<PathBuf> {
    static CLAUDE: Found = Found::new();
    found_or_skip(&CLAUDE, "real Claude CLI tests need npm", || {
        let package = format!("@anthropic-ai/claude-code@{CLAUDE_VERSION}");
        installed("claude", &package, |folder| {
            npm_install(folder, &package)?;
            claude_in(folder)
        })
    })
}

/// The Codex CLI's native executable, or `None` where it cannot be installed.
pub(crate) fn codex() -> Option<PathBuf> {
    static CODEX: Found = Found::new();
    found_or_skip(&CODEX, "real Codex CLI tests need npm", || {
        let package = format!("@openai/codex@{CODEX_VERSION}");
        installed("codex", &package, |folder| {
            npm_install(folder, &package)?;
            codex_in(folder)
        })
    })
}

/// The Gemini CLI's start script, which finds `node` in PATH, or `None` where it cannot be
/// installed.
pub(crate) fn gemini() -> Option<PathBuf> {
    static GEMINI: Found = Found::new();
    found_or_skip(&GEMINI, "real Gemini CLI tests need npm", || {
        let package = format!("@google/gemini-cli@{GEMINI_VERSION}");
        installed("gemini", &package, |folder| {
            npm_install(folder, &package)?;
            let script = folder.join("node_modules/.bin/gemini");
            answering([script], GEMINI_VERSION, folder)
        })
    })
}

/// The opencode CLI's native executable, or `None` where it cannot be installed.
pub(crate) fn opencode() -> Option<PathBuf> {
    static OPENCODE: Found = Found::new();
    found_or_skip(&OPENCODE, "real opencode CLI tests need npm", || {
        let package = format!("opencode-ai@{OPENCODE_VERSION}");
        installed("opencode", &package, |folder| {
            npm_install(folder, &package)?;
            let packages = entries(&folder.join("node_modules"));
            let executables = packages.iter().map(|path| path.join("bin/opencode"));
            answering(executables, OPENCODE_VERSION, folder)
        })
    })
}

/// A folder whose `node_modules` holds the TypeScript SDK, or `None` where it cannot be installed.
pub(crate) fn node_sdk() -> Option<PathBuf> {
    static NODE_SDK: Found = Found::new();
    found_or_skip(&NODE_SDK, "TypeScript SDK tests need npm", || {
        let package = format!("@modelcontextprotocol/sdk@{NODE_SDK_VERSION}");
        installed("node-sdk", &package, |folder| {
            npm_install(folder, &package)?;
            Ok(folder.to_owned())
        })
    })
}

/// The interpreter of a venv with the Python SDK, or `None` where it cannot be made.
pub(crate) fn python_sdk() -> Option<PathBuf> {
    static PYTHON_SDK: Found = Found::new();
    found_or_skip(&PYTHON_SDK, "Python SDK tests need python3 and pip", || {
        let package = format!("mcp=={PYTHON_SDK_VERSION}");
        installed("python-sdk", &package, |folder| {
            run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
            let python = folder.join("bin/python");
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--no-input"])
                .arg("--disable-pip-version-check");
            run(pip.arg(&package))?;
            Ok(python)
        })
    })
}

/// What `install` returned the first time; a failure is told once, and panics in CI.
fn found_or_skip(
    slot: &'static Found,
    need: &str,
    install: impl FnOnce() -> Result<PathBuf, String>,
) -> Option<PathBuf> {
    let in_ci = env::var_os("CI").is_some();
    let found = slot.get_or_init(|| {
        install().map_err(|reason| {
            let line = format!("SKIPPED: {need}: {}", reason.trim_end());
            if !in_ci {
                // Not eprintln: the test harness would swallow the line of a test that passes.
                let _ = writeln!(io::stderr(), "{line}");
            }
            line
        })
    });
    match found {
        Ok(path) => Some(path.clone()),
        Err(line) if in_ci => panic!("no skipping in CI! {line}"),
        Err(_) => None,
    }
}

/// Installs `package` unless its stamp says that it is there; returns what `install` returned.
///
/// The stamp is written last, so an interrupted installation is started afresh.
fn installed(
    name: &str,
    package: &str,
    install: impl FnOnce(&Path) -> Result<PathBuf, String>,
) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clis");
    let folder = root.join(name);
    let stamp = folder.join("installed");
    let io_failed = |error: io::Error| format!("{}: {error}", root.display());

    fs::create_dir_all(&root).map_err(io_failed)?;
    let lock = File::create(root.join(format!("{name}.lock"))).map_err(io_failed)?;
    lock.lock().map_err(io_failed)?;

    if let Ok(written) = fs::read_to_string(&stamp)
        && let Some((version, path)) = written.split_once('\n')
        && version == package
        && Path::new(path).exists()
    {
        return Ok(path.into());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(io_failed)?;
    }
    fs::create_dir(&folder).map_err(io_failed)?;
    let path = install(&folder)?;
    fs::write(&stamp, format!("{package}\n{}", path.display())).map_err(io_failed)?;
    Ok(path)
}

fn npm_install(folder: &Path, package: &str) -> Result<(), String> {
    // No install scripts: the native executable comes as an optional dependency of its own, and
    // the package's script would only link it to a second place.
    let options = "--no-audit --no-fund --no-save --no-package-lock --no-update-notifier \
                   --include=optional --ignore-scripts";
    let mut npm = Command::new("npm");
    npm.arg("install").args(options.split_whitespace());
    npm.arg("--prefix").arg(folder).arg(package);
    run(npm.current_dir(folder))
}

/// The right package may have neighbours for other processors or C libraries, and `.bin/claude`
/// may be a stub.
fn claude_in(folder: &Path) -> Result<PathBuf, String> {
    let modules = folder.join("node_modules");
    let packages = entries(&modules.join("@anthropic-ai"));
    let mut candidates: Vec<_> = packages.iter().map(|path| path.join("claude")).collect();
    candidates.push(modules.join(".bin/claude"));
    answering(candidates, CLAUDE_VERSION, folder)
}

/// The executable behind the wrapper: `codex-<platform>/vendor/<triple>/bin/codex`.
fn codex_in(folder: &Path) -> Result<PathBuf, String> {
    let packages = entries(&folder.join("node_modules/@openai"));
    let triples = packages
        .iter()
        .flat_map(|path| entries(&path.join("vendor")));
    let executables = triples.map(|path| path.join("bin/codex"));
    answering(executables, &format!("codex-cli {CODEX_VERSION}"), folder)
}

/// What is in `folder`, in order; nothing if it is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The first candidate that answers `--version` with `version`, run with `home` as its home.
fn answering(
    candidates: impl IntoIterator<Item = PathBuf>,
    version: &str,
    home: &Path,
) -> Result<PathBuf, String> {
    let answers = |path: &PathBuf| {
        let mut command = Command::new(path);
        command
            .arg("--version")
            .env("HOME", home)
            .env("DISABLE_AUTOUPDATER", "1");
        let output = command.output();
        output.is_ok_and(|output| output.stdout.starts_with(version.as_bytes()))
    };
    let found = candidates.into_iter().find(answers);
    found.ok_or_else(|| format!("no executable of version {version} in the package"))
}

/// Runs a command to its end; its output is part of the error, and dropped otherwise.
fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{program} failed, {}\n{stdout}{stderr}",
        output.status
    ))
}

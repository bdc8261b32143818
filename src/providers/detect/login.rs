//! Whether somebody is logged in, without reading a secret.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::Detection;
use super::known::known;
use super::probe::{Place, Told};
use super::version;
use crate::config::{AcpProvider, Flavour, ProviderConfig};

/// Bytes of a settings file that are looked through.
const SETTINGS: u64 = 1 << 20;

/// Whether somebody is logged in, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    /// What is known.
    pub standing: Standing,
    /// How; names variables and files, never what is in them.
    pub why: String,
}

/// What is known about a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// There are credentials; whether they still hold shows in use.
    Yes,
    /// There are none.
    No,
    /// It cannot be told from outside.
    Unknown,
}

impl Login {
    fn yes(why: impl Into<String>) -> Self {
        let why = why.into();
        Login {
            standing: Standing::Yes,
            why,
        }
    }

    fn no(why: impl Into<String>) -> Self {
        let why = why.into();
        Login {
            standing: Standing::No,
            why,
        }
    }

    pub(super) fn unknown(why: impl Into<String>) -> Self {
        let why = why.into();
        Login {
            standing: Standing::Unknown,
            why,
        }
    }
}

/// Looks for a login of the provider's program.
pub(super) async fn look(provider: &ProviderConfig, place: &Place, found: &Detection) -> Login {
    match provider {
        ProviderConfig::Claude(_) => claude(place, asks_safely(provider, found)).await,
        ProviderConfig::Codex(_) => codex(place, asks_safely(provider, found)).await,
        ProviderConfig::Acp(AcpProvider { flavour, .. }) => match flavour {
            Flavour::Gemini => gemini(place),
            Flavour::Opencode => opencode(place),
            Flavour::Plain => Login::unknown("not looked for"),
        },
        ProviderConfig::Script(_) => Login::unknown("not looked for"),
    }
}

/// Whether the program surely has the status command: an older one may take it for a prompt.
fn asks_safely(provider: &ProviderConfig, found: &Detection) -> bool {
    let told = found.version.as_ref().zip(known(provider));
    told.is_some_and(|(told, known)| version::compare(told, known.tested).is_ge())
}

async fn claude(place: &Place, asks_safely: bool) -> Login {
    let keys = [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
    ];
    let services = [
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_VERTEX",
        "CLAUDE_CODE_USE_FOUNDRY",
    ];
    if let Some(name) = place.set(&keys) {
        return Login::yes(format!("{name} is set"));
    }
    if let Some(name) = place.set(&services) {
        return Login::unknown(format!("{name} is set: that service has its own login"));
    }
    let folder = place.folder("CLAUDE_CONFIG_DIR", ".claude");
    if let Some(login) = folder.and_then(|folder| there(&folder, &[".credentials.json"])) {
        return login;
    }
    by_status(
        place,
        &["auth", "status"],
        "claude auth status",
        asks_safely,
    )
    .await
}

async fn codex(place: &Place, asks_safely: bool) -> Login {
    let login = by_status(
        place,
        &["login", "status"],
        "codex login status",
        asks_safely,
    )
    .await;
    let configured = || {
        let file = place.folder("CODEX_HOME", ".codex")?.join("config.toml");
        let table: toml::Table = beginning(&file)?.parse().ok()?;
        table.get("model_provider").map(|_| ())
    };
    // The status knows of OpenAI's own login only.
    let elsewhere = place
        .words
        .iter()
        .any(|word| word.starts_with("model_provider="))
        || configured().is_some();
    match login.standing {
        Standing::No if elsewhere => {
            Login::unknown("its configuration names a `model_provider`, which has its own key")
        }
        _ => login,
    }
}

fn gemini(place: &Place) -> Login {
    if let Some(name) = place.set(&["GEMINI_API_KEY", "GOOGLE_API_KEY"]) {
        return Login::yes(format!("{name} is set"));
    }
    if let Some(name) = place.set(&["GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA"]) {
        return Login::unknown(format!("{name} is set: that service has its own login"));
    }
    let Some(home) = place.folder("GEMINI_CLI_HOME", "") else {
        return Login::unknown("no home directory");
    };
    let folder = home.join(".gemini");
    if let Some(login) = there(&folder, &["oauth_creds.json", "gemini-credentials.json"]) {
        return login;
    }
    // The keyring of the desktop may hold a key, and a `.env` may set one.
    let settings = beginning(&folder.join("settings.json")).unwrap_or_default();
    if settings.contains("\"selectedType\"") || folder.join(".env").exists() {
        return Login::unknown("a way to log in is chosen; whether it holds shows in use");
    }
    Login::no("no key is set, and no credentials are in ~/.gemini")
}

fn opencode(place: &Place) -> Login {
    let folder = place.folder("XDG_DATA_HOME", ".local/share");
    let file = folder.map(|folder| folder.join("opencode/auth.json"));
    // Without any login it is there too, as `{}`.
    let holds = |file: &Path| {
        file.metadata()
            .is_ok_and(|data| data.len() > "{}\n".len() as u64)
    };
    if let Some(file) = file.filter(|file| holds(file)) {
        return Login::yes(format!("{} is there", file.display()));
    }
    Login::unknown("no stored login; keys in its configuration and models without one work too")
}

/// The first of these files that is in `folder`.
fn there(folder: &Path, names: &[&str]) -> Option<Login> {
    let mut files = names.iter().map(|name| folder.join(name));
    let file = files.find(|file| file.is_file())?;
    Some(Login::yes(format!("{} is there", file.display())))
}

/// What the program's own status command says by its exit code. What it prints may hold a part of
/// a key, and is dropped.
async fn by_status(place: &Place, args: &[&str], shown: &str, asks_safely: bool) -> Login {
    if !asks_safely {
        return Login::unknown(format!(
            "`{shown}` is not asked: the version is not known well"
        ));
    }
    match place.ask(args).await {
        Told::Ended { code: Some(0), .. } => Login::yes(format!("`{shown}` says so")),
        Told::Ended { code: Some(1), .. } => Login::no(format!("`{shown}` says so")),
        Told::Ended { .. } => Login::unknown(format!("`{shown}` fails")),
        Told::Nothing(why) => Login::unknown(format!("`{shown}` {why}")),
    }
}

/// The beginning of a settings file.
fn beginning(file: &Path) -> Option<String> {
    // A pipe here would hang us.
    let open = file.is_file().then(|| File::open(file).ok()).flatten()?;
    let mut text = String::new();
    open.take(SETTINGS).read_to_string(&mut text).ok()?;
    Some(text)
}

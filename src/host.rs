//! The session around this process: its directory, its id, and what it takes to open the crew for
//! it. The only place that reads the environment, so that everything below can be tested.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::agents::{Crew, CrewOptions, Host, Places, Traces};
use crate::clock::SystemClock;
use crate::config::{Config, Sources, state_dir};
use crate::edge::{Failure, Kind};
use crate::ids::{IdSource, RandomIds};
use crate::memory::Meaning;
use crate::project::Project;
use crate::providers::{LINEAGE_VARIABLE, Lineage, McpServer, tree};
use crate::store::Store;

/// Where Codex keeps everything.
const CODEX_HOME: &str = "CODEX_HOME";
/// How the id of a session begins that has told none.
const MADE_UP: &str = "h-";

/// What this process was started with.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Working directory.
    pub cwd: PathBuf,
    /// The host session's id.
    pub session: String,
    /// Agents above this process.
    pub lineage: Lineage,
    /// The ostler binary.
    pub program: OsString,
    /// Whether a session reads results here, and not a person.
    pub collects: bool,
    /// Whether somebody is there who can answer what agents ask.
    pub answers: bool,
    /// Where the transcript of the host session can be.
    pub traces: Traces,
}

impl Surroundings {
    /// Reads them from the process.
    ///
    /// # Errors
    /// When the working directory or the program cannot be told.
    pub fn of_process() -> Result<Self, Failure> {
        let cwd = std::env::current_dir().map_err(|error| {
            Failure::new(
                Kind::Invalid,
                format!("the working directory cannot be used: {error}"),
            )
            .hint("start ostler in a directory that is there")
        })?;
        // This name leads to the running binary even after another was put in its place.
        let running = PathBuf::from("/proc/self/exe");
        let program = if running.exists() {
            running
        } else {
            std::env::current_exe().map_err(|error| Failure::new(Kind::Internal, error))?
        };
        Ok(Self {
            cwd,
            session: session(),
            lineage: Lineage::parse(std::env::var_os(LINEAGE_VARIABLE).as_deref()),
            program: program.into(),
            collects: false,
            answers: false,
            traces: traces(),
        })
    }
}

impl Surroundings {
    /// The same for a command that works for nobody but itself: its agents and its claims are not those of
    /// the session that it may have been started from, and end with it.
    #[must_use]
    pub fn of_its_own(self) -> Self {
        Self {
            session: made_up(),
            ..self
        }
    }
}

fn made_up() -> String {
    format!("{MADE_UP}{}", RandomIds.token())
}

/// The id of the host session: told by the user, by Claude Code, or made up for this process.
fn session() -> String {
    ["OSTLER_SESSION", "CLAUDE_CODE_SESSION_ID"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_else(made_up)
}

/// Where the CLIs keep their transcripts, and which of them has started us.
fn traces() -> Traces {
    let told = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let home = std::env::home_dir();
    let folder = |name, below: &str| match told(name) {
        Some(folder) => Some(PathBuf::from(folder)),
        None => Some(home.as_ref()?.join(below)),
    };
    let gemini_home = told("GEMINI_CLI_HOME").map(PathBuf::from).or(home.clone());
    Traces {
        claude: folder("CLAUDE_CONFIG_DIR", ".claude"),
        claude_session: told("CLAUDE_CODE_SESSION_ID"),
        codex: folder(CODEX_HOME, ".codex"),
        codex_thread: told("CODEX_THREAD_ID"),
        gemini: gemini_home.map(|home| home.join(".gemini")),
        in_gemini: told("GEMINI_CLI").is_some(),
        since: SystemTime::now(),
    }
}

/// The same with the folder of a Codex above us, which keeps its environment from its servers.
async fn traces_above(surroundings: &Surroundings) -> Traces {
    let mut traces = surroundings.traces.clone();
    if std::env::var_os(CODEX_HOME).is_none() {
        let above = tokio::task::spawn_blocking(|| tree::variable_above(CODEX_HOME)).await;
        if let Ok(Some(folder)) = above {
            traces.codex = Some(folder.into());
        }
    }
    traces
}

/// The lineage that we can claim. What stands in our own environment may come from a child that put
/// on the lineage of another, or took off its own.
async fn lineage(surroundings: &Surroundings) -> Lineage {
    let above = tokio::task::spawn_blocking(tree::lineages_above).await;
    let own = std::iter::once(surroundings.lineage.clone());
    Lineage::proven(above.unwrap_or_default().into_iter().chain(own))
}

/// The state file: the configured one, else `ostler.db` in the state directory `home`.
pub fn database(config: &Config, home: &Path) -> PathBuf {
    let url = config.store.url.as_deref();
    match url.and_then(|url| url.strip_prefix("sqlite:")) {
        Some(path) => home.join(path.strip_prefix("//").unwrap_or(path)),
        None => home.join("ostler.db"),
    }
}

/// Where definitions of agents lie for a session in `cwd`.
pub fn places(cwd: &Path, project: &Project, sources: &Sources) -> Places {
    let of_claude = std::env::var_os("CLAUDE_CONFIG_DIR").filter(|folder| !folder.is_empty());
    let of_claude = of_claude
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".claude")))
        .filter(|folder| folder.is_absolute());
    let user = sources.user_file.parent();
    Places::new(cwd, &project.root, user, of_claude.as_deref())
}

/// Opens the state and the crew.
///
/// # Errors
/// What is wrong with the configuration, the directory or the store, told for a person.
pub async fn open(surroundings: &Surroundings) -> Result<Arc<Crew>, Failure> {
    let options = options(surroundings).await?;
    Ok(Crew::open(options).await?)
}

/// The same for a command that only looks, and waits for nobody who writes.
///
/// # Errors
/// As [`open`].
pub async fn open_to_look(surroundings: &Surroundings) -> Result<Arc<Crew>, Failure> {
    let options = options(surroundings).await?;
    Ok(Crew::open_to_look(options).await?)
}

async fn options(surroundings: &Surroundings) -> Result<CrewOptions, Failure> {
    let project = Project::discover(&surroundings.cwd)?;
    let sources = Sources::from_environment(Some(&project.root))?;
    let config = Config::load(&sources)?;
    let home = state_dir(|name| std::env::var_os(name))?;
    let secrets = config
        .providers
        .values()
        .flat_map(|provider| provider.env().clone());
    let secrets: Vec<(String, String)> = secrets.collect();
    let store = Store::open_at(&database(&config, &home)).await?;
    let child_server = child_server(surroundings, &config, &sources, &store);
    let meaning = Meaning::of(&config.memory, |name| std::env::var(name).ok());
    Ok(CrewOptions {
        store: Arc::new(store.hiding(secrets)),
        config,
        places: places(&surroundings.cwd, &project, &sources),
        project,
        host: Host {
            session: surroundings.session.clone(),
            session_lasts: !surroundings.session.starts_with(MADE_UP),
            cwd: surroundings.cwd.clone(),
            lineage: lineage(surroundings).await,
            collects: surroundings.collects,
            answers: surroundings.answers,
            traces: traces_above(surroundings).await,
        },
        meaning,
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
        program: surroundings.program.clone(),
        child_server,
    })
}

/// The server that agents are given: this binary, with the same state and configuration. CLIs pass
/// little of their environment on to servers, so it is told what it needs. `None` when the binary
/// was removed meanwhile: a CLI that insists on its servers would not start.
fn child_server(
    surroundings: &Surroundings,
    config: &Config,
    sources: &Sources,
    store: &Store,
) -> Option<McpServer> {
    let program = PathBuf::from(&surroundings.program);
    let program = std::fs::read_link(&program).unwrap_or(program);
    let command = program.is_file().then(|| program.to_str())??.to_owned();
    let text = |path: &std::path::Path| path.to_str().map(str::to_owned);
    let env = [
        ("OSTLER_HOME", text(store.home())?),
        (
            "OSTLER_STORE_URL",
            format!("sqlite:{}", text(store.database())?),
        ),
        ("OSTLER_CONFIG", text(&sources.user_file)?),
        (
            "OSTLER_AGENTS_ASK_TIMEOUT_S",
            config.agents.ask_timeout_s.to_string(),
        ),
    ];
    Some(McpServer {
        name: "ostler".to_owned(),
        command,
        args: vec!["serve".to_owned()],
        env: env.map(|(name, value)| (name.to_owned(), value)).into(),
    })
}

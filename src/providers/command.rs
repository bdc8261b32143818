//! The process a provider asks for: program, arguments, and an environment that is built from an
//! allow-list. What a child inherits is decided here and nowhere else.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::{CleanSignal, Environment};
use crate::ids::{AgentId, OwnerId};

/// Carries the lineage of a child; also the mark by which its processes are found.
pub const LINEAGE_VARIABLE: &str = "OSTLER_LINEAGE";
/// Tells a guard how the child wants to be asked to leave.
pub(crate) const CLEAN_SIGNAL_VARIABLE: &str = "OSTLER_CLEAN_SIGNAL";

/// Variables of a shell and of common tool chains that hold no secrets; `*` ends a prefix.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "TMPDIR",
    "XDG_*",
    "EDITOR",
    "PAGER",
    "IS_SANDBOX",
    "CI",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "SSH_AUTH_SOCK",
    "GIT_AUTHOR_*",
    "GIT_COMMITTER_*",
    "GIT_CONFIG_GLOBAL",
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "JAVA_HOME",
    "GRADLE_USER_HOME",
    "M2_HOME",
    "VIRTUAL_ENV",
    "PYENV_ROOT",
    "CONDA_PREFIX",
    "UV_CACHE_DIR",
    "NVM_DIR",
    "NVM_BIN",
    "NODE_PATH",
    "PNPM_HOME",
    "BUN_INSTALL",
    "DENO_DIR",
    "VOLTA_HOME",
    "ASDF_DIR",
    "MISE_DATA_DIR",
    "MISE_CONFIG_DIR",
    "MISE_CACHE_DIR",
    "MISE_SHELL",
    "RBENV_ROOT",
    "GEM_HOME",
    "DOTNET_ROOT",
    "NIX_PATH",
    "NIX_PROFILES",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DISPLAY",
    "WAYLAND_DISPLAY",
];

/// A process to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// A path, or a name looked up in the child's `PATH`.
    pub program: OsString,
    /// Arguments; never the prompt, which would show in `ps`.
    pub args: Vec<OsString>,
    /// Names of further variables that this provider needs from our environment; `*` ends a prefix.
    pub inherits: &'static [&'static str],
    /// Names that are never inherited, although a prefix above covers them.
    pub withholds: &'static [&'static str],
    /// Variables set for the child.
    pub env: Environment,
    /// Working directory.
    pub cwd: PathBuf,
}

impl CommandSpec {
    /// The whole environment of the child: the allow-listed part of `ours`, what the user's
    /// configuration adds to the list (`extra`), then what the provider sets.
    pub fn environment(
        &self,
        ours: impl IntoIterator<Item = (OsString, OsString)>,
        extra: &[String],
    ) -> Vec<(OsString, OsString)> {
        let mut all: Vec<(OsString, OsString)> = ours
            .into_iter()
            .filter(|(name, _)| {
                let Some(name) = name.to_str() else {
                    return false;
                };
                let allowed = INHERITED
                    .iter()
                    .chain(self.inherits)
                    .any(|p| matches(p, name))
                    || extra.iter().any(|p| matches(p, name));
                allowed
                    && !self.withholds.iter().any(|p| matches(p, name))
                    && !self.env.contains_key(name)
            })
            .collect();
        all.extend(
            self.env
                .iter()
                .map(|(k, v)| (OsString::from(k), OsString::from(v))),
        );
        all
    }
}

/// The names of those of our variables that a child with these `inherits` gets; for CLIs that pass
/// nothing on to their servers unasked.
pub(super) fn inherited_names(inherits: &[&str]) -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let inherited = |name: &String| {
        let mut patterns = INHERITED.iter().chain(inherits);
        patterns.any(|pattern| matches(pattern, name))
    };
    names.filter(inherited).collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

/// Who a process works for: owner and agent ids from the outermost inwards. It is read from the
/// environment that we set, never from arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage(Vec<String>);

impl Lineage {
    /// The lineage in the value of [`LINEAGE_VARIABLE`], empty for a host session.
    pub fn parse(value: Option<&OsStr>) -> Self {
        let text = value.map(OsStr::to_string_lossy).unwrap_or_default();
        Self(text.split_whitespace().map(str::to_owned).collect())
    }

    /// The lineage of `agent`, run by `owner`, below this one.
    pub fn child(&self, owner: &OwnerId, agent: &AgentId) -> Self {
        let mut ids = self.0.clone();
        ids.extend([owner.to_string(), agent.to_string()]);
        Self(ids)
    }

    /// The lineage of a command that `owner` runs itself below this one, under a mark of its own.
    pub fn errand(&self, owner: &OwnerId, mark: &str) -> Self {
        let mut ids = self.0.clone();
        ids.extend([owner.to_string(), mark.to_owned()]);
        Self(ids)
    }

    /// How many agents stand above: 0 in a host session.
    pub fn depth(&self) -> usize {
        self.0.iter().filter(|id| id.starts_with("a-")).count()
    }

    /// The nearest agent above, if any.
    pub fn parent(&self) -> Option<AgentId> {
        self.0.iter().rev().find_map(|id| AgentId::parse(id).ok())
    }

    /// The process that runs the innermost agent, if there is one.
    pub(super) fn owner(&self) -> Option<&str> {
        let ids = self.0.iter().rev().map(String::as_str);
        ids.into_iter().find(|id| OwnerId::parse(id).is_ok())
    }

    /// The agents above, outermost first.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        let ids = self.0.iter().map(String::as_str);
        ids.filter(|id| id.starts_with("a-"))
    }

    /// The lineage that a process can claim: `claims` are those in the environments of the processes
    /// above it, outermost first, and its own. Each child of ours carries the lineage of its parent
    /// and more; one that does not go on from what stands above it was put there by somebody else.
    pub fn proven(claims: impl IntoIterator<Item = Lineage>) -> Self {
        let mut proven = Self::default();
        for claim in claims {
            if claim.0.starts_with(&proven.0) {
                proven = claim;
            }
        }
        proven
    }

    /// Whether `id` is part of the lineage.
    pub fn contains(&self, id: &str) -> bool {
        self.0.iter().any(|own| own == id)
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl CleanSignal {
    /// The value of [`CLEAN_SIGNAL_VARIABLE`].
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CleanSignal::Interrupt => "INT",
            CleanSignal::Terminate => "TERM",
        }
    }

    pub(crate) fn parse(name: &str) -> Self {
        if name == "TERM" {
            CleanSignal::Terminate
        } else {
            CleanSignal::Interrupt
        }
    }

    pub(crate) fn signal(self) -> nix::sys::signal::Signal {
        match self {
            CleanSignal::Interrupt => nix::sys::signal::Signal::SIGINT,
            CleanSignal::Terminate => nix::sys::signal::Signal::SIGTERM,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SequentialIds;

    fn spec() -> CommandSpec {
        CommandSpec {
            program: "x".into(),
            args: vec![],
            inherits: &["ANTHROPIC_*"],
            withholds: &["ANTHROPIC_INTERNAL"],
            env: Environment::from([("TERM".to_owned(), "dumb".to_owned())]),
            cwd: "/".into(),
        }
    }

    #[test]
    fn only_listed_variables_reach_the_child() {
        let ours = [
            ("PATH", "/bin"),
            ("TERM", "xterm"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("ANTHROPIC_API_KEY", "k"),
            ("ANTHROPIC_INTERNAL", "n"),
            ("MY_FLAG", "1"),
            ("OSTLER_STORE_URL", "u"),
        ]
        .map(|(k, v)| (OsString::from(k), OsString::from(v)));
        let mut got: Vec<_> = spec()
            .environment(ours, &["MY_*".to_owned()])
            .into_iter()
            .map(|(k, v)| format!("{}={}", k.to_string_lossy(), v.to_string_lossy()))
            .collect();
        got.sort();
        assert_eq!(
            got,
            ["ANTHROPIC_API_KEY=k", "MY_FLAG=1", "PATH=/bin", "TERM=dumb"]
        );
    }

    #[test]
    fn a_lineage_reads_back_and_knows_its_depth() {
        let ids = SequentialIds::default();
        let owner = OwnerId::new(&ids);
        let agent = AgentId::new(&ids);
        let lineage = Lineage::default().child(&owner, &agent);
        let read = Lineage::parse(Some(OsStr::new(&lineage.to_string())));
        assert_eq!(read, lineage);
        assert_eq!((Lineage::default().depth(), read.depth()), (0, 1));
        assert_eq!(read.parent(), Some(agent));
        assert!(read.contains(owner.as_str()));
    }

    #[test]
    fn a_lineage_is_proven_as_far_as_it_goes_on_from_the_one_above() {
        let lineage = |text: &str| Lineage::parse(Some(OsStr::new(text)));
        let proven = |claims: &[&str]| Lineage::proven(claims.iter().map(|it| lineage(it)));
        let (own, below) = ("o-1 a-1", "o-1 a-1 o-2 a-2");
        assert_eq!(proven(&[]), Lineage::default());
        assert_eq!(proven(&["", own, own, below]), lineage(below));
        for forged in ["", "o-1", "o-9 a-9", "o-1 a-9", "nonsense"] {
            assert_eq!(proven(&[own, forged]), lineage(own), "{forged}");
        }
        assert_eq!(proven(&[own, "o-9 a-9", below]), lineage(below));
    }
}

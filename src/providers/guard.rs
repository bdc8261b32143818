//! The guard: a tiny process of the same binary in a session of its own, one for each process that
//! runs agents. It holds a pipe from its owner and ends the owner's children when that pipe closes,
//! whatever killed the owner.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStdin;
use tokio::signal::unix::{SignalKind, signal};

use super::{scratch, tree};
use crate::ids::OwnerId;

/// How long children may take to clean up once their owner is dead.
const PATIENCE: Duration = Duration::from_secs(2);

/// The hidden subcommand that runs [`watch`].
pub const SUBCOMMAND: &str = "guard";

/// A running guard; dropping it makes the guard end the owner's children.
pub struct Guard {
    process: Box<dyn ChildWrapper>,
    _pipe: Option<ChildStdin>,
}

impl Guard {
    /// Starts the guard of `owner`.
    ///
    /// # Errors
    /// When `program` (an ostler binary) cannot be started.
    pub fn start(program: &OsString, owner: &OwnerId) -> io::Result<Self> {
        let mut command = CommandWrap::with_new(program, |command| {
            command
                // In the list of processes it goes by a name that a person knows.
                .arg0("ostler")
                .args([SUBCOMMAND, owner.as_str()])
                .current_dir("/")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
        });
        let mut process = command.wrap(ProcessSession).spawn()?.into_inner();
        let pipe = process.stdin().take();
        Ok(Self {
            process,
            _pipe: pipe,
        })
    }

    /// Whether the guard is still there.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }
}

/// The guard's own work: waits for the end of standard input, then ends every process of `owner`.
///
/// # Errors
/// When signal handlers cannot be installed.
pub async fn watch(owner: &OwnerId) -> io::Result<()> {
    // Handlers that do nothing: what ends the owner politely must not end its guard first.
    let _deaf = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ];
    let mut buffer = [0_u8; 64];
    let mut pipe = tokio::io::stdin();
    while matches!(pipe.read(&mut buffer).await, Ok(read) if read > 0) {}
    let owner = owner.clone();
    let left = tokio::task::spawn_blocking(move || {
        let left = tree::end(owner.as_str(), PATIENCE);
        scratch::sweep(&owner);
        left
    })
    .await;
    tracing::debug!(?left, "the guard has ended its owner's children");
    Ok(())
}

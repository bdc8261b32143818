//! What asks a command to end: Ctrl-C, SIGTERM, SIGHUP, all alike.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::output::err;

/// Signals as close as this are one wish: `timeout` signals a process, and then its group with it.
const SAME: Duration = Duration::from_millis(200);

/// The exit code after a second signal, the shells' own for Ctrl-C.
const KILLED: u8 = 130;

/// Signals that no longer end the process by themselves.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Listens from now on, whatever the parent process had made of these signals.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The outcome of `work`, which the first signal tells by `stop` to end in order and the next one
    /// cuts off.
    pub(super) async fn stopping(
        mut self,
        work: impl Future<Output = anyhow::Result<u8>>,
        stop: &CancellationToken,
    ) -> anyhow::Result<u8> {
        tokio::pin!(work);
        tokio::select! {
            outcome = &mut work => return outcome,
            () = self.first() => {}
        }
        err("\nostler: stopping; once more to kill it\n");
        stop.cancel();
        tokio::select! {
            outcome = &mut work => outcome,
            () = self.next() => {
                // The guard ends what is left when this process is gone.
                err("ostler: killed\n");
                Ok(KILLED)
            }
        }
    }

    /// Waits for the first, and takes those that come with it for the same.
    pub(super) async fn first(&mut self) {
        self.next().await;
        sleep(SAME).await;
        while timeout(Duration::ZERO, self.next()).await.is_ok() {}
    }

    /// Waits for the next one of any kind.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

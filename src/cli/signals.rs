//! What asks a command to end: Ctrl-C, SIGTERM, SIGHUP, all alike.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

/// Signals as close as this are one wish: `timeout` signals a process, and then its group with it.
const SAME: Duration = Duration::from_millis(200);

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

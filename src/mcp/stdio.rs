//! The life of the server process: it begins to answer at once, and whatever ends it (the end of
//! input, SIGINT, SIGTERM, SIGHUP) stops the agents and leaves with success.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rmcp::service::{ServerInitializeError, ServiceExt};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Server;

/// Serves on standard input and output until the client leaves or a signal comes.
///
/// # Errors
/// Failures of the transport, other than its end.
pub async fn serve(server: Server) -> anyhow::Result<()> {
    let leaving = CancellationToken::new();
    let signals = tokio::spawn(cancel_on_signal(leaving.clone())?);
    let (input, output) = rmcp::transport::stdio_pipes();
    // rmcp gives calls in flight five seconds after the end of input; our clients give us half a
    // second. So the end is noticed here, and ends waiting calls at once.
    let input = EndOfInput {
        input,
        ended: leaving.clone(),
    };
    let opening = server.clone();
    let is_host = server.is_host();
    tokio::spawn(async move {
        if !is_host {
            return;
        }
        // Dead owners are cleared up after even if this session never calls a tool.
        match opening.crew().await {
            Ok(crew) => {
                crew.sweep_now_and_then();
                crew.keep_meanings();
            }
            Err(failure) => {
                tracing::warn!(%failure, "the state could not be opened; the next call tries again");
            }
        }
    });
    let opened = server.clone();
    let outcome = match server.serve_with_ct((input, output), leaving.clone()).await {
        Ok(running) => running
            .waiting()
            .await
            .map(|_| ())
            .map_err(anyhow::Error::from),
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => {
            Ok(())
        }
        Err(error) => Err(error.into()),
    };
    if let Some(crew) = opened.opened() {
        crew.close().await;
    }
    signals.abort();
    outcome
}

fn cancel_on_signal(
    leaving: CancellationToken,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        leaving.cancel();
    })
}

/// A reader that tells when it has come to its end.
struct EndOfInput<R> {
    input: R,
    ended: CancellationToken,
}

impl<R: AsyncRead + Unpin> AsyncRead for EndOfInput<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.input).poll_read(context, buffer);
        let at_end = match &polled {
            Poll::Ready(Ok(())) => buffer.filled().len() == before && buffer.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if at_end {
            self.ended.cancel();
        }
        polled
    }
}

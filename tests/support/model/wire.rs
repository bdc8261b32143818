//! The wire of the scripted model: HTTP/1.1 by hand, and server-sent events in chunks.

use std::io;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::State;
use super::dialect::{Call, Dialect, Frame};
use super::reply::{Ending, Reply};

type Socket = BufReader<TcpStream>;

/// Accepts connections for ever and owns them.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (socket, _) = accepted.unwrap();
                connections.spawn(talk(BufReader::new(socket), state.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the requests of one connection until an error, which only means that either side left.
async fn talk(mut socket: Socket, state: Arc<State>) -> io::Result<()> {
    socket.get_ref().set_nodelay(true)?;
    while let Some((method, path, body)) = read_request(&mut socket).await? {
        let (status, answer) = match (method.as_str(), path.as_str()) {
            ("POST", path) if asks_for_an_answer(path) => match serde_json::from_slice(&body) {
                Ok(body) => {
                    let call = Call::new(path, body);
                    state.reply_to(&call).send(&mut socket, &call).await?;
                    continue;
                }
                Err(error) => (400, Dialect::of(path).error(400, &error.to_string(), None)),
            },
            ("POST", "/v1/messages/count_tokens") => (200, json!({"input_tokens": body.len() / 4})),
            ("POST", path) if path.ends_with(":countTokens") => {
                (200, json!({"totalTokens": body.len() / 4}))
            }
            // In the shapes of Anthropic, OpenAI and Codex at once.
            ("GET", "/v1/models") => {
                let lists = json!({"object": "list", "data": [], "models": [], "has_more": false});
                (200, lists)
            }
            ("HEAD", _) => {
                send_head(&mut socket, 200, &[], "content-length: 0\r\n").await?;
                continue;
            }
            (_, path) => (404, Dialect::of(path).error(404, path, None)),
        };
        send_json(&mut socket, status, &[], answer).await?;
    }
    Ok(())
}

/// Whether a path is one of those on which a model answers.
fn asks_for_an_answer(path: &str) -> bool {
    let fixed = ["/v1/messages", "/v1/responses", "/v1/chat/completions"];
    fixed.contains(&path)
        || path.ends_with(":generateContent")
        || path.ends_with(":streamGenerateContent")
}

/// The method, the path without its query, and the body; `None` when the client has left.
async fn read_request(socket: &mut Socket) -> io::Result<Option<(String, String, Vec<u8>)>> {
    let mut line = String::new();
    socket.read_line(&mut line).await?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let path = target.split('?').next().unwrap_or_default();
    let (method, path) = (method.to_owned(), path.to_owned());

    let mut length = 0;
    loop {
        line.clear();
        socket.read_line(&mut line).await?;
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await?;
    Ok(Some((method, path, body)))
}

impl Reply {
    async fn send(self, socket: &mut Socket, call: &Call) -> io::Result<()> {
        if let Some(gate) = &self.gate {
            gate.opened().await;
        }
        let answer = call.answer(&self);
        if let Ending::Error(status, body) = &self.ending {
            let own = || {
                let message = format!("scripted {status}");
                call.dialect.error(*status, &message, self.retry_after())
            };
            let body = body.clone().unwrap_or_else(own);
            return send_json(socket, *status, &self.headers, body).await;
        }
        if call.streaming {
            let framing = "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n";
            send_head(socket, 200, &self.headers, framing).await?;
            for frame in &answer.frames {
                if frame.is_delta {
                    sleep(self.chunk_delay).await;
                }
                send_frame(socket, frame).await?;
            }
        }
        match &self.ending {
            Ending::Hang => wait_until_closed(socket).await,
            Ending::Cut => Err(io::ErrorKind::ConnectionAborted.into()),
            Ending::Failed(error) if call.streaming => finish(socket, &[call.failure(error)]).await,
            _ if call.streaming => finish(socket, &answer.end).await,
            _ => send_json(socket, 200, &self.headers, answer.whole).await,
        }
    }
}

/// `framing` is whole header lines.
async fn send_head(
    socket: &mut Socket,
    status: u16,
    headers: &[(String, String)],
    framing: &str,
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\nrequest-id: req_scripted\r\n{framing}");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    socket.write_all(format!("{head}\r\n").as_bytes()).await
}

async fn send_json(
    socket: &mut Socket,
    status: u16,
    headers: &[(String, String)],
    body: Value,
) -> io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    let framing = format!("content-type: application/json\r\ncontent-length: {length}\r\n");
    send_head(socket, status, headers, &framing).await?;
    socket.write_all(body.as_bytes()).await
}

async fn send_frame(socket: &mut Socket, frame: &Frame) -> io::Result<()> {
    let event = &frame.text;
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    socket.write_all(chunk.as_bytes()).await
}

/// The end of a stream.
async fn finish(socket: &mut Socket, frames: &[Frame]) -> io::Result<()> {
    for frame in frames {
        send_frame(socket, frame).await?;
    }
    socket.write_all(b"0\r\n\r\n").await
}

async fn wait_until_closed(socket: &mut Socket) -> io::Result<()> {
    while socket.read_u8().await.is_ok() {}
    Err(io::ErrorKind::ConnectionAborted.into())
}

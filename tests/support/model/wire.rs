//! The wire of the scripted model: HTTP/1.1 by hand and the event stream of a message.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Ending, Gate, Reply, State, last_user_text, list};

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
            ("POST", "/v1/messages") => match serde_json::from_slice(&body) {
                Ok(body) => {
                    state.reply_to(&body).send(&mut socket, &body).await?;
                    continue;
                }
                Err(error) => (400, error_body(400, &error.to_string())),
            },
            ("POST", "/v1/messages/count_tokens") => (200, json!({"input_tokens": body.len() / 4})),
            ("GET", "/v1/models") => (200, json!({"data": [], "has_more": false})),
            ("HEAD", _) => {
                send_head(&mut socket, 200, "", "content-length: 0\r\n").await?;
                continue;
            }
            _ => (404, error_body(404, &path)),
        };
        send_json(&mut socket, status, "", answer).await?;
    }
    Ok(())
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
    async fn send(self, socket: &mut Socket, request: &Value) -> io::Result<()> {
        if let Some(Gate(open)) = &self.gate {
            open.subscribe().wait_for(|open| *open).await.unwrap();
        }
        if let Ending::Error(status) = self.ending {
            let body = error_body(status, &format!("scripted {status}"));
            return send_json(socket, status, &self.headers, body).await;
        }
        let message = self.message(request);
        let streaming = request["stream"] == true;
        if streaming {
            self.stream(socket, &message).await?;
        }
        match self.ending {
            Ending::Hang => wait_until_closed(socket).await,
            Ending::Cut => Err(io::ErrorKind::ConnectionAborted.into()),
            _ if streaming => finish(socket, &message).await,
            _ => send_json(socket, 200, &self.headers, message).await,
        }
    }

    /// The whole answer as the API gives it when not streaming.
    fn message(&self, request: &Value) -> Value {
        // Counted over all models, because a resumed session may talk to several of them.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut content = self.blocks.clone();
        let mut stop_reason = "end_turn";
        for (index, block) in content.iter_mut().enumerate() {
            if let Some(text) = block["text"].as_str() {
                block["text"] = text
                    .replace("{{last_user}}", &last_user_text(request))
                    .into();
            } else {
                block["id"] = format!("toolu_{count}_{index}").into();
                stop_reason = "tool_use";
            }
        }
        json!({
            "id": format!("msg_{count}"), "type": "message", "role": "assistant",
            "model": request["model"], "content": content, "usage": self.usage,
            "stop_reason": stop_reason, "stop_sequence": null,
        })
    }

    /// Streams the message up to where a complete one would be finished.
    async fn stream(&self, socket: &mut Socket, message: &Value) -> io::Result<()> {
        let framing = "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n";
        send_head(socket, 200, &self.headers, framing).await?;
        let mut start = message.clone();
        start["content"] = json!([]);
        start["stop_reason"] = Value::Null;
        start["usage"]["output_tokens"] = json!(1);
        send_event(socket, json!({"type": "message_start", "message": start})).await?;
        for (index, block) in list(&message["content"]).enumerate() {
            let mut event = json!({"type": "content_block_start", "index": index});
            let (start, deltas) = pieces(block);
            event["content_block"] = start;
            send_event(socket, event).await?;
            for delta in deltas {
                sleep(self.chunk_delay).await;
                let event = json!({"type": "content_block_delta", "index": index, "delta": delta});
                send_event(socket, event).await?;
            }
            let event = json!({"type": "content_block_stop", "index": index});
            send_event(socket, event).await?;
        }
        Ok(())
    }
}

/// `headers` and `framing` are whole header lines.
async fn send_head(
    socket: &mut Socket,
    status: u16,
    headers: &str,
    framing: &str,
) -> io::Result<()> {
    let first = format!("HTTP/1.1 {status} Scripted\r\nrequest-id: req_scripted\r\n");
    let head = format!("{first}{framing}{headers}\r\n");
    socket.write_all(head.as_bytes()).await
}

async fn send_json(socket: &mut Socket, status: u16, headers: &str, body: Value) -> io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    let framing = format!("content-type: application/json\r\ncontent-length: {length}\r\n");
    send_head(socket, status, headers, &framing).await?;
    socket.write_all(body.as_bytes()).await
}

async fn send_event(socket: &mut Socket, event: Value) -> io::Result<()> {
    let kind = event["type"].as_str().unwrap_or_default();
    let event = format!("event: {kind}\ndata: {event}\n\n");
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    socket.write_all(chunk.as_bytes()).await
}

/// The end of a streamed message.
async fn finish(socket: &mut Socket, message: &Value) -> io::Result<()> {
    let delta = json!({"stop_reason": message["stop_reason"], "stop_sequence": null});
    let event = json!({"type": "message_delta", "delta": delta, "usage": message["usage"]});
    send_event(socket, event).await?;
    send_event(socket, json!({"type": "message_stop"})).await?;
    socket.write_all(b"0\r\n\r\n").await
}

async fn wait_until_closed(socket: &mut Socket) -> io::Result<()> {
    while socket.read_u8().await.is_ok() {}
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// How a content block is streamed: as an empty block and the deltas that fill it.
fn pieces(block: &Value) -> (Value, Vec<Value>) {
    let mut start = block.clone();
    if let Some(text) = block["text"].as_str() {
        start["text"] = json!("");
        let (head, tail) = text.split_at(text.floor_char_boundary(text.len() / 2));
        let delta = |text| json!({"type": "text_delta", "text": text});
        (start, vec![delta(head), delta(tail)])
    } else {
        start["input"] = json!({});
        let json = block["input"].to_string();
        let delta = json!({"type": "input_json_delta", "partial_json": json});
        (start, vec![delta])
    }
}

fn error_body(status: u16, message: &str) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    let error = json!({"type": kind, "message": message});
    json!({"type": "error", "request_id": "req_scripted", "error": error})
}

//! An agent's log for a person: a line an entry, the time since its run began, and plain words.

use serde_json::Value;

use super::output::duration;
use crate::agents::LogEntry;
use crate::text::one_line;

/// Characters of an entry that are shown.
const SHOWN: usize = 400;

/// Reads an agent's entries in their order.
#[derive(Default)]
pub(super) struct Log {
    run_no: u32,
    began_ms: i64,
    /// The last text, which the end of a turn often repeats.
    said: String,
}

impl Log {
    /// The line for the next entry.
    pub(super) fn line(&mut self, entry: &LogEntry) -> String {
        let begins = entry.kind == "state" && text(&entry.body, "to") == "running";
        if entry.run_no != self.run_no || begins {
            self.run_no = entry.run_no;
            self.began_ms = entry.at_ms;
        }
        let time = duration((entry.at_ms - self.began_ms).max(0) / 1000);
        let words = self.words(entry);
        format!("{time}  {}\n", one_line(&words, SHOWN).trim_end())
    }

    fn words(&mut self, entry: &LogEntry) -> String {
        let body = &entry.body;
        let of = |name| text(body, name);
        match entry.kind.as_str() {
            "state" => {
                let more = [of("prompt"), of("detail")].concat();
                format!("{}  {more}", of("to"))
            }
            "started" => format!("session up  {}", of("model")),
            "text" => {
                self.said = of("text").to_owned();
                self.said.clone()
            }
            "thought" => format!("thinks  {}", of("text")),
            "tool" => format!("{}  {}", of("name"), of("input")),
            "tool_result" => tool_result(body),
            "file" => format!("wrote  {}", of("path")),
            "submitted" => "result handed in".to_owned(),
            "misfit" => format!("result does not fit  {}", all(body, "misfits")),
            "denied" => format!("denied  {}  {}", of("tool"), of("why")),
            "steer" => format!("message  {}", of("message")),
            "steer_delivered" => "message delivered".to_owned(),
            "retry" => format!("tries again  {}", of("reason")),
            "backoff" => {
                let wait = body
                    .get("wait_s")
                    .and_then(Value::as_f64)
                    .unwrap_or_default();
                format!("turned away  {}  goes on in {wait} s", of("message"))
            }
            "turn_ended" if of("text") == self.said => "turn ended".to_owned(),
            "turn_ended" => format!("turn ended  {}", of("text")),
            "turn_interrupted" => "turn broken off".to_owned(),
            "limit" => format!("limit reached  {}", of("limit")),
            "failed" => format!("failed  {}", of("message")),
            "noise" => format!("output  {}", of("line")),
            "workspace" => format!("worktree  {}", of("path")),
            "workspace_settled" => {
                let commits = body
                    .get("commits")
                    .and_then(Value::as_u64)
                    .unwrap_or_default();
                format!(
                    "worktree settled  {commits} commits on {}  {}",
                    of("branch"),
                    of("note")
                )
            }
            "restarted" => format!("restarted  {}", of("why")),
            kind => format!("{kind}  {body}"),
        }
    }
}

/// What a call that failed answered is worth reading.
fn tool_result(body: &Value) -> String {
    let ok = body.get("ok").and_then(Value::as_bool) == Some(true);
    let ended = match body.get("exit_code").and_then(Value::as_i64) {
        Some(code) => format!("-> exit {code}"),
        None if ok => "-> ok".to_owned(),
        None => "-> failed".to_owned(),
    };
    match ok {
        true => ended,
        false => format!("{ended}  {}", text(body, "output")),
    }
}

fn all(body: &Value, name: &str) -> String {
    let list = body.get(name).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.collect::<Vec<_>>().join("; ")
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(run_no: u32, second: i64, kind: &str, body: Value) -> LogEntry {
        LogEntry {
            seq: 1,
            run_no,
            at_ms: 1_000_000 + second * 1000,
            kind: kind.to_owned(),
            body,
        }
    }

    #[test]
    fn a_log_reads_like_an_account() {
        let entries = [
            entry(
                1,
                0,
                "state",
                json!({ "to": "queued", "prompt": "build\nit" }),
            ),
            entry(1, 9, "state", json!({ "from": "queued", "to": "running" })),
            entry(1, 10, "started", json!({ "session": "x", "model": "" })),
            entry(1, 11, "text", json!({ "text": "I will\nbuild" })),
            entry(
                1,
                12,
                "tool",
                json!({ "id": "1", "name": "shell", "input": "make all" }),
            ),
            entry(
                1,
                14,
                "tool_result",
                json!({ "ok": true, "exit_code": 0, "output": "x" }),
            ),
            entry(
                1,
                15,
                "tool_result",
                json!({ "ok": false, "exit_code": 2, "output": "no" }),
            ),
            entry(
                1,
                15,
                "tool_result",
                json!({ "ok": true, "exit_code": null, "output": "x" }),
            ),
            entry(1, 16, "denied", json!({ "tool": "write", "by": "cli" })),
            entry(1, 17, "text", json!({ "text": "built" })),
            entry(1, 17, "turn_ended", json!({ "text": "built" })),
            entry(
                1,
                80,
                "state",
                json!({ "to": "stopped", "detail": "by hand" }),
            ),
            entry(2, 99, "state", json!({ "to": "queued", "prompt": "go on" })),
            entry(2, 99, "novel", json!({ "a": 1 })),
        ];
        let mut log = Log::default();
        let lines: String = entries.iter().map(|entry| log.line(entry)).collect();
        let expected = "\
0:00  queued  build it
0:00  running
0:01  session up
0:02  I will build
0:03  shell  make all
0:05  -> exit 0
0:06  -> exit 2  no
0:06  -> ok
0:07  denied  write
0:08  built
0:08  turn ended
1:11  stopped  by hand
0:00  queued  go on
0:00  novel  {\"a\":1}
";
        assert_eq!(lines, expected);
    }
}

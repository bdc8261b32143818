//! Any executable as a provider. It reads the prompt on standard input and what it prints is the
//! result. A script that wants to be watched prints progress lines, JSON objects with the key
//! `ostler`; one that wants to be steered is configured with `input = "lines"` and gets its input
//! as such lines too. The protocol is documented in `examples/scripts/README.md`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Arrival, Capabilities, CleanSignal, Codec, Command, CommandSpec, Decision, Environment, Event,
    Exit, Failure, FailureClass, Gate, Input, InstructionSupport, Launch, ModelChoice,
    PermissionSupport, Provider, Reach, ResumeSupport, SteerSupport, StopLadder, Usage, UsageScope,
    When, clip, role,
};
use crate::config::{ScriptInput, ScriptProvider};

/// Plain output kept as the result; the rest is thrown away and said so.
const RESULT_LIMIT: usize = 1024 * 1024;

pub(super) fn capabilities(config: &ScriptProvider) -> Capabilities {
    // A plain program may print progress lines, and need not.
    let lines = config.input == ScriptInput::Lines;
    Capabilities {
        steer: if lines {
            SteerSupport::Injected
        } else {
            SteerSupport::None
        },
        resume: ResumeSupport::Restarts,
        permissions: PermissionSupport::None,
        turns: lines,
        usage: lines.then_some(UsageScope::Run),
        cost: lines,
        structured_output: false,
        model: ModelChoice::ByName,
        // A script is told of it, and nobody knows what it makes of that.
        effort: false,
        instructions: InstructionSupport::Prompt,
        tools: false,
        cold_start: false,
    }
}

pub(super) fn prepare(config: &ScriptProvider, launch: &Launch) -> Provider {
    let mut words = config.command.iter();
    let program = words.next().cloned().unwrap_or_default();
    let mut env: Environment = config.env.clone();
    env.insert(
        "OSTLER_SESSION_ID".to_owned(),
        launch.conversation.session().to_owned(),
    );
    env.insert(
        "OSTLER_PERMISSION".to_owned(),
        launch.permission.as_str().to_owned(),
    );
    if let Some(model) = &launch.model {
        env.insert("OSTLER_MODEL".to_owned(), model.clone());
    }
    if let Some(effort) = launch.effort {
        env.insert("OSTLER_EFFORT".to_owned(), effort.as_str().to_owned());
    }
    let lines = config.input == ScriptInput::Lines;
    Provider {
        command: CommandSpec {
            program: program.into(),
            args: words.map(Into::into).collect(),
            inherits: &[],
            withholds: &[],
            env,
            cwd: launch.cwd.clone(),
        },
        codec: Box::new(Script {
            session: launch.conversation.session().to_owned(),
            model: launch.model.clone().unwrap_or_default(),
            instructions: launch.instructions.clone(),
            input: config.input,
            started: false,
            ended: false,
            interrupted: false,
            cut_short: false,
            plain: String::new(),
            cut: 0,
        }),
        ladder: StopLadder {
            leave: Duration::from_secs(8),
            interrupt: if lines {
                Duration::from_secs(2)
            } else {
                Duration::ZERO
            },
            close: Duration::from_millis(if lines { 500 } else { 0 }),
            signal: Duration::from_secs(2),
            clean: CleanSignal::Terminate,
        },
        files: Vec::new(),
        keeps_temporaries: false,
    }
}

struct Script {
    session: String,
    model: String,
    instructions: String,
    input: ScriptInput,
    started: bool,
    /// The script sent its own end event, or was asked to leave.
    ended: bool,
    interrupted: bool,
    /// It was asked to leave before its end.
    cut_short: bool,
    plain: String,
    cut: usize,
}

/// A line that a script with `input = "lines"` reads.
#[derive(Serialize)]
#[serde(tag = "ostler", rename_all = "snake_case")]
enum ToScript<'a> {
    Prompt {
        text: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        instructions: &'a str,
    },
    Steer {
        id: &'a str,
        text: &'a str,
        when: When,
    },
    Answer {
        request: &'a str,
        allow: bool,
        reason: &'a str,
    },
    Reply {
        request: &'a str,
        text: &'a str,
    },
    Interrupt,
}

/// A progress line of a script.
#[derive(Deserialize)]
#[serde(tag = "ostler", rename_all = "snake_case")]
enum FromScript {
    Turn,
    Text {
        text: String,
    },
    Thought {
        text: String,
    },
    ToolStart {
        id: String,
        name: String,
        #[serde(default)]
        input: Value,
        command: Option<String>,
    },
    FileChanged {
        path: String,
    },
    ToolEnd {
        id: String,
        #[serde(default = "yes")]
        ok: bool,
        exit_code: Option<i32>,
        #[serde(default)]
        output: String,
    },
    Ask {
        request: String,
        tool: String,
        #[serde(default)]
        input: Value,
    },
    Question {
        request: String,
        text: String,
    },
    Usage {
        #[serde(default)]
        input_tokens: u64,
        #[serde(default)]
        output_tokens: u64,
        cost_usd: Option<f64>,
    },
    Delivered {
        id: String,
    },
    Retrying {
        reason: String,
        class: Option<FailureClass>,
    },
    Interrupted,
    Result {
        text: String,
    },
    Error {
        message: String,
        class: Option<FailureClass>,
        retry_after_s: Option<u32>,
    },
}

fn yes() -> bool {
    true
}

impl Script {
    fn started(&mut self) -> Option<Event> {
        (!std::mem::replace(&mut self.started, true)).then(|| Event::Started {
            session: self.session.clone(),
            model: self.model.clone(),
        })
    }

    /// What a plain program printed.
    fn output(&mut self) -> String {
        let mut text = std::mem::take(&mut self.plain);
        if self.cut > 0 {
            text.push_str(&format!("\n[{} more bytes were cut off]", self.cut));
        }
        text
    }

    /// What a plain program had printed when it was cut off or failed, to be kept.
    fn unfinished(&mut self) -> Option<Event> {
        let text = self.output();
        (!text.is_empty()).then_some(Event::Text { text })
    }

    fn line(&self, line: &ToScript<'_>) -> Vec<Input> {
        match (self.input, serde_json::to_string(line)) {
            (ScriptInput::Lines, Ok(line)) => vec![Input::Line(line)],
            _ => Vec::new(),
        }
    }

    fn event(&mut self, line: FromScript) -> Event {
        match line {
            FromScript::Turn => Event::Stepped,
            FromScript::Text { text } => Event::Text { text },
            FromScript::Thought { text } => Event::Thought { text },
            FromScript::ToolStart {
                id,
                name,
                input,
                command,
            } => Event::ToolStarted {
                id,
                name,
                input,
                command,
            },
            FromScript::FileChanged { path } => Event::FileChanged { path },
            FromScript::ToolEnd {
                id,
                ok,
                exit_code,
                output,
            } => Event::ToolEnded {
                id,
                ok,
                exit_code,
                output,
            },
            FromScript::Ask {
                request,
                tool,
                input,
            } => Event::PermissionAsked {
                call: String::new(),
                gate: Gate::Approval,
                request,
                tool,
                input,
                reach: Reach::Acts,
                files: Vec::new(),
            },
            FromScript::Question { request, text } => Event::QuestionAsked {
                request,
                question: text,
            },
            FromScript::Usage {
                input_tokens,
                output_tokens,
                cost_usd,
            } => Event::Usage(Usage {
                input_tokens,
                output_tokens,
                cost_usd,
                is_final: true,
                ..Usage::default()
            }),
            FromScript::Delivered { id } => Event::SteerDelivered {
                id,
                how: Arrival::SameTurn,
            },
            FromScript::Retrying { reason, class } => Event::Retrying {
                reason,
                attempt: 1,
                class,
            },
            FromScript::Interrupted => {
                self.interrupted = true;
                Event::TurnInterrupted {
                    more_follows: false,
                }
            }
            FromScript::Result { text } => {
                self.ended = true;
                Event::TurnEnded {
                    text,
                    more_follows: false,
                }
            }
            FromScript::Error {
                message,
                class,
                retry_after_s,
            } => {
                self.ended = true;
                Event::Failed(Failure {
                    class: class.unwrap_or(FailureClass::Other),
                    message,
                    retry_after_s,
                })
            }
        }
    }
}

impl Codec for Script {
    fn send(&mut self, command: Command) -> Vec<Input> {
        match command {
            Command::Prompt(text) => match self.input {
                ScriptInput::Text => {
                    let text = role::in_front(&self.instructions, &text);
                    vec![Input::Text(text), Input::Close]
                }
                ScriptInput::Lines => self.line(&ToScript::Prompt {
                    text: &text,
                    instructions: &self.instructions,
                }),
            },
            Command::Steer { id, text, when } => self.line(&ToScript::Steer {
                id: &id,
                text: &text,
                when,
            }),
            Command::Answer { request, decision } => {
                let (allow, reason) = match &decision {
                    Decision::Allow => (true, ""),
                    Decision::Deny(reason) => (false, reason.as_str()),
                    Decision::Reply(text) => {
                        return self.line(&ToScript::Reply {
                            request: &request,
                            text,
                        });
                    }
                };
                self.line(&ToScript::Answer {
                    request: &request,
                    allow,
                    reason,
                })
            }
            Command::Interrupt => self.line(&ToScript::Interrupt),
            Command::AskUsage => Vec::new(),
            Command::Close => {
                // Whatever the end of the process looks like now, we asked for it.
                self.cut_short = !self.ended;
                self.ended = true;
                vec![Input::Close]
            }
        }
    }

    fn receive(&mut self, line: &str) -> Vec<Event> {
        let mut events: Vec<Event> = self.started().into_iter().collect();
        let value: Option<Value> = line
            .starts_with('{')
            .then(|| serde_json::from_str(line).ok())
            .flatten();
        match value.filter(|value| value.get("ostler").is_some()) {
            Some(value) => events.push(match serde_json::from_value(value) {
                Ok(line) => self.event(line),
                Err(_) => Event::Noise {
                    line: clip(line, 200).to_owned(),
                },
            }),
            None if self.input == ScriptInput::Lines => {
                events.push(Event::Noise {
                    line: clip(line, 200).to_owned(),
                });
            }
            None if self.plain.len() + line.len() < RESULT_LIMIT => {
                if !self.plain.is_empty() {
                    self.plain.push('\n');
                }
                self.plain.push_str(line);
            }
            None => self.cut += line.len() + 1,
        }
        events
    }

    fn receive_cut(&mut self, beginning: &str, bytes: u64) -> Vec<Event> {
        // A lines script says nothing in lines of this length.
        if self.input == ScriptInput::Lines {
            return Vec::new();
        }
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.cut += bytes.saturating_sub(beginning.len());
        self.receive(beginning)
    }

    fn exited(&mut self, exit: &Exit) -> Vec<Event> {
        let mut events: Vec<Event> = self.started().into_iter().collect();
        if self.ended || self.interrupted {
            return match self.cut_short {
                true => self.unfinished().into_iter().collect(),
                false => Vec::new(),
            };
        }
        if !exit.is_success() {
            events.extend(self.unfinished());
            events.push(Event::Failed(Failure::new(
                FailureClass::Crashed,
                format!("the script ended with {exit}"),
            )));
            return events;
        }
        match self.input {
            // For a plain program, exit code 0 is the end event: it has no other way to say so.
            ScriptInput::Text => {
                events.push(Event::TurnEnded {
                    text: self.output(),
                    more_follows: false,
                });
            }
            ScriptInput::Lines => events.push(Event::Failed(Failure::new(
                FailureClass::Protocol,
                "the script ended without a result line; print {\"ostler\":\"result\",\"text\":…} \
                 before leaving",
            ))),
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(input: ScriptInput) -> Script {
        Script {
            session: "session".to_owned(),
            model: String::new(),
            instructions: String::new(),
            input,
            started: false,
            ended: false,
            interrupted: false,
            cut_short: false,
            plain: String::new(),
            cut: 0,
        }
    }

    fn exit(code: i32) -> Exit {
        Exit {
            code: Some(code),
            signal: None,
            stderr: "boom".to_owned(),
        }
    }

    fn started() -> Event {
        Event::Started {
            session: "session".to_owned(),
            model: String::new(),
        }
    }

    #[test]
    fn plain_output_is_the_result_when_the_program_succeeds() {
        let mut script = script(ScriptInput::Text);
        assert_eq!(
            script.send(Command::Prompt("hi".to_owned())),
            [Input::Text("hi".to_owned()), Input::Close]
        );
        assert_eq!(script.receive("{\"a\":1}"), [started()]);
        assert_eq!(script.receive("two"), []);
        assert_eq!(
            script.exited(&exit(0)),
            [Event::TurnEnded {
                text: "{\"a\":1}\ntwo".to_owned(),
                more_follows: false
            }]
        );
    }

    #[test]
    fn a_role_stands_in_front_of_a_text_and_beside_it_in_a_line() {
        let role = |input| Script {
            instructions: "Be brief.".to_owned(),
            ..script(input)
        };
        let prompt = || Command::Prompt("hi".to_owned());
        let [Input::Text(text), Input::Close] = &role(ScriptInput::Text).send(prompt())[..] else {
            panic!("a text and its end")
        };
        assert!(text.contains("Be brief.") && text.ends_with("hi"), "{text}");
        let line = r#"{"ostler":"prompt","text":"hi","instructions":"Be brief."}"#;
        assert_eq!(
            role(ScriptInput::Lines).send(prompt()),
            [Input::Line(line.to_owned())]
        );
        let line = r#"{"ostler":"prompt","text":"hi"}"#;
        assert_eq!(
            script(ScriptInput::Lines).send(prompt()),
            [Input::Line(line.to_owned())]
        );
    }

    #[test]
    fn a_failing_program_fails_with_its_standard_error() {
        let mut script = script(ScriptInput::Text);
        let events = script.exited(&exit(3));
        assert_eq!(events.first(), Some(&started()));
        let Some(Event::Failed(failure)) = events.get(1) else {
            panic!("{events:?}")
        };
        assert_eq!(
            failure.message,
            "the script ended with exit code 3; it wrote: boom"
        );
    }

    #[test]
    fn what_a_program_had_printed_is_kept_when_it_fails_or_is_cut_off() {
        let text = |text: &str| Event::Text {
            text: text.to_owned(),
        };
        let mut failing = script(ScriptInput::Text);
        failing.receive("one finding");
        let events = failing.exited(&exit(3));
        assert_eq!(events.first(), Some(&text("one finding")));
        assert!(matches!(events.get(1), Some(Event::Failed(_))));

        let mut slow = script(ScriptInput::Text);
        slow.receive("another");
        slow.send(Command::Close);
        assert_eq!(slow.exited(&exit(143)), [text("another")]);
    }

    #[test]
    fn lines_mode_wants_a_result_line() {
        let mut quiet = script(ScriptInput::Lines);
        assert!(matches!(
            quiet.exited(&exit(0)).last(),
            Some(Event::Failed(Failure {
                class: FailureClass::Protocol,
                ..
            }))
        ));
        let mut proper = script(ScriptInput::Lines);
        assert_eq!(
            proper.receive(r#"{"ostler":"result","text":"done"}"#),
            [
                started(),
                Event::TurnEnded {
                    text: "done".to_owned(),
                    more_follows: false
                }
            ]
        );
        assert_eq!(proper.exited(&exit(0)), []);
    }

    #[test]
    fn endless_plain_output_is_bounded() {
        let mut script = script(ScriptInput::Text);
        let line = "x".repeat(1000);
        for _ in 0..5000 {
            script.receive(&line);
        }
        assert!(script.plain.len() <= RESULT_LIMIT);
        let events = script.exited(&exit(0));
        let Some(Event::TurnEnded { text, .. }) = events.last() else {
            panic!()
        };
        assert!(text.ends_with("more bytes were cut off]"));
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in ".*") {
            script(ScriptInput::Text).receive(&line);
            script(ScriptInput::Lines).receive(&format!("{{\"ostler\":{line}}}"));
        }
    }
}

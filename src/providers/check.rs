//! A shell command that checks what a child has left. It is started, watched and ended like a child,
//! so that nothing of it can stay behind.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    CleanSignal, Codec, Command, CommandSpec, Environment, Event, Exit, Failure, FailureClass,
    Input, Provider, StopLadder, clip,
};

/// How much of the end of its output is kept, and of one line.
const KEPT: usize = 1500;
const KEPT_OF_LINE: usize = 300;

/// The command `line` in `cwd`, with the common part of our environment and no input. It ends with
/// [`Event::TurnEnded`] for exit code 0, else with [`Event::Failed`], which tells the end of its output.
pub(crate) fn check(line: &str, cwd: PathBuf) -> Provider {
    Provider {
        command: CommandSpec {
            program: "sh".into(),
            // What goes wrong is told on either.
            args: vec!["-c".into(), format!("exec 2>&1\n{line}").into()],
            inherits: &[],
            withholds: &[],
            env: Environment::new(),
            cwd,
        },
        codec: Box::<Check>::default(),
        ladder: StopLadder {
            leave: Duration::ZERO,
            interrupt: Duration::ZERO,
            close: Duration::ZERO,
            signal: Duration::from_secs(2),
            clean: CleanSignal::Terminate,
        },
        files: Vec::new(),
        keeps_temporaries: false,
    }
}

#[derive(Default)]
struct Check {
    tail: VecDeque<String>,
    bytes: usize,
}

impl Codec for Check {
    fn send(&mut self, command: Command) -> Vec<Input> {
        match command {
            Command::Prompt(_) | Command::Close => vec![Input::Close],
            _ => Vec::new(),
        }
    }

    fn receive(&mut self, line: &str) -> Vec<Event> {
        let line = clip(line, KEPT_OF_LINE).to_owned();
        self.bytes += line.len() + 1;
        self.tail.push_back(line);
        while self.bytes > KEPT {
            match self.tail.pop_front() {
                Some(first) => self.bytes -= first.len() + 1,
                None => break,
            }
        }
        Vec::new()
    }

    fn receive_cut(&mut self, beginning: &str, _bytes: u64) -> Vec<Event> {
        self.receive(beginning)
    }

    fn exited(&mut self, exit: &Exit) -> Vec<Event> {
        if exit.is_success() {
            let (text, more_follows) = (String::new(), false);
            return vec![Event::TurnEnded { text, more_follows }];
        }
        let output = self.tail.make_contiguous().join("\n");
        let message = match output.trim() {
            "" => exit.to_string(),
            output => format!("{exit}; the end of its output:\n{output}"),
        };
        vec![Event::Failed(Failure::new(FailureClass::Other, message))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(code: i32) -> Exit {
        Exit {
            code: Some(code),
            signal: None,
            stderr: String::new(),
        }
    }

    #[test]
    fn a_failure_tells_the_end_of_the_output() {
        let mut check = Check::default();
        for number in 0..1000 {
            check.receive(&format!("line {number}"));
        }
        let events = check.exited(&exit(3));
        let [Event::Failed(failure)] = events.as_slice() else {
            panic!("{events:?}")
        };
        let told = &failure.message;
        assert!(
            told.starts_with("exit code 3; the end of its output:\nline "),
            "{told}"
        );
        assert!(told.ends_with("line 998\nline 999"), "{told}");
        assert!(told.len() < KEPT + 100, "{} bytes", told.len());
    }

    #[test]
    fn a_success_needs_no_words() {
        let mut check = Check::default();
        check.receive("all well");
        let (text, more_follows) = (String::new(), false);
        assert_eq!(
            check.exited(&exit(0)),
            [Event::TurnEnded { text, more_follows }]
        );
        let told = check.exited(&exit(1));
        check.tail.clear();
        assert_ne!(check.exited(&exit(1)), told);
    }
}

//! Colour, for a terminal and nobody else.

use std::ffi::OsStr;
use std::io::{self, IsTerminal};

use anstyle::{AnsiColor, Style};

/// Whether text on standard output is painted.
#[derive(Clone, Copy)]
pub(super) struct Paint(bool);

impl Paint {
    /// On a terminal, unless `NO_COLOR` is set or the terminal is a dumb one.
    pub(super) fn of_stdout() -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == OsStr::new("dumb"));
        Self(io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb)
    }

    /// What matters most on its line.
    pub(super) fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What is only there in case somebody looks for it.
    pub(super) fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// Where a task stands, in its colour.
    pub(super) fn status(self, status: &str) -> String {
        let style = match status {
            "ready" => AnsiColor::Green.on_default(),
            "in_progress" => AnsiColor::Yellow.on_default(),
            "blocked" => AnsiColor::Red.on_default(),
            "waits" | "deferred" => AnsiColor::Cyan.on_default(),
            _ => Style::new().dimmed(),
        };
        self.with(style, status)
    }

    fn with(self, style: Style, text: &str) -> String {
        match self.0 {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_goes_to_a_terminal_is_painted() {
        assert_eq!(Paint(false).status("ready"), "ready");
        assert_eq!(Paint(true).status("ready"), "\u{1b}[32mready\u{1b}[0m");
    }
}

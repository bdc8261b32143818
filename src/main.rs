//! The ostler binary; everything is in the library.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    ostler::cli::main()
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    use std::io::Write as _;

    let refusal = "ostler does not run on Windows: it has no process sessions, signals and guard \
                   there to make sure that no agent is left behind. Run it in WSL.";
    let _ = writeln!(std::io::stderr(), "{refusal}");
    ExitCode::from(70)
}

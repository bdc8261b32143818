//! The leash: a child is started through a moment of this binary that makes the process a subreaper
//! and then becomes the child. From then on whatever loses its parents below the child stays below
//! it, and is found there even when it has emptied its environment.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{AccessFlags, access};

/// The hidden subcommand that runs [`become_child`].
pub const SUBCOMMAND: &str = "leash";

/// How standard error begins when [`become_child`] failed.
pub(super) const NOT_STARTED: &str = "ostler: cannot start ";

/// Becomes `program`. Returns only the reason why that failed.
pub fn become_child(program: &OsString, args: &[OsString]) -> io::Error {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        return error.into();
    }
    Command::new(program).args(args).exec()
}

/// What would keep `program` from being started, as far as it shows before.
///
/// # Errors
/// `NotFound` and `PermissionDenied`, as the start itself would give them.
pub(super) fn check(program: &Path) -> io::Result<()> {
    if !program.is_file() {
        let kind = if program.exists() {
            io::ErrorKind::PermissionDenied
        } else {
            io::ErrorKind::NotFound
        };
        return Err(kind.into());
    }
    Ok(access(program, AccessFlags::X_OK)?)
}

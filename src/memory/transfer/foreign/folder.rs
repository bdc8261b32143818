//! A folder of Markdown files, read as a whole within bounds. Nothing that a link leads to is read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Document;
use crate::transfer::FileError;

/// Most files, and most bytes of all of them.
const FILES: usize = 5000;
const MOST_MB: u64 = 64;
/// Deepest folder.
const DEEP: usize = 8;

impl Document {
    /// The Markdown files in and below a folder, by their names from there on, in their order.
    ///
    /// # Errors
    /// A folder or a file that cannot be read; too much of it.
    pub fn all_in(folder: &Path) -> Result<Vec<Document>, FileError> {
        let mut documents = Vec::new();
        let mut open = vec![(folder.to_owned(), String::new(), 0)];
        let mut bytes = 0;
        while let Some((path, name, depth)) = open.pop() {
            let mut entries: Vec<_> = std::fs::read_dir(&path)
                .and_then(Iterator::collect)
                .map_err(FileError::Unread)?;
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries {
                let kind = entry.file_type().map_err(FileError::Unread)?;
                let own = entry.file_name().to_string_lossy().into_owned();
                // Settings and histories of programs.
                if own.starts_with('.') {
                    continue;
                }
                let own = format!("{name}{own}");
                if kind.is_dir() && depth == DEEP {
                    let problem = format!("has more than {DEEP} folders in each other");
                    return Err(bad(folder, problem));
                }
                if kind.is_dir() {
                    open.push((entry.path(), format!("{own}/"), depth + 1));
                } else if kind.is_file() && own.to_lowercase().ends_with(".md") {
                    let text = text(&entry.path(), &own, &mut bytes)?;
                    documents.push(Document { name: own, text });
                    if documents.len() > FILES {
                        return Err(bad(folder, format!("has more than {FILES} notes")));
                    }
                }
            }
        }
        documents.sort_by(|a, b| a.name.cmp(&b.name));
        match documents.is_empty() {
            true => Err(bad(folder, "has no Markdown files".to_owned())),
            false => Ok(documents),
        }
    }
}

fn text(path: &Path, name: &str, bytes: &mut u64) -> Result<String, FileError> {
    let most = MOST_MB << 20;
    let mut read = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most + 1 - *bytes).read_to_end(&mut read))
        .map_err(FileError::Unread)?;
    *bytes += read.len() as u64;
    if *bytes > most {
        return Err(FileError::TooLarge { most_mb: MOST_MB });
    }
    String::from_utf8(read)
        .map(|text| text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))
        .map_err(|_| FileError::NoText {
            problem: format!("{name} is not UTF-8"),
        })
}

fn bad(path: &Path, problem: String) -> FileError {
    FileError::BadPath {
        path: path.to_owned(),
        problem,
    }
}

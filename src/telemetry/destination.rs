//! Where lines go: stdout, stderr, a file, or nowhere.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where lines go. In YAML: `stdout`, `stderr`, `none`, or the path of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Nothing is written.
    None,
    /// A file, appended to; made with mode 0640 if it is not there.
    File(PathBuf),
}

/// A place for access-log lines cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open `{place}` for the access log")]
pub struct OpenError {
    /// The file's absolute path, or `stdout` or `stderr`.
    pub place: String,
    /// Why.
    pub source: io::Error,
}

impl From<&str> for Destination {
    fn from(text: &str) -> Self {
        match text {
            "stdout" => Self::Stdout,
            "stderr" => Self::Stderr,
            "none" => Self::None,
            path => Self::File(PathBuf::from(path)),
        }
    }
}

impl Destination {
    /// Opens the destination for appending; `None` for [`Destination::None`]. The standard streams are duplicated: the
    /// library's own ones hold a lock and a buffer, which would hide how much of a batch was written.
    pub(super) fn open(&self) -> Result<Option<File>, OpenError> {
        let opened = match self {
            Self::Stdout => io::stdout().as_fd().try_clone_to_owned().map(File::from),
            Self::Stderr => io::stderr().as_fd().try_clone_to_owned().map(File::from),
            Self::None => return Ok(None),
            Self::File(path) => append(path),
        };
        opened.map(Some).map_err(|source| OpenError { place: self.place(), source })
    }

    /// What people call it: the file's absolute path, or the word of the configuration.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Stdout => "stdout".to_owned(),
            Self::Stderr => "stderr".to_owned(),
            Self::None => "none".to_owned(),
            Self::File(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string(),
        }
    }
}

/// `O_NONBLOCK` changes nothing for a file, and makes the opening of a FIFO that nobody reads fail instead of wait for
/// ever.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(libc::O_NONBLOCK).open(path)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_words_of_the_configuration_are_not_file_names() {
        assert_eq!(Destination::from("stdout"), Destination::Stdout);
        assert_eq!(Destination::from("stderr"), Destination::Stderr);
        assert_eq!(Destination::from("none"), Destination::None);
        assert_eq!(Destination::from("log/access"), Destination::File("log/access".into()));
    }

    #[test]
    fn a_new_file_is_not_readable_by_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        Destination::File(path.clone()).open().unwrap();
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777 & !0o640, 0, "mode {mode:o}");
    }

    #[test]
    fn an_error_names_the_file_and_the_reason() {
        let error = Destination::File("/nowhere/access.log".into()).open().err().unwrap();
        assert_eq!(error.to_string(), "cannot open `/nowhere/access.log` for the access log");
        assert_eq!(error.source().unwrap().to_string(), "No such file or directory (os error 2)");
    }
}

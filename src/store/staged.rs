//! A result on its way: a local file that is written and verified before it gets its name.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::job::JobSeq;

use super::OutputError;

/// See the module's page. Removed when dropped before it is published.
#[derive(Debug)]
pub struct Staged {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// The job that it belongs to.
    pub(super) job: JobSeq,
    pub(super) is_published: bool,
}

impl Staged {
    /// Begins the file of one image of a job in a folder. The name depends only on the job and `mark`, so that a file left
    /// behind by a kill is overwritten by the next try.
    pub(super) fn begin(folder: &Path, job: JobSeq, image: u32, mark: &str) -> Result<Self, (PathBuf, io::Error)> {
        let path = folder.join(format!(".tryon-{}-{image}{mark}.part", job.0));
        let open = || File::options().read(true).write(true).create_new(true).open(&path);
        let file = match open() {
            // Whatever is there is ours from before, or a trap; either way it goes.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::remove_file(&path).and_then(|()| open())
            }
            opened => opened,
        };
        match file {
            Ok(file) => Ok(Self { file, path, job, is_published: false }),
            Err(error) => Err((path, error)),
        }
    }

    /// The folder that it is in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Another handle to the same file; they share a position.
    pub(super) fn another_handle(&self) -> Result<File, OutputError> {
        self.file.try_clone().map_err(|source| self.failed(source))
    }

    /// What it means that it could not be written or read back.
    #[must_use]
    pub fn failed(&self, source: io::Error) -> OutputError {
        OutputError::Machine { path: self.path.clone(), source }
    }
}

impl Read for Staged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Staged {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_published {
            // What cannot be removed now is overwritten by the next try.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

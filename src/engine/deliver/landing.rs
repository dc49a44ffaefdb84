//! Where a result lands while it arrives: pieces are gathered in memory and written in lumps, on a thread that may wait
//! for the disk. A small image is staged, checked and published in one go.

use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::ambient;
use crate::job::{Flag, Flags, ImageSource, JobId, JobSeq};
use crate::picture::{ResultError, VerifiedPicture, verify_result};
use crate::queue::{ActiveJob, PublishedImage, Queue};
use crate::store::{Landed, OutputError, OutputTree, Staged};

use crate::engine::error::RunError;
use crate::engine::inputs::people::People;

/// This many bytes are gathered before they are written.
const LUMP: usize = 1 << 20;

/// An image that arrives. Its file is removed when it is dropped before it is published.
#[derive(Debug)]
pub(crate) struct Landing {
    tree: OutputTree,
    id: JobId,
    seq: JobSeq,
    image: u32,
    gathered: Vec<u8>,
    /// Opened only when there is something to write: while a host is out, thousands of jobs may wait.
    staged: Option<Staged>,
    bytes: u64,
}

/// Why an image could not land.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LandingError {
    #[error(transparent)]
    Output(#[from] OutputError),
    /// What arrived is no whole picture.
    #[error("the result {0}")]
    Broken(ResultError),
    /// A thread broke down; its own message says more.
    #[error("{0}")]
    Bug(#[from] tokio::task::JoinError),
}

impl Landing {
    pub(crate) fn new(tree: OutputTree, id: JobId, seq: JobSeq, image: u32) -> Self {
        Self { tree, id, seq, image, gathered: Vec::new(), staged: None, bytes: 0 }
    }

    /// Takes in a piece.
    pub(crate) async fn take(mut self, piece: &[u8]) -> Result<Self, LandingError> {
        self.gathered.extend_from_slice(piece);
        if self.gathered.len() < LUMP {
            return Ok(self);
        }
        ambient::blocking(move || self.write_out().map(|()| self)).await?
    }

    /// Checks what has arrived, and gives it the name `name` with the extension of what it is. In a bucket it has to
    /// arrive then.
    pub(crate) async fn settle(mut self, name: String, judge: Judge) -> Result<(PublishedImage, Landed), LandingError> {
        let settle = move || {
            self.write_out()?;
            self.check_and_settle(&name, &judge)
        };
        ambient::blocking(settle).await?
    }

    fn write_out(&mut self) -> Result<(), LandingError> {
        let mut staged = self.staged()?;
        staged.write_all(&self.gathered).map_err(|source| staged.failed(source))?;
        self.staged = Some(staged);
        self.bytes += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }

    /// The file that was begun, or a new one.
    fn staged(&mut self) -> Result<Staged, OutputError> {
        match self.staged.take() {
            Some(staged) => Ok(staged),
            None => self.tree.stage(&self.id, self.seq, self.image),
        }
    }

    fn check_and_settle(&mut self, name: &str, judge: &Judge) -> Result<(PublishedImage, Landed), LandingError> {
        let mut staged = self.staged()?;
        let picture = verify_result(&mut staged).map_err(|error| match error {
            ResultError::Unreadable(source) => staged.failed(source).into(),
            broken => LandingError::Broken(broken),
        })?;
        let sha256 = sha256_of(&mut staged).map_err(|source| staged.failed(source))?;
        let name = format!("{name}.{}", picture.format.extension());
        let landed = self.tree.settle(staged, &name, self.bytes, &sha256)?;
        let flags = judge.flags(&picture);
        // What its other flags say already makes it no duplicate: a hundred blank results are the same picture, of course.
        let is_telling = !flags.has(Flag::Unchanged) && !flags.has(Flag::Blank);
        let fingerprint = picture.look.fingerprint().filter(|_| is_telling);
        let VerifiedPicture { width, height, .. } = picture;
        let (image, path, bytes) = (self.image, landed.path().to_owned(), self.bytes);
        Ok((PublishedImage { image, path, width, height, bytes, sha256, flags, fingerprint }, landed))
    }
}

/// By what a result is judged.
#[derive(Debug)]
pub(crate) struct Judge {
    people: Arc<People>,
    human: ImageSource,
    min_side_px: u32,
}

impl Judge {
    /// For the results of a job.
    pub(crate) fn of(job: &ActiveJob, people: Arc<People>, min_side_px: u32) -> Self {
        Self { people, human: job.spec.human.source.clone(), min_side_px }
    }

    fn flags(&self, picture: &VerifiedPicture) -> Flags {
        picture.flags(self.people.look(&self.human).as_deref(), self.min_side_px)
    }
}

/// The name of an image without extension: the id, and for further images a number that no other job uses.
pub(crate) async fn name_of(queue: &dyn Queue, job: &ActiveJob, position: u32) -> Result<String, RunError> {
    let id = job.spec.id.as_str();
    if position == 0 {
        return Ok(id.to_owned());
    }
    let mut name = format!("{id}_{position}");
    while queue.is_taken_by_other(&name, job.seq).await? {
        name.push('_');
    }
    Ok(name)
}

fn sha256_of(file: &mut (impl Read + Seek)) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hexadecimal(hash)),
            read => hash.update(&piece[..read]),
        }
    }
}

/// A checksum as the queue keeps it.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

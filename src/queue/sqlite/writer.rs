//! The one thread that writes, and group commit.
//!
//! Verbs that arrive together share one transaction and one flush to disk. Each runs in a savepoint of its
//! own, so that one that fails takes nothing else with it, and is answered after the commit.
//!
//! A verb that moves a great many rows has a transaction to itself: a savepoint would keep a copy of every page
//! that it touches, which for a million rows is the larger half of the work.

use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use futures_util::future::BoxFuture;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::{QueueError, Result};

/// At most this many verbs share a transaction, so that none waits long for its answer.
const MOST_IN_A_GROUP: usize = 256;

/// Tells a verb's caller how it went, once the group is on disk or is not.
type Answer = Box<dyn FnOnce(std::result::Result<(), &QueueError>) + Send>;

/// A verb: does its work in the savepoint, says whether to keep it, and leaves the answer to be sent. Where its
/// group has already failed it gets that error instead of a connection, so that its caller learns the cause.
type Verb = Box<dyn FnOnce(std::result::Result<&Connection, &QueueError>) -> (Keep, Answer) + Send>;

/// A verb, and how it wants to be run.
pub(super) struct Asked {
    verb: Verb,
    within: Within,
}

/// The transaction in which a verb runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// One that it shares with others.
    Shared,
    /// One of its own.
    Own,
    /// None.
    None,
}

/// Whether what a verb wrote is to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Yes,
    No,
}

/// The way to the one connection that writes.
#[derive(Debug)]
pub(super) enum Writer {
    /// Through a thread, so that nothing waits for the disk but who asked.
    Threaded(WriterThread),
    /// At once, on the thread of whoever asks, for simulations: a thread knows nothing of virtual time.
    Inline(Inline),
    /// The queue was opened to be read.
    Closed,
}

/// The way to the writer thread. The thread ends when the last handle is gone and all verbs are answered.
#[derive(Debug)]
pub(super) struct WriterThread {
    verbs: Option<mpsc::Sender<Asked>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// A connection that runs each verb at once, as a group of its own.
pub(super) struct Inline {
    db: Mutex<Connection>,
    between: Between,
}

/// Waited for before each verb and after its commit. It never ends where a simulated process dies there.
pub type Between = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

impl std::fmt::Debug for Inline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inline").finish_non_exhaustive()
    }
}

impl Inline {
    fn run(&self, asked: Asked) {
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let (answers, commit) = match asked.within {
            Within::Shared => write_group(&mut db, std::iter::once(asked.verb)),
            Within::Own => write_one(&mut db, asked.verb),
            Within::None => in_none(&db, asked.verb),
        };
        for answer in answers {
            answer(commit.as_ref().copied());
        }
    }
}

impl Writer {
    pub(super) fn start(db: Connection) -> Result<Self> {
        // Cannot fill: who sends a verb waits for its answer.
        let (verbs, inbox) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("queue-writer".to_owned())
            .spawn(move || write_groups(db, &inbox))
            .map_err(|error| QueueError::Database(format!("its writer thread could not start: {error}")))?;
        Ok(Self::Threaded(WriterThread { verbs: Some(verbs), thread: Some(thread) }))
    }

    /// Without a thread; see [`Self::Inline`].
    pub(super) fn inline(db: Connection, between: Between) -> Self {
        Self::Inline(Inline { db: Mutex::new(db), between })
    }

    /// Runs `verb` on the writer thread and waits until it is on disk, or rolled back because it failed.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_if(move |db| verb(db).map(|value| (value, Keep::Yes))).await
    }

    /// Like [`Self::write`], for a verb that may decide that nothing of it is to stay.
    pub(super) async fn write_if<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Connection) -> Result<(T, Keep)> + Send + 'static,
    ) -> Result<T> {
        self.ask(verb, Within::Shared).await
    }

    /// Like [`Self::write_if`], for a verb that moves very many rows, in a transaction of its own.
    pub(super) async fn write_alone<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Connection) -> Result<(T, Keep)> + Send + 'static,
    ) -> Result<T> {
        self.ask(verb, Within::Own).await
    }

    /// Does something with the connection that SQLite does within no transaction.
    pub(super) async fn outside<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.ask(move |db| verb(db).map(|value| (value, Keep::Yes)), Within::None).await
    }

    /// Waits where a simulation waits between two verbs.
    pub(super) async fn between(&self) {
        if let Self::Inline(inline) = self {
            (inline.between)().await;
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Connection) -> Result<(T, Keep)> + Send + 'static,
        within: Within,
    ) -> Result<T> {
        let (answer, outcome) = oneshot::channel();
        let verb: Verb = Box::new(move |db| {
            let (keep, result) = match db.map_err(QueueError::repeat).and_then(verb) {
                Ok((value, keep)) => (keep, Ok(value)),
                Err(error) => (Keep::No, Err(error)),
            };
            let send: Answer = Box::new(move |commit| {
                // A caller that no longer waits has been cancelled; what it asked for takes effect all the same.
                let _ = answer.send(match commit {
                    Ok(()) => result,
                    Err(error) => result.and_then(|_| Err(error.repeat())),
                });
            });
            (keep, send)
        });
        let asked = Asked { verb, within };
        match self {
            Self::Threaded(WriterThread { verbs, .. }) => {
                let verbs = verbs.as_ref().ok_or(QueueError::Closed)?;
                verbs.send(asked).map_err(|_| QueueError::Closed)?;
            }
            Self::Inline(inline) => {
                (inline.between)().await;
                inline.run(asked);
                (inline.between)().await;
            }
            Self::Closed => return Err(QueueError::Closed),
        }
        outcome.await.map_err(|_| QueueError::Closed)?
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.verbs.take();
        if let Some(thread) = self.thread.take() {
            // What was asked is finished before the process goes on to end.
            let _ = thread.join();
        }
    }
}

impl QueueError {
    /// The same error for each member of a group whose commit failed.
    fn repeat(&self) -> Self {
        match self {
            Self::DiskFull(why) => Self::DiskFull(why.clone()),
            Self::Database(why) => Self::Database(why.clone()),
            Self::Damaged(why) => Self::Damaged(why.clone()),
            Self::Closed => Self::Closed,
            other => Self::Database(other.to_string()),
        }
    }
}

fn write_groups(mut db: Connection, inbox: &mpsc::Receiver<Asked>) {
    let mut next = inbox.recv().ok();
    while let Some(first) = next.take() {
        let (answers, commit) = match first.within {
            Within::None => in_none(&db, first.verb),
            Within::Own => write_one(&mut db, first.verb),
            Within::Shared => {
                // Verbs that arrive while the group is at work still join it.
                let joining = std::iter::from_fn(|| match inbox.try_recv() {
                    Ok(asked) if asked.within != Within::Shared => {
                        next = Some(asked);
                        None
                    }
                    asked => asked.ok().map(|asked| asked.verb),
                });
                write_group(&mut db, std::iter::once(first.verb).chain(joining.fuse()).take(MOST_IN_A_GROUP))
            }
        };
        for answer in answers {
            answer(commit.as_ref().copied());
        }
        next = next.or_else(|| inbox.recv().ok());
    }
}

/// Runs one verb in a transaction of its own.
fn write_one(db: &mut Connection, verb: Verb) -> (Vec<Answer>, Result<()>) {
    let transaction = match db.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            let error = QueueError::from(error);
            return (vec![verb(Err(&error)).1], Err(error));
        }
    };
    let (keep, answer) = verb(Ok(&transaction));
    let ended = match keep {
        _ if transaction.is_autocommit() => Err(taken_back()),
        Keep::Yes => transaction.commit().map_err(QueueError::from),
        Keep::No => transaction.rollback().map_err(QueueError::from),
    };
    (vec![answer], ended)
}

fn in_none(db: &Connection, verb: Verb) -> (Vec<Answer>, Result<()>) {
    (vec![verb(Ok(db)).1], Ok(()))
}

/// A full disk or a failing one makes SQLite roll back everything by itself.
fn taken_back() -> QueueError {
    QueueError::Database("SQLite had to take the transaction back".to_owned())
}

fn write_group(db: &mut Connection, group: impl Iterator<Item = Verb>) -> (Vec<Answer>, Result<()>) {
    let mut answers = Vec::new();
    let mut failed = None;
    let transaction = match db.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => Some(transaction),
        Err(error) => {
            failed = Some(QueueError::from(error));
            None
        }
    };
    for verb in group {
        let outcome = match (&transaction, &failed) {
            (Some(db), None) => in_savepoint(db, verb, &mut answers),
            (_, Some(error)) => {
                answers.push(verb(Err(error)).1);
                Ok(())
            }
            (None, None) => Err(QueueError::Closed),
        };
        failed = failed.or(outcome.err());
    }
    let commit = match (transaction, failed) {
        (Some(transaction), None) => transaction.commit().map_err(QueueError::from),
        (_, failed) => Err(failed.unwrap_or(QueueError::Closed)), // dropping the transaction rolls it back
    };
    (answers, commit)
}

fn in_savepoint(db: &Connection, verb: Verb, answers: &mut Vec<Answer>) -> Result<()> {
    db.prepare_cached("SAVEPOINT verb")?.execute([])?;
    let (keep, answer) = verb(Ok(db));
    answers.push(answer);
    if db.is_autocommit() {
        return Err(taken_back());
    }
    if keep == Keep::No {
        db.prepare_cached("ROLLBACK TO verb")?.execute([])?;
    }
    db.prepare_cached("RELEASE verb")?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_told_to_each_of_a_group_is_told_as_it_was() {
        for error in [
            QueueError::Database("no such table: jobs".to_owned()),
            QueueError::Damaged("7 is no time".to_owned()),
            QueueError::DiskFull("disk is full".to_owned()),
            QueueError::Closed,
        ] {
            assert_eq!(error.repeat().to_string(), error.to_string());
        }
    }
}

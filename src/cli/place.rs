//! Which queue and which output folder a command is about, and how to name them again in a hint.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::job::ObjectUrl;
use crate::queue::{Location, ProviderKind, Queue, QueueError, QueueReads};
pub(super) use crate::view::wording::{quoted, quoted_os};

use super::Failure;

/// The output folder where none is named.
pub(super) const DEFAULT_OUT: &str = "tryon-out";

/// The queue's file in the output folder where none is named.
pub(super) const DEFAULT_QUEUE: &str = "queue.db";

/// Where the results and the queue are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The output folder (`-o`).
    pub out: PathBuf,
    /// Whether it was named. The queue in a database remembers it otherwise.
    is_out_named: bool,
    /// The queue's file or database (`--queue`).
    pub queue: Location,
}

impl Place {
    /// What the flags say, with the defaults for those that were not given.
    #[must_use]
    pub(super) fn new(out: Option<PathBuf>, queue: Option<Location>) -> Self {
        let is_out_named = out.is_some();
        let out = out.unwrap_or_else(|| PathBuf::from(DEFAULT_OUT));
        let queue = queue.unwrap_or_else(|| out.join(DEFAULT_QUEUE).into());
        Self { out, is_out_named, queue }
    }

    /// As [`Self::new`]. What is in a bucket needs a queue elsewhere.
    ///
    /// # Errors
    /// A bucket's or a database's URL that is none, or a bucket without a queue.
    pub(super) fn checked(out: Option<PathBuf>, queue: Option<PathBuf>) -> Result<Self, Failure> {
        let bucket = out.as_deref().and_then(ObjectUrl::of_path).transpose();
        let queue = queue.map(|queue| Location::parse(queue.as_os_str())).transpose();
        let queue = queue.map_err(|error| Failure::usage(format!("--queue: {error}")))?;
        match (bucket.map_err(|error| Failure::usage(format!("-o: {error}")))?, &queue) {
            (Some(url), None) => Err(Failure::usage(format!(
                "-o {url} is in a bucket, where no queue can be: name a local file for it, like --queue shop.db"
            ))),
            _ => Ok(Self::new(out, queue)),
        }
    }

    /// This place, with the output that its queue remembers where none was named. `queue` is `None` where there is none yet.
    ///
    /// # Errors
    /// A queue in a database remembers none, or results would go to two buckets.
    pub(super) async fn settled(&self, queue: Option<&dyn QueueReads>) -> Result<Self, Failure> {
        if self.queue.as_file().is_some() {
            return Ok(self.clone());
        }
        let kept = match queue {
            Some(queue) => queue.output().await?.map(PathBuf::from),
            None => None,
        };
        let is_bucket = |path: &Path| ObjectUrl::of_path(path).is_some();
        match kept {
            Some(kept) if !self.is_out_named => Ok(Self { out: kept, ..self.clone() }),
            Some(kept) if kept != self.out && (is_bucket(&kept) || is_bucket(&self.out)) => {
                Err(Failure::usage(format!(
                    "the results of this queue go to {}, and -o names {}; leave -o away, or name that place",
                    kept.display(),
                    self.out.display()
                )))
            }
            None if !self.is_out_named => Err(Failure::usage(
                "a queue in a database has no output folder of its own: name one with -o the first time, a bucket or a folder \
                 that all hosts share; it is remembered",
            )),
            _ => Ok(self.clone()),
        }
    }

    /// As [`Self::settled`], for what only reads: what is not known yet does not matter.
    pub(super) async fn settled_to_read(&self, queue: &dyn QueueReads) -> Self {
        self.settled(Some(queue)).await.unwrap_or_else(|_| self.clone())
    }

    /// Has the queue in a database remember the output, once.
    ///
    /// # Errors
    /// Those of the queue.
    pub(super) async fn remember(&self, queue: &dyn Queue) -> Result<(), Failure> {
        if self.queue.as_file().is_some() {
            return Ok(());
        }
        let absolute = match self.bucket() {
            Some(url) => url.to_string(),
            None => std::path::absolute(&self.out).unwrap_or_else(|_| self.out.clone()).to_string_lossy().into_owned(),
        };
        queue.keep_output(absolute).await?;
        Ok(())
    }

    /// The bucket that results go to; `None` for a local folder.
    #[must_use]
    pub(super) fn bucket(&self) -> Option<ObjectUrl> {
        ObjectUrl::of_path(&self.out)?.ok()
    }

    /// A local file or folder of the program's own: in the output folder, or beside the queue where that is a bucket.
    #[must_use]
    pub(super) fn own(&self, name: &str) -> PathBuf {
        if self.bucket().is_some() { self.beside_queue(name) } else { self.out.join(name) }
    }

    /// A local file or folder beside the queue, with a name like `shop.db-results`; of a queue in a database, in the folder where
    /// this user's programs keep what is of this machine alone.
    #[must_use]
    pub(super) fn beside_queue(&self, name: &str) -> PathBuf {
        let mut path = match &self.queue {
            Location::File(path) => path.as_os_str().to_owned(),
            Location::Postgres(address) => state_folder().join(address.file_name()).into_os_string(),
        };
        path.push(format!("-{}", name.trim_start_matches('.')));
        path.into()
    }

    /// The flags that name this place in another command, quoted for a shell; empty where the defaults do.
    #[must_use]
    pub(super) fn flags(&self) -> String {
        let mut flags = Vec::new();
        if self.is_out_named && self.out != Path::new(DEFAULT_OUT) {
            flags.push(format!("-o {}", quoted_path(&self.out)));
        }
        match &self.queue {
            Location::File(path) if *path == self.out.join(DEFAULT_QUEUE) => {}
            Location::File(path) => flags.push(format!("--queue {}", quoted_path(path))),
            Location::Postgres(address) => flags.push(format!("--queue {}", quoted(address.as_str()))),
        }
        flags.join(" ")
    }

    /// A command of this program about this place, to be shown in a hint: `tryon retry --failed -o results`.
    #[must_use]
    pub(super) fn command(&self, verb: &str) -> String {
        format!("tryon {verb} {}", self.flags()).trim_end().to_owned()
    }

    /// A command of this program about jobs of this place. An id that begins with a dash would be taken for a flag, so it
    /// is put behind all flags.
    #[must_use]
    pub(super) fn command_about(&self, verb: &str, id: &str, after: &str) -> String {
        let id = format!("{} {after}", quoted(id));
        let id = id.trim_end();
        if id.trim_start_matches(['\'', '"']).starts_with('-') {
            format!("{} -- {id}", self.command(verb))
        } else {
            self.command(&format!("{verb} {id}"))
        }
    }

    /// The command that goes on with the queue at this place where the last run left off, at the same provider. How that
    /// run was called is not known; what another one needs is.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub(super) async fn run_again(&self, queue: &dyn QueueReads) -> Result<String, QueueError> {
        let provider = match queue.provider().await? {
            Some(ProviderKind::Sandbox) => "run --sandbox",
            Some(ProviderKind::Kling) => "run --provider kling",
            Some(ProviderKind::Dmxapi | ProviderKind::Accounts) | None => "run",
        };
        let address = queue.address().await?.map(|url| format!(" --base-url {}", quoted(&url))).unwrap_or_default();
        // Where they are on this host is not known here, unless its environment says it to every command.
        let has_to_say_where = std::env::var_os("TRYON_INPUTS").is_none() && queue.has_relative_pictures().await?;
        let inputs = if has_to_say_where { " --inputs DIR" } else { "" };
        Ok(self.command(&format!("{provider}{address}{inputs}")))
    }
}

/// Where programs of this user keep what is of this machine alone.
fn state_folder() -> PathBuf {
    let named = std::env::var_os("XDG_STATE_HOME").or_else(|| std::env::var_os("LOCALAPPDATA"));
    let named = named.filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = || std::env::home_dir().map(|home| home.join(".local/state"));
    named.or_else(usual).unwrap_or_else(std::env::temp_dir).join("tryon")
}

fn quoted_path(path: &Path) -> String {
    let Some(text) = path.to_str() else { return quoted_os(path.as_os_str()) };
    let text = Cow::Borrowed(text);
    // A name that begins with a dash would be taken for a flag.
    let text = if text.starts_with('-') { format!("./{text}").into() } else { text };
    quoted(&text).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn flags(out: Option<&str>, queue: Option<&str>) -> String {
        Place::new(out.map(PathBuf::from), queue.map(|queue| Location::File(queue.into()))).flags()
    }

    #[test]
    fn hints_repeat_only_what_is_not_the_default() {
        assert_eq!(flags(None, None), "");
        assert_eq!(flags(Some("tryon-out"), Some("tryon-out/queue.db")), "");
        assert_eq!(flags(Some("results"), None), "-o results");
        assert_eq!(flags(None, Some("/q.db")), "--queue /q.db");
        assert_eq!(flags(Some("results"), Some("q.db")), "-o results --queue q.db");
        assert_eq!(Place::new(None, None).command("retry --failed"), "tryon retry --failed");
    }

    #[test]
    fn a_bucket_needs_a_queue_elsewhere_and_is_named_in_hints_as_it_is() {
        let path = |text: &str| Some(PathBuf::from(text));
        let refused = Place::checked(path("s3://shop/may"), None).expect_err("no queue");
        assert!(refused.message.contains("--queue shop.db"), "{}", refused.message);
        let place = Place::checked(path("s3://shop/may"), path("shop.db")).expect("a place");
        assert_eq!(place.flags(), "-o s3://shop/may --queue shop.db");
        assert_eq!(place.own(".sandbox"), PathBuf::from("shop.db-sandbox"));
        assert!(Place::checked(path("s3://"), path("shop.db")).is_err());
    }

    #[test]
    fn a_queue_in_a_database_is_named_without_its_password_and_has_its_scratch_on_this_machine() {
        let path = |text: &str| Some(PathBuf::from(text));
        let place = Place::checked(None, path("postgres://shop:hush@db/may")).expect("a place");
        assert_eq!(place.flags(), "--queue postgres://shop@db/may");
        let scratch = place.beside_queue("pictures");
        assert!(scratch.is_absolute() && !scratch.to_string_lossy().contains("hush"), "{}", scratch.display());
        let refused = Place::checked(None, path("postgres://shop:hush@db")).expect_err("no database");
        assert!(refused.message.starts_with("--queue: ") && !refused.message.contains("hush"), "{}", refused.message);
    }

    #[test]
    fn an_id_that_looks_like_a_flag_is_no_flag_in_a_hint() {
        let place = Place::new(Some(PathBuf::from("results")), None);
        assert_eq!(place.command_about("cancel", "a b", ""), "tryon cancel 'a b' -o results");
        assert_eq!(place.command_about("cancel", "--pending", ""), "tryon cancel -o results -- --pending");
        assert_eq!(place.command_about("adopt", "-x", "TASK_ID"), "tryon adopt -o results -- -x TASK_ID");
        assert_eq!(place.command_about("retry", "-a b", ""), "tryon retry -o results -- '-a b'");
    }

    #[test]
    fn hints_can_be_pasted_into_a_shell() {
        assert_eq!(flags(Some("may 2026"), None), "-o 'may 2026'");
        assert_eq!(flags(Some("$HOME"), None), "-o '$HOME'");
        assert_eq!(flags(Some("-x"), None), "-o ./-x");
    }
}

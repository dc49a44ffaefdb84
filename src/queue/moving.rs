//! A queue on its way from one place to another: its tables as rows of plain values, in the order in which they refer to each
//! other, and the paths of its pictures as the other place wants them.

use std::path::{Path, PathBuf};

use crate::job::ImageSource;

use super::error::QueueError;
use super::location::Location;

/// Rows that go together.
pub(super) const PAGE: usize = 2_000;

/// Pages that are read ahead.
pub(super) const PAGES_AHEAD: usize = 4;

/// What a column holds. Each may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Whole,
    Real,
    Text,
    YesOrNo,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Empty,
    /// A yes is 1.
    Whole(i64),
    Real(f64),
    Text(String),
}

/// Values in the order of their table's columns.
pub(super) type Row = Vec<Cell>;

/// A table, with its columns.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// What is on its way.
#[derive(Debug)]
pub(super) enum Page {
    /// Rows of a table, by its place in [`TABLES`]. Tables come in that order.
    Rows(usize, Vec<Row>),
    /// That was all.
    End,
}

/// How many rows there were of what people count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    pub jobs: u64,
    pub attempts: u64,
    pub images: u64,
    pub runs: u64,
}

impl Copied {
    pub(super) fn count(&mut self, table: &Table, rows: usize) {
        let counted = match table.name {
            "jobs" => &mut self.jobs,
            "attempts" => &mut self.attempts,
            "images" => &mut self.images,
            "runs" => &mut self.runs,
            _ => return,
        };
        *counted += rows as u64;
    }
}

/// Why a queue was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the queues.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// There is something already where it is to go.
    #[error("{0} has jobs already, so nothing was copied; name a place that has none")]
    HasJobs(Location),
    /// Both are one.
    #[error("{0} cannot be copied onto itself")]
    Same(Location),
    /// A host whose requests may still leave.
    #[error(
        "host `{0}` has not said goodbye, so nothing was copied: what it was doing could happen after the copy; start it again, or \
         say `tryon hosts forget {0}` when it will never come back"
    )]
    HostOpen(String),
    /// Local pictures need a folder.
    #[error("its jobs name local pictures, like {0}: say with --inputs DIR which folder they are relative to")]
    NoFolder(String),
    /// A picture is not in the folder.
    #[error("the picture {picture} is outside of {}, so nothing was copied: other hosts could not find it", .folder.display())]
    Outside { picture: String, folder: PathBuf },
    /// The folder.
    #[error("--inputs {}: {why}", .folder.display())]
    Folder { folder: PathBuf, why: std::io::Error },
}

/// How the paths of local pictures are changed on the way.
#[derive(Debug)]
pub(super) enum Paths {
    AsTheyAre,
    /// Absolute ones become relative to this folder.
    Relative(Option<PathBuf>),
    /// Relative ones are in this folder.
    Absolute(Option<PathBuf>),
}

impl Paths {
    /// Changes a row of a table, if that has pictures.
    pub(super) fn apply(&self, table: &Table, row: &mut Row) -> Result<(), CopyError> {
        if table.name != "inputs" {
            return Ok(());
        }
        if let Some(Cell::Text(source)) = row.get_mut(1)
            && let ImageSource::File(path) = ImageSource::from_stored(source)
        {
            *source = self.changed(&path)?;
        }
        Ok(())
    }

    fn changed(&self, path: &Path) -> Result<String, CopyError> {
        let shown = || path.display().to_string();
        match self {
            Self::Relative(Some(folder)) if path.is_absolute() => {
                let outside = |_| CopyError::Outside { picture: shown(), folder: folder.clone() };
                let parts = path.strip_prefix(folder).map_err(outside)?.components();
                Ok(parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
            }
            Self::Absolute(Some(folder)) if path.is_relative() => Ok(folder.join(path).to_string_lossy().into_owned()),
            Self::Relative(None) if path.is_absolute() => Err(CopyError::NoFolder(shown())),
            Self::Absolute(None) if path.is_relative() => Err(CopyError::NoFolder(shown())),
            _ => Ok(path.to_string_lossy().into_owned()),
        }
    }
}

use Kind::{Real, Text, Whole, YesOrNo};

/// What is copied. Left out is what is of no interest at another place: turns, which are over in a moment, what a host
/// could not see, and refusals in a row, which end with the hosts at work.
pub(super) const TABLES: &[Table] = &[
    Table { name: "meta", columns: &[("key", Text), ("value", Text)] },
    Table {
        name: "doors",
        columns: &[("base_url", Text), ("external_ids", YesOrNo), ("slots", Whole), ("creates_per_second", Real)],
    },
    Table { name: "inputs", columns: &[("input", Whole), ("source", Text), ("written", Text), ("content", Whole)] },
    Table {
        name: "contents",
        columns: &[
            ("content", Whole),
            ("input", Whole),
            ("bytes", Whole),
            ("modified", Whole),
            ("sha256", Text),
            ("etag", Text),
        ],
    },
    Table {
        name: "hosts",
        columns: &[
            ("epoch", Whole),
            ("name", Text),
            ("machine", Text),
            ("boot", Text),
            ("lock", Text),
            ("process", Whole),
            ("started_at", Whole),
            ("seen_at", Whole),
            ("steady_since", Whole),
            ("lease_ms", Whole),
            ("wants_at", Whole),
            ("lapsed_at", Whole),
            ("dead_at", Whole),
            ("death", Text),
        ],
    },
    Table {
        name: "runs",
        columns: &[
            ("run", Whole),
            ("started_at", Whole),
            ("seen_at", Whole),
            ("ended_at", Whole),
            ("budget", Whole),
            ("spent", Whole),
            ("slots", Whole),
            ("slot_ms_busy", Whole),
            ("slot_ms_all", Whole),
            ("succeeded", Whole),
            ("paused_until", Whole),
            ("paused_why", Text),
        ],
    },
    Table {
        name: "run_accounts",
        columns: &[
            ("run", Whole),
            ("place", Whole),
            ("account", Text),
            ("slots", Whole),
            ("in_flight", Whole),
            ("submitted", Whole),
            ("images", Whole),
            ("failed", Whole),
            ("units", Real),
            ("paid", Real),
            ("trouble", Text),
            ("has_ended", YesOrNo),
        ],
    },
    Table {
        name: "jobs",
        columns: &[
            ("seq", Whole),
            ("id", Text),
            ("id_key", Text),
            ("human", Whole),
            ("cloth", Whole),
            ("cloth_2", Whole),
            ("cloth_type", Text),
            ("cloth_type_2", Text),
            ("model", Text),
            ("keep", Whole),
            ("priority", Whole),
            ("state", Text),
            ("attempt", Whole),
            ("forgiven", Whole),
            ("flags", Whole),
            ("retry_at", Whole),
            ("waits_since", Whole),
            ("waits_for", Whole),
            ("put_back_at", Whole),
            ("finished_at", Whole),
            ("epoch", Whole),
            ("moved_at", Whole),
            ("failure_kind", Text),
            ("error_code", Text),
            ("error", Text),
            ("extra", Text),
            ("verdict", Text),
            ("review", Whole),
        ],
    },
    Table {
        name: "reviews",
        columns: &[
            ("review", Whole),
            ("job", Whole),
            ("sha256", Text),
            ("verdict", Text),
            ("reason", Text),
            ("reviewer", Text),
            ("at", Whole),
        ],
    },
    Table {
        name: "attempts",
        columns: &[
            ("job", Whole),
            ("attempt", Whole),
            ("run", Whole),
            ("external_task_id", Text),
            ("model", Text),
            ("claimed_at", Whole),
            ("asked", Whole),
            ("outcome", Text),
            ("account", Text),
            ("endpoint", Text),
            ("accepted_at", Whole),
            ("task_id", Text),
            ("request_id", Text),
            ("http_status", Whole),
            ("code", Text),
            ("message", Text),
            ("answer", Text),
            ("units", Real),
            ("paid", Real),
            ("task_ended_at", Whole),
            ("ended_at", Whole),
            ("sent_as", Text),
            ("shares", Whole),
            ("human_content", Whole),
            ("cloth_content", Whole),
            ("cloth_2_content", Whole),
        ],
    },
    Table {
        name: "last_tasks",
        columns: &[("run", Whole), ("account", Text), ("task_id", Text), ("external_id", Text)],
    },
    Table {
        name: "images",
        columns: &[
            ("job", Whole),
            ("image", Whole),
            ("path", Text),
            ("path_key", Text),
            ("width", Whole),
            ("height", Whole),
            ("bytes", Whole),
            ("sha256", Text),
            ("flags", Whole),
            ("fingerprint", Whole),
        ],
    },
    Table {
        name: "rejected_rows",
        columns: &[
            ("manifest", Text),
            ("line", Whole),
            ("after_seq", Whole),
            ("id", Text),
            ("human", Text),
            ("cloth", Text),
            ("reason", Text),
        ],
    },
    Table { name: "tallies", columns: &[("name", Text), ("value", Real)] },
];

impl Table {
    /// Its columns in a row, for a statement.
    pub(super) fn list(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

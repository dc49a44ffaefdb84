//! Where a report is: the way from it to the pictures, and a file that is whole or absent.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use crate::job::ObjectUrl;

use super::ReportError;

/// The way from the report's folder to the output folder, as a prefix for the paths of pictures.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way(String);

impl Way {
    /// The way to a picture whose path is relative to the output folder.
    pub(super) fn to<'p>(&self, picture: &'p str) -> Cow<'p, str> {
        if self.0.is_empty() { picture.into() } else { format!("{}{picture}", self.0).into() }
    }
}

/// The way from the folder `from` to the folder `to`, with `/` between its parts. Where no relative way leads
/// there (another drive), the absolute one.
pub(super) fn way(from: &Path, to: &Path) -> Way {
    if let Some(bucket) = in_bucket(to) {
        return if from == to { Way(String::new()) } else { Way(format!("{bucket}/")) };
    }
    let (from, to) = (resolved(from), resolved(to));
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        let mut text = to.to_string_lossy().into_owned();
        if !text.ends_with(['/', '\\']) {
            text.push('/');
        }
        return Way(text);
    }
    let mut text = "../".repeat(from.components().skip(shared).count());
    for part in to.components().skip(shared) {
        if let Component::Normal(part) = part {
            text.push_str(&part.to_string_lossy());
            text.push('/');
        }
    }
    Way(text)
}

/// The prefix in a bucket that a path names, without a slash at its end; `None` for a local folder.
pub(super) fn in_bucket(path: &Path) -> Option<String> {
    ObjectUrl::of_path(path)?.ok().map(|url| url.to_string())
}

/// The path without symlinks and `..`, as far as that can be told: a folder that is not there yet is taken as written.
pub(super) fn resolved(path: &Path) -> PathBuf {
    if let Some(bucket) = in_bucket(path) {
        return bucket.into();
    }
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file beside its place, flushes it to disk and renames it; `fill` flushes buffers of its own. What is no regular file is written to directly:
/// renaming over `/dev/stdout` would destroy it.
pub(super) async fn write_whole<T>(
    path: &Path,
    fill: impl AsyncFnOnce(&mut dyn Write) -> Result<T, ReportError>,
) -> Result<T, ReportError> {
    let named = |error: io::Error| ReportError::File { path: path.to_owned(), error };
    let with_path = |error| match error {
        ReportError::Write(error) => named(error),
        other => other,
    };
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let mut to = File::options().write(true).open(path).map_err(named)?;
        return fill(&mut to).await.map_err(with_path);
    }
    let folder = folder_of(path);
    let mut beside = tempfile::Builder::new();
    beside.prefix(".report-").suffix(".part");
    // Temporary files are their owner's alone; a report is for whom the system's mask lets read it.
    #[cfg(unix)]
    beside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut beside = beside.tempfile_in(folder).map_err(named)?;
    let value = fill(&mut beside).await.map_err(with_path)?;
    beside.as_file().sync_all().map_err(named)?;
    beside.persist(path).map_err(|error| named(error.error))?;
    // The rename itself is made durable where a folder can be opened for that; elsewhere the system sees to it.
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(named)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stocked::wait;

    #[test]
    fn the_way_leads_from_the_report_to_the_pictures() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(&path).expect(name);
            path
        };
        let (out, sub, beside) = (here("out"), here("out/reports"), here("papers/may"));
        assert_eq!(way(&out, &out).to("a/b.png"), "a/b.png");
        assert_eq!(way(&sub, &out).to("a.png"), "../a.png");
        assert_eq!(way(folder.path(), &out).to("a.png"), "out/a.png");
        assert_eq!(way(&beside, &out).to("a.png"), "../../out/a.png");
        assert_eq!(way(&beside.join("..").join("may"), &out).to("a.png"), "../../out/a.png");
    }

    #[test]
    fn pictures_in_a_bucket_are_beside_a_report_there_and_named_in_full_in_one_elsewhere() {
        let bucket = Path::new("s3://shop/may");
        assert_eq!(way(bucket, bucket).to("a/b.png"), "a/b.png");
        assert_eq!(way(Path::new("papers"), bucket).to("a/b.png"), "s3://shop/may/a/b.png");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_written_to_and_left_in_place() {
        use std::os::unix::fs::FileTypeExt;
        wait(write_whole(Path::new("/dev/null"), async |to| Ok(to.write_all(b"x")?))).expect("takes everything");
        assert!(fs::metadata("/dev/null").expect("still there").file_type().is_char_device());
    }

    #[test]
    fn a_report_that_fails_half_way_leaves_the_old_one_and_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("report.csv");
        fs::write(&path, "old").expect("an old report");
        let failed = wait(write_whole(&path, async |to| -> Result<(), ReportError> {
            to.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull).into())
        }));
        let error = failed.expect_err("the disk was full");
        assert!(error.to_string().contains("report.csv"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("still there"), "old");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }
}

//! Pictures that have changed since images were made of them: said, and made again on somebody's word.

use crate::ops::contents::{Changed, Looked, find_changed};
use crate::ops::retry;
use crate::queue::Queue;
use crate::settings::Settings;
use crate::view::wording::counted;

use super::load::println;
use super::{Console, Failure, Place};

/// What is said of them; `None` where nothing has changed.
pub(super) fn sentence(changed: &Changed) -> Option<String> {
    let jobs = changed.jobs.len() as u64;
    if jobs == 0 {
        return None;
    }
    let pictures = changed.pictures as u64;
    let further = changed.pictures.saturating_sub(changed.named.len());
    let named = changed.named.join(", ");
    let more = if further > 0 { format!(" and {further} more") } else { String::new() };
    let (have, were) = if pictures == 1 { ("has", "it") } else { ("have", "them") };
    let was = if jobs == 1 { "was" } else { "were" };
    Some(format!(
        "{} {have} changed since {} {was} made of {were}: {named}{more}",
        counted(pictures, "picture"),
        counted(jobs, "image")
    ))
}

/// Says at the beginning of a run what has changed; nothing is made again, and nothing paid, without a person's word.
pub(super) async fn tell(
    settings: &Settings,
    queue: &dyn Queue,
    place: &Place,
    console: &Console,
) -> Result<(), Failure> {
    let changed = find_changed(Looked::Queue(queue), settings.inputs.as_deref()).await?;
    if let Some(said) = sentence(&changed) {
        console.info(&format!(
            "{said}; these images stay as they are, and {} says what new ones would cost",
            place.command("retry --changed --dry-run")
        ));
    }
    Ok(())
}

/// `tryon retry --changed`.
pub(super) async fn retry(
    settings: &Settings,
    queue: &dyn Queue,
    cost: impl AsyncFn(u64) -> Result<String, Failure>,
    is_dry_run: bool,
) -> Result<u64, Failure> {
    let changed = find_changed(Looked::Queue(queue), settings.inputs.as_deref()).await?;
    let jobs = changed.jobs.len() as u64;
    match sentence(&changed) {
        Some(said) => println(&format!("{said}\n  {}", cost(jobs).await?))?,
        None => println("no picture that is known here has changed since its images were made")?,
    }
    if changed.not_looked_at > 0 {
        println(&format!("  {} in buckets: not looked at", counted(changed.not_looked_at, "picture")))?;
    }
    if is_dry_run {
        println("nothing was put back (--dry-run)")?;
        return Ok(0);
    }
    let count = retry::make_these_again(queue, changed.jobs).await?;
    println(&format!("{count} put back"))?;
    Ok(count)
}

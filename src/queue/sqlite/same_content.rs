//! Rows whose pictures are elsewhere than those of their jobs, and may be the same: a folder that was moved, a file that was
//! renamed. What decides is the content; it is read only for these rows.

use std::collections::HashSet;

use crate::job::{Content, ImageSource, JobSpec};
use crate::queue::LoadRow;

use super::Result;
use super::compared::Standing;
use super::load::Loader;

impl Loader {
    /// The pictures that have to be read before these rows are added; each once.
    pub(in crate::queue) fn pictures_to_read(&mut self, rows: &[LoadRow]) -> Result<Vec<ImageSource>> {
        let mut wanted: HashSet<&ImageSource> = HashSet::new();
        let specs = rows.iter().filter_map(|row| match row {
            LoadRow::Job { spec, .. } => Some(spec),
            LoadRow::Rejected(_) => None,
        });
        self.contents.clear();
        for spec in specs.filter(|_| self.has_jobs) {
            let id_key = spec.id.key();
            let standing = self.queue.standing(&id_key)?;
            if let Some(standing) = &standing {
                wanted.extend(self.elsewhere(spec, standing)?);
            }
            self.looked_up.insert(id_key, standing);
        }
        Ok(wanted.into_iter().cloned().collect())
    }

    /// What pictures are that the rows name which are added next.
    pub(in crate::queue) fn know_contents(&mut self, contents: Vec<(ImageSource, Content)>) {
        self.contents = contents.into_iter().map(|(source, content)| (source.stored(), content)).collect();
    }

    /// The pictures of a row that are elsewhere than its job's, where everything else is the same and the content of all of
    /// them is known of the job; none otherwise.
    fn elsewhere<'a>(&self, spec: &'a JobSpec, standing: &Standing) -> Result<Vec<&'a ImageSource>> {
        if standing.id != spec.id.as_str() || !says_the_same(spec, standing) {
            return Ok(Vec::new());
        }
        let mut elsewhere = Vec::new();
        for (place, (source, number)) in pictures(spec, standing).into_iter().enumerate() {
            if self.staging.number_in(&self.queue, source)? != Some(number) {
                elsewhere.push((place, source));
            }
        }
        // Mostly nothing is elsewhere, and no more has to be asked.
        if elsewhere.is_empty() || !self.queue.may_exist_at_provider(standing.seq)? {
            return Ok(Vec::new());
        }
        let sent = self.queue.sent_for(standing.seq)?;
        let is_known = elsewhere.iter().all(|(place, _)| sent[*place].is_some());
        Ok(if is_known { elsewhere.into_iter().map(|(_, source)| source).collect() } else { Vec::new() })
    }

    /// Whether a row asks for what its job was made of, wherever the pictures are now.
    pub(super) fn is_same_content(&self, spec: &JobSpec, standing: &Standing) -> Result<bool> {
        if self.contents.is_empty() || !says_the_same(spec, standing) {
            return Ok(false);
        }
        let sent = self.queue.sent_for(standing.seq)?;
        for ((source, number), sent) in pictures(spec, standing).into_iter().zip(sent) {
            let stored = source.stored();
            let is_the_place = self.queue.number_of(&stored)? == Some(number);
            let is_it = || self.contents.get(&stored).is_some_and(|content| Some(&content.sha256) == sent.as_ref());
            if !is_the_place && !is_it() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The pictures of a row, each beside the number of the one that its job has in its place.
fn pictures<'a>(spec: &'a JobSpec, standing: &Standing) -> Vec<(&'a ImageSource, i64)> {
    let mut pictures = vec![(&spec.human.source, standing.inputs.human), (&spec.cloth.source, standing.inputs.cloth)];
    pictures.extend(spec.second.as_ref().map(|second| &second.image.source).zip(standing.inputs.cloth_2));
    pictures
}

/// Whether a row asks for the same as its job, but for the places of its pictures.
fn says_the_same(spec: &JobSpec, standing: &Standing) -> bool {
    let (row, job) = (spec.inputs(), &standing.inputs);
    row.cloth_type == job.cloth_type.as_deref()
        && row.cloth_type_2 == job.cloth_type_2.as_deref()
        && row.cloth_2.is_some() == job.cloth_2.is_some()
        && row.model == job.model.as_deref()
        && row.keep == job.keep
}

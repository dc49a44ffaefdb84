//! A look at a job's pictures before it shares what was made of them earlier (`--dedupe`): a file may have been replaced since.

use crate::ambient;
use crate::job::Content;
use crate::queue::{LookedAt, ToLookAt};
use crate::store::InputFile;

use super::request_pictures::RequestPictures;

impl RequestPictures {
    /// What a job's pictures are now, as far as they are local files of which something is known.
    pub(crate) async fn look_again(&self, job: ToLookAt) -> LookedAt {
        let (folder, objects, seq) = (self.folder.clone(), self.objects().clone(), job.seq);
        let look = move || {
            let pictures = job.known.chunk_by(|one, next| one.picture == next.picture);
            let now = pictures.filter_map(|known| {
                let first = known.first()?;
                let file = InputFile::named_by(&first.source, folder.as_deref(), &objects)?;
                let contents: Vec<&Content> = known.iter().map(|known| &known.content).collect();
                Some((first.picture, file.sha256_now(&contents)?))
            });
            now.collect()
        };
        LookedAt { seq, sha256: ambient::blocking(look).await.unwrap_or_default() }
    }
}

//! The pictures that a request carries: files as they are, what `--fit-images` makes of those that almost fit, and
//! two garments on one picture.
//!
//! What is made here is in a folder beside the queue while it is needed, so that a body streams from disk
//! whatever it carries, and is kept for the other jobs that share it. One picture is worked on at a time: that bounds
//! the memory, and a slot is busy for half a minute where a picture takes a fraction of a second. The folder goes
//! with the run; what a killed run has left is removed by the next one, which holds the queue alone.
//!
//! A file that is sent as it is was decoded to its last line before ([`WholeFiles`]).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::ambient;
use crate::job::{Content, Garment, ImageRef, ImageSource, JobSpec, ModelName, SecondGarment, SentContents};
use crate::picture::{InputLimits, PictureError, PictureFormat, Probe, probe};
use crate::provider::Picture;
use crate::store::{BucketTrouble, InputFile, LinkError, Linkable, Objects, PictureLinks, Scratch, Version};

use super::recipe::Recipe;
use super::shelf::{Kept, Shelf};
use super::trouble::InputsError;
use super::whole_files::WholeFiles;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct RequestPictures {
    /// Whether pictures that almost fit are made to fit.
    fits_images: bool,
    /// Makes links to the pictures for models that take URLs only.
    links: Option<Links>,
    scratch: Scratch,
    objects: Objects,
    /// Where relative names lead.
    pub(super) folder: Option<Arc<Path>>,
    /// Whether other hosts may have what this one has not.
    is_shared: bool,
    turn: Arc<Semaphore>,
    shelf: Mutex<Shelf>,
    whole_files: Arc<WholeFiles>,
}

/// How pictures are linked to.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    /// Makes the links.
    pub(crate) maker: Arc<dyn PictureLinks>,
    /// How long a link has to live: as long as the provider may take to fetch the picture.
    pub(crate) life: Duration,
}

/// The pictures of one request. Files that were made for it stay as long as this does.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) human: Picture,
    pub(crate) cloth: Picture,
    /// What was made, for the report; `None` where every file is sent as it is.
    pub(crate) sent_as: Option<String>,
    /// What the files were that it is made of, as far as they were read here.
    pub(crate) contents: SentContents,
    /// Whether something had to be made or decoded just now, so that time has gone by.
    pub(crate) took_time: bool,
    _kept: Vec<Arc<Kept>>,
}

impl Ready {
    /// What is known of the files, to be kept with the attempt.
    pub(crate) fn told(&self) -> Option<Box<SentContents>> {
        (!self.contents.is_empty()).then(|| Box::new(self.contents.clone()))
    }
}

/// A file as it was when it was looked at. One that changes is another source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Input {
    pub(super) file: InputFile,
    pub(super) probe: Probe,
    pub(super) version: Version,
}

/// One picture of a request, before anything is made.
#[derive(Debug)]
enum Wanted {
    Url(String),
    /// Sent byte for byte.
    AsItIs {
        column: &'static str,
        source: Input,
    },
    Made {
        column: &'static str,
        recipe: Recipe,
    },
}

/// One picture of a request, ready to be sent.
#[derive(Debug)]
struct Got {
    picture: Picture,
    /// Whether it had to be made or decoded just now.
    took_time: bool,
    /// What was made, for the report, and the file of it.
    made: Option<(String, Arc<Kept>)>,
    /// What the file was that it is made of, and the second one.
    contents: [Option<Content>; 2],
}

const HUMAN: &str = "human_image";
pub(super) const CLOTH: &str = "cloth_image";
pub(super) const SECOND_CLOTH: &str = "cloth_image_2";

impl RequestPictures {
    /// With a folder that is this run's alone, and one where relative names lead. With `is_shared` other hosts may have what this
    /// one has not.
    pub(crate) fn new(
        scratch: Scratch,
        (folder, is_shared): (Option<PathBuf>, bool),
        fits_images: bool,
        links: Option<Links>,
    ) -> Self {
        scratch.clear();
        Self {
            fits_images,
            links,
            objects: Objects::copied_to(scratch.clone()),
            folder: folder.map(Arc::from),
            is_shared,
            scratch,
            turn: Arc::new(Semaphore::new(1)),
            shelf: Mutex::default(),
            whole_files: Arc::default(),
        }
    }

    /// Pictures in buckets, as this run has copied them.
    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Makes and checks what a job's request will need, so that it does not have to wait later. What goes wrong here goes
    /// wrong again when the job is sent, and is told then.
    pub(crate) async fn get_ready(&self, spec: &JobSpec, model: &ModelName) {
        let is_file = |image: &ImageRef| !matches!(image.source, ImageSource::Url(_));
        if (is_file(&spec.human) || is_file(&spec.cloth))
            && let Err(why) = self.of(spec, model).await
        {
            tracing::debug!(job = %spec.id, ?why, "its pictures cannot be made ready");
        }
    }

    /// The pictures of a job's request to a model.
    ///
    /// # Errors
    /// See [`InputsError`]; nothing was sent.
    pub(crate) async fn of(&self, spec: &JobSpec, model: &ModelName) -> Result<Ready, InputsError> {
        let fits_images = self.fits_images;
        let asked = spec.clone();
        let limits = InputLimits::of(model);
        let look = Looking {
            fits_images,
            limits,
            objects: self.objects.clone(),
            folder: self.folder.clone(),
            is_shared: self.is_shared,
        };
        let plan = ambient::blocking(move || look.plan(&asked)).await;
        let broken = |_| InputsError::Input("one of its pictures breaks the program that reads its size".to_owned());
        let (human, cloth) = plan.map_err(broken)??;
        let links = self.links_for(model);
        let (human, cloth) = tokio::join!(self.get(human, links), self.get(cloth, links));
        let (human, cloth) = (human?, cloth?);
        let took_time = human.took_time || cloth.took_time;
        let ([human_content, _], [cloth_content, second]) = (human.contents, cloth.contents);
        let contents = SentContents { human: human_content, cloth: cloth_content, second };
        let (stories, kept): (Vec<String>, Vec<Arc<Kept>>) = [human.made, cloth.made].into_iter().flatten().unzip();
        let sent_as = (!stories.is_empty()).then(|| stories.join("; "));
        Ok(Ready { human: human.picture, cloth: cloth.picture, sent_as, contents, took_time, _kept: kept })
    }

    /// What links to local pictures, where the model is sent links.
    fn links_for(&self, model: &ModelName) -> Option<&Links> {
        self.links.as_ref().filter(|links| model.is_of_solutions() || links.maker.is_for_every_model())
    }

    /// One picture of a request: checked, or made; and linked to, where that is wanted.
    async fn get(&self, wanted: Wanted, links: Option<&Links>) -> Result<Got, InputsError> {
        match wanted {
            Wanted::Url(url) => {
                Ok(Got { picture: Picture::Url(url), took_time: false, made: None, contents: [None, None] })
            }
            Wanted::AsItIs { column, source } => {
                let took_time = self.check_whole(column, source.clone()).await?;
                let contents = self.contents_of(vec![source.clone()]).await;
                let linkable = Linkable {
                    bytes: source.probe.bytes,
                    media_type: source.probe.format.media_type(),
                    file: source.file,
                    version: source.version,
                };
                let (picture, was_linked_now) = sent(column, linkable, links).await?;
                Ok(Got { picture, took_time: took_time || was_linked_now, made: None, contents })
            }
            Wanted::Made { column, recipe } => {
                let sources = recipe.sources();
                let (made, was_there) = self.made(column, recipe).await?;
                let contents = self.contents_of(sources).await;
                let file = made.file.as_input();
                let media_type = PictureFormat::Jpeg.media_type();
                let linkable = Linkable { version: file.version(), file, bytes: made.bytes, media_type };
                let (picture, was_linked_now) = sent(column, linkable, links).await?;
                let story = format!("{column}: {}", made.story);
                Ok(Got { picture, took_time: !was_there || was_linked_now, made: Some((story, made)), contents })
            }
        }
    }

    /// What files are that a picture is made of: one, or the first and the second garment.
    async fn contents_of(&self, sources: Vec<Input>) -> [Option<Content>; 2] {
        let whole_files = Arc::clone(&self.whole_files);
        let read = ambient::blocking(move || {
            let mut contents = sources.iter().map(|source| whole_files.content(source));
            [contents.next().flatten(), contents.next().flatten()]
        });
        // Who cannot be read to its end fails its job when it is sent.
        read.await.unwrap_or_default()
    }

    /// Refuses a file that does not decode to its last line. Says whether it was decoded now.
    async fn check_whole(&self, column: &'static str, source: Input) -> Result<bool, InputsError> {
        let (whole_files, file) = (Arc::clone(&self.whole_files), source.file.clone());
        let checked = ambient::blocking(move || whole_files.check(&source)).await;
        let broken = |_| Err("is a picture that breaks the decoder; save it again as a JPEG".to_owned());
        let is_there = || file.open_file().is_ok();
        checked.unwrap_or_else(broken).map_err(|why| match format!("{column}: {why}") {
            why if self.is_shared && !is_there() => InputsError::NotHere(why),
            why => InputsError::Input(why),
        })
    }

    /// A picture from the shelf, or made now; and whether it stood there.
    async fn made(&self, column: &'static str, recipe: Recipe) -> Result<(Arc<Kept>, bool), InputsError> {
        if let Some(kept) = self.shelf().take_down(&recipe) {
            return Ok((kept, true));
        }
        let turn = Arc::clone(&self.turn).acquire_owned().await.expect("the semaphore is never closed");
        // Another job may have had it made in the meantime.
        if let Some(kept) = self.shelf().take_down(&recipe) {
            return Ok((kept, false));
        }
        let (scratch, known_as) = (self.scratch.clone(), recipe.clone());
        let work = ambient::blocking(move || {
            let kept = recipe
                .cook()
                .map_err(|(column_at_fault, why)| {
                    InputsError::Input(format!("{}: {why}", column_at_fault.unwrap_or(column)))
                })
                .and_then(|encoded| {
                    let file = scratch.keep(&encoded.jpeg).map_err(|error| InputsError::Machine(error.into()))?;
                    Ok(Kept { file, bytes: encoded.jpeg.len() as u64, story: recipe.story(&encoded) })
                });
            (kept, turn)
        });
        // A decoder that panics has met a picture that is made to break it: that is the job's fault, not the run's.
        let broken = |_| InputsError::Input(format!("{column}: is a picture that breaks the decoder"));
        // The turn ends when the picture is on the shelf, so that whoever comes next finds it there.
        let (kept, _turn) = work.await.map_err(broken)?;
        let kept = Arc::new(kept?);
        self.shelf().put(known_as, &kept);
        Ok((kept, false))
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RequestPictures {
    fn drop(&mut self) {
        self.shelf().clear();
        self.scratch.clear();
    }
}

/// A picture as the request carries it: its bytes, or a link to them. Says whether that took time just now.
async fn sent(column: &'static str, picture: Linkable, links: Option<&Links>) -> Result<(Picture, bool), InputsError> {
    let Some(Links { maker, life }) = links else {
        return Ok((Picture::File { file: picture.file, bytes: picture.bytes }, false));
    };
    match maker.link(&picture, *life).await {
        Ok(link) => Ok((Picture::Url(link.url), link.took_time)),
        Err(LinkError::Picture(why)) => Err(InputsError::Input(format!("{column}: cannot be uploaded: {why}"))),
        Err(LinkError::Passing(why)) => Err(InputsError::NotLinked(format!("{column} cannot be uploaded now: {why}"))),
        Err(LinkError::Refused(why)) => Err(InputsError::NoLinks(format!("pictures cannot be uploaded: {why}"))),
    }
}

/// How the pictures of a job are looked at.
struct Looking {
    fits_images: bool,
    limits: InputLimits,
    objects: Objects,
    folder: Option<Arc<Path>>,
    is_shared: bool,
}

impl Looking {
    /// Looks at the files of a job and says what has to be made. Reads their headers.
    fn plan(&self, spec: &JobSpec) -> Result<(Wanted, Wanted), InputsError> {
        let human = self.single(HUMAN, &spec.human.source)?;
        let cloth = match &spec.second {
            None => self.single(CLOTH, &spec.cloth.source)?,
            Some(second) => self.both(&spec.cloth.source, second)?,
        };
        Ok((human, cloth))
    }

    /// A picture that is sent by itself.
    fn single(&self, column: &'static str, source: &ImageSource) -> Result<Wanted, InputsError> {
        let source = match source {
            ImageSource::Url(url) => return Ok(Wanted::Url(url.clone())),
            here => self.look_at(column, here, &self.limits)?,
        };
        if self.fits_images && source.probe.wants_fitting(&self.limits) {
            return Ok(Wanted::Made { column, recipe: Recipe::Fitted(source, self.limits) });
        }
        Ok(Wanted::AsItIs { column, source })
    }

    /// Two garments, which are sent on one picture.
    fn both(&self, first: &ImageSource, second: &SecondGarment) -> Result<Wanted, InputsError> {
        let file = |column: &'static str, source: &ImageSource| self.look_at(column, source, &InputLimits::KOLORS);
        let (first, second_source) = (file(CLOTH, first)?, file(SECOND_CLOTH, &second.image.source)?);
        let upper_is_second = second.garment == Garment::Upper;
        let (upper, lower) = if upper_is_second { (second_source, first) } else { (first, second_source) };
        Ok(Wanted::Made { column: CLOTH, recipe: Recipe::Outfit { upper, lower, upper_is_second } })
    }

    /// What a file is now. It was fit when it was loaded, and may have been replaced, or `--fit-images` forgotten.
    fn look_at(&self, column: &str, source: &ImageSource, limits: &InputLimits) -> Result<Input, InputsError> {
        if let (ImageSource::File(path), None) = (source, &self.folder)
            && path.is_relative()
        {
            let path = path.display();
            return Err(InputsError::NoneHere(format!("nobody has said where {path} is on this host (--inputs DIR)")));
        }
        let Some(file) = InputFile::named_by(source, self.folder.as_deref(), &self.objects) else {
            return Err(InputsError::Input(format!("{column}: must be a local file where there are two garments")));
        };
        let told = |problem: PictureError| match BucketTrouble::behind(&problem) {
            Some(trouble) if trouble.is_refusal => InputsError::NoLinks(trouble.why.clone()),
            Some(trouble) => InputsError::NotLinked(format!("{column} cannot be had now: {trouble}")),
            None if self.is_shared && problem.is_about_the_place() => self.not_here(format!("{column}: {problem}")),
            None => InputsError::Input(format!("{column}: {}", problem.at(&file))),
        };
        let probe = probe(&file).map_err(told)?;
        probe.check_sides(limits).map_err(told)?;
        if !self.fits_images {
            probe.check_fit(limits).map_err(told)?;
        }
        let version = file.version();
        Ok(Input { file, probe, version })
    }
}

impl Looking {
    /// A picture that is not there. Where nothing at all is in its folder, a disk is not mounted.
    fn not_here(&self, why: String) -> InputsError {
        let Some(folder) = &self.folder else { return InputsError::NotHere(why) };
        match std::fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
            Ok(true) => InputsError::NotHere(why),
            Ok(false) => InputsError::NoneHere(format!("the folder {} is empty", folder.display())),
            Err(error) => InputsError::NoneHere(format!("the folder {}: {error}", folder.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use image::{Rgb, RgbImage};

    use crate::job::JobId;

    use super::*;

    /// A folder with the pictures of an outfit, and where its queue would be.
    struct Shop(tempfile::TempDir);

    impl Shop {
        fn new() -> Self {
            let shop = Self(tempfile::tempdir().expect("a folder"));
            for name in ["shirt.png", "trousers.png"] {
                RgbImage::from_pixel(300, 300, Rgb([40, 60, 90])).save(shop.0.path().join(name)).expect("a picture");
            }
            shop
        }

        fn pictures(&self) -> RequestPictures {
            RequestPictures::new(Scratch::new(self.folder()), (None, false), false, None)
        }

        fn folder(&self) -> PathBuf {
            self.0.path().join("queue.db-pictures")
        }

        fn outfit(&self) -> JobSpec {
            let file =
                |name: &str| ImageRef { written: name.to_owned(), source: ImageSource::File(self.0.path().join(name)) };
            JobSpec {
                id: JobId::parse("a").expect("an id"),
                human: ImageRef {
                    written: String::new(),
                    source: ImageSource::Url("https://x.example/a.jpg".to_owned()),
                },
                cloth: file("shirt.png"),
                cloth_type: Some(Garment::Upper),
                second: Some(SecondGarment { image: file("trousers.png"), garment: Garment::Lower }),
                model: None,
                keep: crate::job::Keep::ALL,
                priority: 0,
                extra: crate::job::ExtraColumns::default(),
            }
        }
    }

    fn names_in(folder: &Path) -> usize {
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }

    #[tokio::test]
    async fn what_many_want_at_once_is_made_once_and_gone_when_nobody_wants_it_any_more() {
        let shop = Shop::new();
        let pictures = shop.pictures();
        let spec = shop.outfit();
        let model = ModelName::default();
        let wanted = futures_util::future::join_all((0..6).map(|_| pictures.of(&spec, &model))).await;
        let ready: Vec<Ready> = wanted.into_iter().map(|ready| ready.expect("ready")).collect();
        assert!(ready.iter().all(|one| one.cloth == ready[0].cloth));
        assert_eq!(names_in(&shop.folder()), 1);
        assert!(!pictures.of(&spec, &ModelName::default()).await.expect("ready").took_time, "it stands on the shelf");
        drop((ready, pictures));
        assert!(!shop.folder().exists());
    }

    #[tokio::test]
    async fn a_garment_that_was_replaced_is_another_one() {
        let shop = Shop::new();
        let (pictures, spec) = (shop.pictures(), shop.outfit());
        let before = pictures.of(&spec, &ModelName::default()).await.expect("ready");
        RgbImage::from_pixel(310, 300, Rgb([200, 60, 90])).save(shop.0.path().join("shirt.png")).expect("a picture");
        let after = pictures.of(&spec, &ModelName::default()).await.expect("ready");
        assert!(after.took_time && after.cloth != before.cloth);
    }

    #[tokio::test]
    async fn what_a_killed_run_left_is_removed_and_a_plain_job_makes_no_folder() {
        let shop = Shop::new();
        std::fs::create_dir(shop.folder()).expect("a folder");
        std::fs::write(shop.folder().join(".tryon-left.jpg"), "left behind").expect("written");
        std::fs::write(shop.folder().join("mine.jpg"), "a user's own").expect("written");
        let pictures = shop.pictures();
        assert_eq!(names_in(&shop.folder()), 1, "what is not ours stays");
        std::fs::remove_file(shop.folder().join("mine.jpg")).expect("removed");
        drop(pictures);
        assert!(!shop.folder().exists());
        let pictures = shop.pictures();
        let plain = JobSpec { second: None, ..shop.outfit() };
        let ready = pictures.of(&plain, &ModelName::default()).await.expect("ready");
        assert!(matches!(&ready.cloth, Picture::File { file, .. } if file.is_at(&shop.0.path().join("shirt.png"))));
        assert_eq!((ready.sent_as, ready.took_time), (None, true), "decoded for the first time");
        pictures.get_ready(&plain, &ModelName::default()).await;
        assert!(!pictures.of(&plain, &ModelName::default()).await.expect("ready").took_time, "known to be whole");
        assert!(!shop.folder().exists());
    }
}

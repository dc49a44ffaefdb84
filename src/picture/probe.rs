//! What a local picture is: format by content, bytes, pixels; and whether it may be sent as it is, or can be made to
//! fit. Reads the header, never the pixels.

use std::io::{self, Read};

use super::content::{Content, HEAD_BYTES};
use super::decode::MAX_DECODED_BYTES;
use super::file_header::{self, FileHeader, HeaderError, Peculiarity};
use super::guard::guarded;
use super::jpeg::JpegError;
use super::source::Source;
use super::{InputLimits, PictureFormat};

/// The largest input that the provider takes, in bytes (`docs/provider.md`: 10 MB, read as MiB).
pub const MAX_INPUT_BYTES: u64 = 10 * 1024 * 1024;

/// The shortest side that the provider takes, in pixels (`docs/provider.md`).
pub const MIN_INPUT_SIDE_PX: u32 = 300;

/// The longest side that nobody wonders about, in pixels. `--fit-images` shrinks what is longer.
pub const LONGEST_USUAL_SIDE_PX: u32 = 8192;

/// The largest file that is decoded here, in bytes.
pub const MAX_DECODED_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The largest picture that is decoded here, in pixels.
pub const MAX_DECODED_PIXELS: u64 = 100_000_000;

/// What the header of a picture says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Probe {
    /// By content, whatever the file is called.
    pub format: PictureFormat,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The file's length.
    pub bytes: u64,
    /// What a model may take wrong about it, if anything.
    pub peculiarity: Option<Peculiarity>,
    /// What it is, where its header says that it cannot be decoded here; completes "is …".
    pub(super) not_decoded: Option<&'static str>,
}

impl Probe {
    /// Of a picture about which nothing is peculiar.
    pub(crate) fn of(format: PictureFormat, (width, height): (u32, u32), bytes: u64) -> Self {
        Self { format, width, height, bytes, peculiarity: None, not_decoded: None }
    }

    /// Checks that the picture may be sent as it is.
    ///
    /// # Errors
    /// The first rule that it breaks; all of them can be mended by `--fit-images`, and say so.
    pub fn check_fit(&self, limits: &InputLimits) -> Result<(), PictureError> {
        if !limits.takes(self.format) {
            let convertible = PictureError::ForeignFormat(self.format);
            return Err(self.not_decoded.map_or(convertible, PictureError::NotDecoded));
        }
        if self.bytes > MAX_INPUT_BYTES {
            return Err(PictureError::TooLarge(self.bytes));
        }
        let Self { width, height, .. } = *self;
        match limits.longest_px.filter(|longest| width.max(height) > *longest) {
            Some(most) => Err(PictureError::TooLong { width, height, most }),
            None => Ok(()),
        }
    }

    /// Checks that the sides are within the limits, or can be brought within them: a short side stays what it is, or becomes
    /// shorter.
    ///
    /// # Errors
    /// They cannot.
    pub fn check_sides(&self, limits: &InputLimits) -> Result<(), PictureError> {
        let Self { width, height, .. } = *self;
        let (long, short) = (width.max(height), width.min(height));
        if short < limits.shortest_px {
            return Err(PictureError::TooSmall { width, height, least: limits.shortest_px });
        }
        match limits.longest_px.filter(|most| long > *most) {
            // As long as allowed, the short side would be shorter than that.
            Some(most) if u64::from(short) * u64::from(most) < u64::from(limits.shortest_px) * u64::from(long) => {
                Err(PictureError::TooNarrow { width, height, least: limits.shortest_px, most })
            }
            _ => Ok(()),
        }
    }

    /// Checks that the picture can be decoded here, as far as its header tells.
    ///
    /// # Errors
    /// It has too many pixels for that, or is of a kind that is not decoded.
    pub fn check_decodable(&self) -> Result<(), PictureError> {
        if u64::from(self.width) * u64::from(self.height) > MAX_DECODED_PIXELS {
            return Err(PictureError::TooManyPixels { width: self.width, height: self.height });
        }
        self.not_decoded.map_or(Ok(()), |what| Err(PictureError::NotDecoded(what)))
    }

    /// Whether `--fit-images` has something to do: convert what is no JPEG or PNG and what a model may take wrong, shrink
    /// what has too many bytes or absurdly many pixels in a row. What fits is never touched.
    #[must_use]
    pub fn wants_fitting(&self, limits: &InputLimits) -> bool {
        let is_long = self.width.max(self.height) > limits.longest_left_alone_px();
        self.check_fit(limits).is_err() || is_long || self.peculiarity.is_some()
    }
}

/// Why a local file cannot be an input. The wording completes `human_image: …`.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Nothing is there.
    #[error("no such file (looked for {0})")]
    NotFound(String),
    /// A folder is there.
    #[error("is a folder, not a picture ({0})")]
    Folder(String),
    /// A FIFO, a device, a socket: never opened, since that could wait for ever.
    #[error("is not a regular file ({0})")]
    NotRegular(String),
    /// The system does not let it be read.
    #[error("cannot be read ({path}: {source})")]
    Unreadable {
        /// Where it is.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It has no bytes.
    #[error("is empty")]
    Empty,
    /// It has too many bytes.
    #[error(
        "is {:.1} MiB; at most {} MiB are allowed; --fit-images shrinks it",
        mebibytes(*.0), MAX_INPUT_BYTES / (1024 * 1024)
    )]
    TooLarge(u64),
    /// It has more bytes than are decoded.
    #[error("is {:.1} MiB; at most {} MiB can be shrunk", mebibytes(*.0), MAX_DECODED_FILE_BYTES / (1024 * 1024))]
    TooLargeToDecode(u64),
    /// It is a picture in a format that the provider does not take.
    #[error("is {}, not a JPEG or PNG picture; --fit-images converts it", .0.a_picture())]
    ForeignFormat(PictureFormat),
    /// It is a picture in a format that is not decoded here.
    #[error("is {0}, not a JPEG or PNG picture; export it as a JPEG")]
    OtherPicture(&'static str),
    /// It is something else.
    #[error("is {0}, not a JPEG or PNG picture")]
    WrongFormat(&'static str),
    /// It begins like a picture, and its size cannot be found.
    #[error("is a damaged picture: its size cannot be read")]
    Damaged,
    /// It has too many pixels to be worked on.
    #[error("is {width} x {height} px; at most {max} megapixels can be worked on", max = MAX_DECODED_PIXELS / 1_000_000)]
    TooManyPixels {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// Its end is missing.
    #[error("is a damaged picture: it is cut off; copy or export it again")]
    CutOff,
    /// Not all of its pixels are there.
    #[error("is a damaged picture: {0}; open it, look at it, and save it again")]
    DamagedPixels(&'static str),
    /// The decoder panics.
    #[error("is a picture that breaks the decoder; save it again as a JPEG")]
    BreaksDecoder,
    /// The converted picture cannot be written in the form that is wanted.
    #[error("cannot be written in this form: {0}")]
    Unencodable(String),
    /// It is of a kind that is not decoded here.
    #[error("is {0}, which cannot be converted here; export it as a usual JPEG")]
    NotDecoded(&'static str),
    /// A PNG as Apple's tools pack it into programs.
    #[error(
        "is a PNG out of an iPhone app (CgBI), which only Apple's programs read; export it again, as a JPEG or PNG"
    )]
    ApplePng,
    /// Decoding it would take too much memory.
    #[error(
        "is {width} x {height} px, which would take {} MB of memory, and at most {} MB are given to one picture; make it \
         smaller",
        needed.div_ceil(1_000_000), MAX_DECODED_BYTES / 1_000_000
    )]
    TooMuchMemory {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// In bytes.
        needed: u64,
    },
    /// The decoder gave up.
    #[error("is a picture that cannot be decoded: {0}; save it again as a JPEG or PNG")]
    Undecodable(String),
    /// No quality and no size that would do is small enough.
    #[error("cannot be brought under {} MiB", MAX_INPUT_BYTES / (1024 * 1024))]
    Unshrinkable,
    /// It has too few pixels.
    #[error("is {width} x {height} px; both sides must be at least {least} px")]
    TooSmall {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// What the model takes, in pixels.
        least: u32,
    },
    /// It has too many pixels in a row for its model.
    #[error("is {width} x {height} px; this model takes {most} px on a side at most; --fit-images shrinks it")]
    TooLong {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// What the model takes, in pixels.
        most: u32,
    },
    /// No size of it is one that its model takes.
    #[error(
        "is {width} x {height} px; this model takes {most} px on a side at most, and the other side would come under {least} \
         px then; crop it"
    )]
    TooNarrow {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// What the model takes, in pixels.
        least: u32,
        /// What the model takes, in pixels.
        most: u32,
    },
}

/// What is wrong with a JPEG, in the words for inputs.
impl From<JpegError> for PictureError {
    fn from(error: JpegError) -> Self {
        match error {
            JpegError::NoEnd => Self::CutOff,
            JpegError::Damaged(what) => Self::DamagedPixels(what),
            JpegError::Unsupported(what) => Self::NotDecoded(what),
        }
    }
}

impl PictureError {
    /// Whether it says nothing of a picture, but of what is at its place, or is not.
    #[must_use]
    pub fn is_about_the_place(&self) -> bool {
        matches!(self, Self::NotFound(_) | Self::Folder(_) | Self::NotRegular(_) | Self::Unreadable { .. })
    }

    /// The problem with the picture's place, where the wording does not have it yet.
    #[must_use]
    pub fn at(&self, place: &dyn std::fmt::Display) -> String {
        if self.is_about_the_place() { self.to_string() } else { format!("{self} ({place})") }
    }
}

/// Bytes in the unit that people compare, rounded up so that one byte too many does not read as the limit itself.
fn mebibytes(bytes: u64) -> f64 {
    let tenths = (bytes * 10).div_ceil(1024 * 1024);
    f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0
}

/// Looks at what lies at `source`: is it a picture, in which format, and how large. Whether it can be sent as it is, is
/// for [`Probe::check_fit`] to say.
///
/// # Errors
/// It cannot be an input, whatever is made of it.
pub fn probe<S: Source + ?Sized>(source: &S) -> Result<Probe, PictureError> {
    let probe = probe_any_size(source)?;
    let Probe { width, height, .. } = probe;
    if width < MIN_INPUT_SIDE_PX || height < MIN_INPUT_SIDE_PX {
        return Err(PictureError::TooSmall { width, height, least: MIN_INPUT_SIDE_PX });
    }
    Ok(probe)
}

/// The same without the rule about the shortest side: most pictures that libraries test their decoders with are small.
///
/// # Errors
/// Those of [`probe`] but [`PictureError::TooSmall`].
pub fn probe_any_size<S: Source + ?Sized>(source: &S) -> Result<Probe, PictureError> {
    let (mut file, bytes) = source.open()?;
    if bytes == 0 {
        return Err(PictureError::Empty);
    }
    let unreadable = |error: io::Error| PictureError::Unreadable { path: source.place(), source: error };
    let mut head = [0; HEAD_BYTES];
    let head_len = read_up_to(&mut file, &mut head).map_err(unreadable)?;
    let format = match Content::of(&head[..head_len]) {
        Content::Picture(PictureFormat::Avif) => {
            return Err(PictureError::OtherPicture(PictureFormat::Avif.a_picture()));
        }
        Content::Picture(format) => format,
        Content::OtherPicture(what) => return Err(PictureError::OtherPicture(what)),
        Content::Other(what) => return Err(PictureError::WrongFormat(what)),
    };
    if bytes > MAX_DECODED_FILE_BYTES {
        return Err(PictureError::TooLargeToDecode(bytes));
    }
    let header = guarded(|| file_header::read(&mut *file, format)).unwrap_or(Err(HeaderError::Damaged));
    let FileHeader { width, height, peculiarity, not_decoded } = header.map_err(|error| match error {
        HeaderError::Damaged => PictureError::Damaged,
        HeaderError::ApplePng => PictureError::ApplePng,
    })?;
    Ok(Probe { format, width, height, bytes, peculiarity, not_decoded })
}

/// Fills `buffer` as far as the file goes.
pub(super) fn read_up_to(file: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::{Path, PathBuf};

    use image::{ImageFormat, RgbImage};

    use super::*;

    fn picture(folder: &Path, name: &str, width: u32, height: u32, format: ImageFormat) -> PathBuf {
        let path = folder.join(name);
        RgbImage::new(width, height).save_with_format(&path, format).expect("save");
        path
    }

    #[test]
    fn the_format_is_told_by_the_content_and_not_by_the_name() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = picture(folder.path(), "a.jpg", 300, 301, ImageFormat::Png);
        let found = probe(&path).expect("probe");
        assert_eq!((found.format.name(), found.width, found.height), ("PNG", 300, 301));
        assert_eq!(found.bytes, path.metadata().expect("metadata").len());
        let path = picture(folder.path(), "b.png", 400, 300, ImageFormat::Jpeg);
        let found = probe(&path).expect("probe");
        assert_eq!((found.format.name(), found.width, found.height), ("JPEG", 400, 300));
    }

    #[test]
    fn a_picture_under_300_px_on_either_side_is_refused() {
        let folder = tempfile::tempdir().expect("tempdir");
        for (width, height, format) in [(299, 400, ImageFormat::Png), (400, 299, ImageFormat::Jpeg)] {
            let path = picture(folder.path(), "small", width, height, format);
            let problem = probe(&path).expect_err("small").to_string();
            assert_eq!(problem, format!("is {width} x {height} px; both sides must be at least 300 px"));
        }
    }

    #[test]
    fn a_picture_over_10_mib_is_refused_and_one_of_exactly_10_mib_is_not() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = picture(folder.path(), "large.png", 300, 300, ImageFormat::Png);
        let file = File::options().write(true).open(&path).expect("open");
        file.set_len(MAX_INPUT_BYTES).expect("set_len");
        assert!(probe(&path).expect("a picture").check_fit(&InputLimits::KOLORS).is_ok());
        file.set_len(MAX_INPUT_BYTES + 1).expect("set_len");
        let problem = probe(&path).expect("a picture").check_fit(&InputLimits::KOLORS).expect_err("large").to_string();
        assert_eq!(problem, "is 10.1 MiB; at most 10 MiB are allowed; --fit-images shrinks it");
    }

    #[test]
    fn what_is_no_picture_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("tempdir");
        let reason = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("write");
            probe(&path).expect_err(name).to_string()
        };
        assert_eq!(reason("a.png", b""), "is empty");
        assert_eq!(reason("b.png", b"<html>"), "is an HTML page, not a JPEG or PNG picture");
        assert_eq!(reason("c.jpg", b"%PDF-1.7"), "is a PDF file, not a JPEG or PNG picture");
        assert_eq!(reason("d.png", b"\x89PNG\r\n\x1a\n"), "is a damaged picture: its size cannot be read");
        assert_eq!(reason("e.jpg", b"\xff\xd8\xff\xd9"), "is a damaged picture: its size cannot be read");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().expect("tempdir");
        assert!(matches!(probe(folder.path()), Err(PictureError::Folder(_))));
        let absent = folder.path().join("absent.png");
        let problem = probe(&absent).expect_err("absent").to_string();
        assert_eq!(problem, format!("no such file (looked for {})", absent.display()));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_or_a_fifo_is_refused_without_being_opened() {
        assert!(matches!(probe(Path::new("/dev/zero")), Err(PictureError::NotRegular(_))));
        let folder = tempfile::tempdir().expect("tempdir");
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
        assert!(made.success());
        assert!(matches!(probe(&fifo), Err(PictureError::NotRegular(_))));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_behind_a_picture_s_first_ones_are_no_accident(
            which in 0usize..7,
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        ) {
            let magics: [&[u8]; 7] = [
                b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8X", b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", b"II*\0\x08\0\0\0",
                b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10", b"GIF89a",
            ];
            let folder = tempfile::tempdir().expect("tempdir");
            let path = folder.path().join("any");
            std::fs::write(&path, [magics[which], &bytes].concat()).expect("write");
            let _ = probe(&path).map(|probe| (probe.check_fit(&InputLimits::KOLORS).is_ok(), probe.check_decodable().is_ok(), probe.wants_fitting(&InputLimits::KOLORS)));
        }
    }

    #[test]
    fn a_jpeg_made_of_endless_tiny_segments_is_given_up_on() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("endless.jpg");
        let mut bytes = vec![0xff, 0xd8];
        bytes.extend([0xff, 0xe0, 0, 2].repeat(1_000_000));
        std::fs::write(&path, bytes).expect("write");
        assert!(matches!(probe(&path), Err(PictureError::Damaged)));
    }
}

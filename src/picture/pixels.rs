//! An input's pixels: 8 bits a sample, nothing transparent; cut, shrunk and turned upright.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};

use super::colours;
use super::memory::Taken;

/// A decoded picture, as it lies in its file.
#[derive(Debug)]
pub(super) struct Pixels {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 1 for grey, 3 for colour.
    pub(super) channels: usize,
    /// Row by row, without padding.
    pub(super) samples: Vec<u8>,
    /// How it is to be turned to stand upright.
    pub(super) orientation: Orientation,
    /// The ICC profile that the file carries.
    pub(super) profile: Option<Vec<u8>>,
    /// What it takes of the process's budget while it is there.
    pub(super) memory: Option<Taken<'static>>,
}

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Pixels {
    /// Whether standing upright means that width and height change places.
    pub(super) fn is_on_its_side(&self) -> bool {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        matches!(self.orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
    }

    /// Keeps only `area`, without a second copy of the pixels.
    pub(super) fn crop(&mut self, area: Area) {
        let row_bytes = area.width * self.channels;
        for row in 0..area.height {
            let from = ((area.top + row) * self.width + area.left) * self.channels;
            self.samples.copy_within(from..from + row_bytes, row * row_bytes);
        }
        (self.width, self.height) = (area.width, area.height);
        self.samples.truncate(row_bytes * area.height);
        self.samples.shrink_to_fit();
    }

    /// The picture upright, in sRGB, no larger than `width` x `height` (as it lies in the file) and never enlarged.
    pub(super) fn upright_within(mut self, width: f64, height: f64) -> RgbImage {
        let _held_to_the_end = self.memory.take();
        let (own_width, own_height) = (self.width as f64, self.height as f64);
        let scale = (width / own_width).min(height / own_height).min(1.0);
        let Self { orientation, .. } = self;
        let profile = self.profile.clone();
        let (width, height) = (scaled(own_width, scale), scaled(own_height, scale));
        // The little picture is turned and coloured, not the large one.
        let mut picture = resized(self.into_image(), width, height);
        picture.apply_orientation(orientation);
        colours::srgb(picture, profile.as_deref())
    }

    pub(super) fn into_image(self) -> DynamicImage {
        let (width, height) = (self.width as u32, self.height as u32);
        let whole = "as many samples as width, height and channels say";
        if self.channels == 1 {
            GrayImage::from_raw(width, height, self.samples).expect(whole).into()
        } else {
            RgbImage::from_raw(width, height, self.samples).expect(whole).into()
        }
    }
}

/// A picture that is upright, in sRGB.
impl From<RgbImage> for Pixels {
    fn from(picture: RgbImage) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let orientation = Orientation::NoTransforms;
        Self { width, height, channels: 3, samples: picture.into_raw(), orientation, profile: None, memory: None }
    }
}

/// A length on another scale, in whole pixels.
pub(super) fn scaled(length: f64, scale: f64) -> u32 {
    (length * scale).round().max(1.0) as u32
}

/// The filter that keeps threads and seams sharp holds what it has resized in one direction in floating point, 16 bytes a
/// pixel; where that would be more pixels than this, plain averages have to do.
const MOST_FILTERED_PIXELS: u64 = 12_000_000;

/// The picture in another size. Reductions begin with plain averages, which need no further memory, and end with a
/// filter that keeps threads and seams sharp where there is room for it.
pub(super) fn resized(picture: DynamicImage, width: u32, height: u32) -> DynamicImage {
    if (picture.width(), picture.height()) == (width, height) {
        return picture;
    }
    let is_much_larger = picture.width() / 3 >= width && picture.height() / 3 >= height;
    let across = if is_much_larger { 2 * width } else { picture.width() };
    let is_smaller = width <= picture.width() && height <= picture.height();
    if is_smaller && u64::from(across) * u64::from(height) > MOST_FILTERED_PIXELS {
        return picture.thumbnail_exact(width, height);
    }
    let picture = if is_much_larger { picture.thumbnail_exact(width * 2, height * 2) } else { picture };
    picture.resize_exact(width, height, image::imageops::FilterType::Lanczos3)
}

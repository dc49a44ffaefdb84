//! An input's pixels: decoded in bounded memory, 8 bits a sample, nothing transparent.
//!
//! One picture at a time is all that a caller should decode: the bounds here are for one. A JPEG stands in
//! memory with its file and its frame (a progressive one with its coefficients too), a PNG with its frame.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageReader, Limits, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{ForeignFormat, InputFormat, PictureFormat, PictureProblem, Probe, colours, jpeg_end};

/// The most that one picture may need in memory while it is decoded, its file not counted. 10 MB of PNG can claim
/// to be a thousand times as large.
const MAX_DECODED_BYTES: u64 = 400_000_000;

/// A decoded picture, as it lies in its file.
#[derive(Debug)]
pub(super) struct Pixels {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 1 for grey, 3 for colour.
    pub(super) channels: usize,
    /// Row by row, without padding.
    pub(super) samples: Vec<u8>,
    orientation: Orientation,
    /// The ICC profile that the file carries.
    profile: Option<Vec<u8>>,
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
    /// Decodes the file at `path`, of which `probe` says what it is.
    pub(super) fn decode(path: &Path, probe: &Probe) -> Result<Self, PictureProblem> {
        probe.check_decodable()?;
        let unreadable = |source| PictureProblem::Unreadable { path: path.display().to_string(), source };
        let file = File::open(path).map_err(unreadable)?;
        match probe.format {
            InputFormat::Foreign(format) => decode_foreign(file, format),
            InputFormat::Taken(PictureFormat::Png) => decode_png(file),
            InputFormat::Taken(PictureFormat::Jpeg) => {
                let mut jpeg = Vec::new();
                file.take(probe.bytes).read_to_end(&mut jpeg).map_err(unreadable)?;
                decode_jpeg(&jpeg)
            }
        }
    }

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
    pub(super) fn upright_within(self, width: f64, height: f64) -> RgbImage {
        let (own_width, own_height) = (self.width as f64, self.height as f64);
        let scale = (width / own_width).min(height / own_height).min(1.0);
        let (orientation, profile) = (self.orientation, self.profile.clone());
        let (width, height) = (scaled(own_width, scale), scaled(own_height, scale));
        // The little picture is turned and coloured, not the large one.
        let mut picture = resized(self.into_image(), width, height);
        picture.apply_orientation(orientation);
        colours::srgb(picture, profile.as_deref())
    }

    fn into_image(self) -> DynamicImage {
        let (width, height) = (self.width as u32, self.height as u32);
        let whole = "as many samples as width, height and channels say";
        if self.channels == 1 {
            GrayImage::from_raw(width, height, self.samples).expect(whole).into()
        } else {
            RgbImage::from_raw(width, height, self.samples).expect(whole).into()
        }
    }
}

/// A length on another scale, in whole pixels.
pub(super) fn scaled(length: f64, scale: f64) -> u32 {
    (length * scale).round().max(1.0) as u32
}

/// The picture in another size. Reductions begin with plain averages, which need no further memory, and end with a
/// filter that keeps threads and seams sharp.
pub(super) fn resized(picture: DynamicImage, width: u32, height: u32) -> DynamicImage {
    if (picture.width(), picture.height()) == (width, height) {
        return picture;
    }
    let is_much_larger = picture.width() / 3 >= width && picture.height() / 3 >= height;
    let picture = if is_much_larger { picture.thumbnail_exact(width * 2, height * 2) } else { picture };
    picture.resize_exact(width, height, image::imageops::FilterType::Lanczos3)
}

/// Refuses what would need too much memory, before it is decoded.
fn check_memory(width: usize, height: usize, bytes_a_pixel: usize) -> Result<(), PictureProblem> {
    let needed = width as u64 * height as u64 * bytes_a_pixel as u64;
    if needed <= MAX_DECODED_BYTES {
        return Ok(());
    }
    Err(PictureProblem::Undecodable(format!(
        "its {width} x {height} px would take {} MB of memory, and at most {} MB are given to one picture",
        needed.div_ceil(1_000_000),
        MAX_DECODED_BYTES / 1_000_000
    )))
}

fn decode_png(file: File) -> Result<Pixels, PictureProblem> {
    let broken = |error: png::DecodingError| PictureProblem::Undecodable(error.to_string());
    let limits = png::Limits { bytes: MAX_DECODED_BYTES as usize };
    let mut decoder = png::Decoder::new_with_limits(BufReader::new(file), limits);
    decoder.set_ignore_text_chunk(true);
    // Palettes and single bits become samples, 16 bits become 8.
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(broken)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let (colour, _) = reader.output_color_type();
    check_memory(width, height, colour.samples())?;
    let mut samples = vec![0; reader.output_buffer_size().unwrap_or_default()];
    let frame = reader.next_frame(&mut samples).map_err(broken)?;
    samples.truncate(frame.buffer_size());
    let exif = reader.info().exif_metadata.as_deref();
    let orientation = exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let profile = reader.info().icc_profile.as_deref().map(<[u8]>::to_vec);
    let channels = match colour {
        png::ColorType::Grayscale => 1,
        png::ColorType::GrayscaleAlpha => {
            lay_on_white(&mut samples, 1);
            1
        }
        png::ColorType::Rgba => {
            lay_on_white(&mut samples, 3);
            3
        }
        png::ColorType::Rgb | png::ColorType::Indexed => 3,
    };
    // The first frame of an animation may be smaller than the picture that it belongs to.
    whole(Pixels {
        width: frame.width as usize,
        height: frame.height as usize,
        channels,
        samples,
        orientation,
        profile,
    })
}

fn decode_jpeg(jpeg: &[u8]) -> Result<Pixels, PictureProblem> {
    // The decoder would fill what is missing with grey.
    if !jpeg_end::has_end(jpeg) {
        return Err(PictureProblem::CutOff);
    }
    let broken = |error: zune_jpeg::errors::DecodeErrors| PictureProblem::Undecodable(error.to_string());
    // As lenient as the programs in which people look at their pictures.
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(broken)?;
    let Some(info) = decoder.info() else { return Err(PictureProblem::Damaged) };
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    let is_grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let channels = if is_grey { 1 } else { 3 };
    // Each coefficient of a progressive picture is kept until the last scan, in two bytes.
    let coefficients = if info.sof.is_progressive() { 2 * usize::from(info.components) } else { 0 };
    check_memory(width, height, channels + coefficients)?;
    let orientation = info.exif_data.as_deref().and_then(Orientation::from_exif_chunk);
    // A CMYK picture leaves the decoder as RGB, and its profile does not fit it any more.
    let is_ink = matches!(decoder.input_colorspace(), Some(ColorSpace::CMYK | ColorSpace::YCCK));
    let profile = decoder.icc_profile().filter(|_| !is_ink);
    decoder.set_options(options.jpeg_set_out_colorspace(if is_grey { ColorSpace::Luma } else { ColorSpace::RGB }));
    let samples = decoder.decode().map_err(broken)?;
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    whole(Pixels { width, height, channels, samples, orientation, profile })
}

fn decode_foreign(file: File, format: ForeignFormat) -> Result<Pixels, PictureProblem> {
    let broken = |error: image::ImageError| PictureProblem::Undecodable(error.to_string());
    let format = match format {
        ForeignFormat::WebP => image::ImageFormat::WebP,
        ForeignFormat::Bmp => image::ImageFormat::Bmp,
        ForeignFormat::Tiff => image::ImageFormat::Tiff,
        ForeignFormat::Gif => image::ImageFormat::Gif,
    };
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    // These decoders hold what they read and what they give at once.
    check_memory(width as usize, height as usize, 2 * usize::from(decoder.color_type().bytes_per_pixel()))?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // A CMYK picture leaves the decoder as RGB, and its profile does not fit it any more.
    let is_ink =
        matches!(decoder.original_color_type(), image::ExtendedColorType::Cmyk8 | image::ExtendedColorType::Cmyk16);
    let profile = decoder.icc_profile().ok().flatten().filter(|_| !is_ink);
    let picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    let colour = picture.color();
    let (channels, mut samples) = match (colour.has_color(), colour.has_alpha()) {
        (false, false) => (1, picture.into_luma8().into_raw()),
        (false, true) => (1, picture.into_luma_alpha8().into_raw()),
        (true, false) => (3, picture.into_rgb8().into_raw()),
        (true, true) => (3, picture.into_rgba8().into_raw()),
    };
    if colour.has_alpha() {
        lay_on_white(&mut samples, channels);
    }
    whole(Pixels { width: width as usize, height: height as usize, channels, samples, orientation, profile })
}

/// What decoders promise is checked once, so that nothing behind this has to doubt it.
fn whole(pixels: Pixels) -> Result<Pixels, PictureProblem> {
    let expected = pixels.width * pixels.height * pixels.channels;
    if expected > 0 && pixels.samples.len() == expected { Ok(pixels) } else { Err(PictureProblem::Damaged) }
}

/// Takes the alpha channel off pixels of `colours` channels and alpha: what shone through is white now. The samples
/// move forward in the same memory.
fn lay_on_white(samples: &mut Vec<u8>, colours: usize) {
    let count = samples.len() / (colours + 1);
    for pixel in 0..count {
        let from = pixel * (colours + 1);
        let alpha = u32::from(samples[from + colours]);
        for channel in 0..colours {
            let over_white = u32::from(samples[from + channel]) * alpha + 255 * (255 - alpha);
            samples[pixel * colours + channel] = ((over_white + 127) / 255) as u8;
        }
    }
    samples.truncate(count * colours);
}

//! Reads the body of a create and refuses what the real service refuses, saying what is wrong.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imagesize::ImageType;
use serde::Deserialize;

use super::pictures::Picture;
use super::wire::Refusal;

/// The largest picture, after decoding (`docs/provider.md`: 10 MB).
const MAX_PICTURE_BYTES: usize = 10 * 1024 * 1024;

/// The shortest side of a picture, in pixels.
const MIN_SIDE_PX: usize = 300;

const MODELS: [&str; 2] = ["kolors-virtual-try-on-v1", "kolors-virtual-try-on-v1-5"];

/// A create that can be admitted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CreateRequest {
    pub(super) model: String,
    pub(super) human: Picture,
    pub(super) cloth: Picture,
    pub(super) external_id: Option<String>,
    pub(super) callback_url: Option<String>,
}

#[derive(Deserialize)]
struct Body<'a> {
    model_name: Option<String>,
    #[serde(borrow)]
    human_image: Option<Text<'a>>,
    #[serde(borrow)]
    cloth_image: Option<Text<'a>>,
    external_task_id: Option<String>,
    callback_url: Option<String>,
}

/// Borrows from the body where it can: a picture of megabytes is not to stand in memory twice.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a create.
///
/// # Errors
/// What the service would answer: the first rule that is broken.
pub(super) fn read(body: &[u8]) -> Result<CreateRequest, Refusal> {
    let body: Body<'_> = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_parameter(format!("the request body is not the JSON it should be: {error}")))?;
    let model = body.model_name.filter(|name| !name.is_empty()).unwrap_or_else(|| MODELS[0].to_owned());
    if !MODELS.contains(&model.as_str()) {
        return Err(Refusal::not_found(format!("model_name: there is no model `{model}`")));
    }
    Ok(CreateRequest {
        model,
        human: picture("human_image", body.human_image.as_ref())?,
        cloth: picture("cloth_image", body.cloth_image.as_ref())?,
        external_id: body.external_task_id.filter(|id| !id.is_empty()),
        callback_url: body.callback_url.filter(|url| !url.is_empty()),
    })
}

fn picture(field: &str, text: Option<&Text<'_>>) -> Result<Picture, Refusal> {
    let refuse = |reason: &str| Refusal::bad_parameter(format!("{field}: {reason}"));
    let text = text.map_or("", |text| text.0.as_ref());
    if text.is_empty() {
        return Err(refuse("is required"));
    }
    let begins_with = |start: &str| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    if begins_with("http://") || begins_with("https://") {
        return match url::Url::parse(text) {
            Ok(url) => Ok(Picture::Url(url.to_string())),
            Err(error) => Err(refuse(&format!("is not a valid URL: {error}"))),
        };
    }
    if begins_with("data:") {
        return Err(refuse("must be bare Base64, without a `data:image/…;base64,` prefix"));
    }
    let bytes = STANDARD.decode(text).map_err(|error| refuse(&format!("is neither a URL nor Base64: {error}")))?;
    if bytes.len() > MAX_PICTURE_BYTES {
        return Err(refuse(&format!("has {} bytes, over the limit of 10 MB", bytes.len())));
    }
    if !matches!(imagesize::image_type(&bytes), Ok(ImageType::Jpeg | ImageType::Png)) {
        return Err(refuse("is no jpg or png picture"));
    }
    let size = imagesize::blob_size(&bytes).ok().map(|size| (size.width, size.height));
    let size = size.or_else(|| size_of_jpeg(&bytes));
    let (width, height) = size.ok_or_else(|| refuse("cannot be read as a picture"))?;
    if width < MIN_SIDE_PX || height < MIN_SIDE_PX {
        return Err(refuse(&format!("is {width}x{height} pixels; both sides must have at least {MIN_SIDE_PX}")));
    }
    Ok(Picture::Bytes(bytes))
}

/// Width and height of a JPEG with fill bytes or junk between its segments, which the services' decoders skip as every
/// viewer does.
fn size_of_jpeg(jpeg: &[u8]) -> Option<(usize, usize)> {
    let mut rest = jpeg.strip_prefix(b"\xff\xd8")?;
    loop {
        let marker =
            rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0x01 | 0xd0..=0xd9 | 0xff))?;
        let length = usize::from(u16::from_be_bytes([*rest.get(marker + 2)?, *rest.get(marker + 3)?]));
        let segment = rest.get(marker + 4..marker + 2 + length)?;
        if matches!(rest[marker + 1], 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) {
            let [_, h1, h0, w1, w0, ..] = segment else { return None };
            return Some((u16::from_be_bytes([*w1, *w0]).into(), u16::from_be_bytes([*h1, *h0]).into()));
        }
        rest = &rest[marker + 2 + length..];
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::png;
    use super::*;

    fn message(human: &str) -> String {
        let cloth = STANDARD.encode(png(300, 300));
        let body = serde_json::json!({ "human_image": human, "cloth_image": cloth });
        let refusal = read(body.to_string().as_bytes()).expect_err("refused");
        assert_eq!((refusal.status.as_u16(), refusal.code), (400, 1201), "{refusal:?}");
        refusal.message
    }

    #[test]
    fn a_jpeg_with_junk_between_its_segments_has_the_size_that_viewers_show() {
        let mut whole = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(310, 320).write_to(&mut whole, image::ImageFormat::Jpeg).expect("a JPEG");
        let whole = whole.into_inner();
        for junk in [&b"\xff\xff"[..], b"junk", b"\0"] {
            let jpeg = [&whole[..20], junk, &whole[20..]].concat();
            assert_eq!(size_of_jpeg(&jpeg), Some((310, 320)));
            assert!(matches!(
                picture("human_image", Some(&Text(STANDARD.encode(&jpeg).into()))),
                Ok(Picture::Bytes(_))
            ));
        }
        assert_eq!(size_of_jpeg(&whole[..24]), None);
    }

    #[test]
    fn a_data_prefix_is_refused_with_a_reason() {
        let text = format!("data:image/png;base64,{}", STANDARD.encode(png(300, 300)));
        assert!(message(&text).starts_with("human_image: must be bare Base64"), "{}", message(&text));
    }

    #[test]
    fn pictures_that_the_service_refuses_are_refused_with_a_reason() {
        assert_eq!(message(""), "human_image: is required");
        assert!(message("not base64!").contains("neither a URL nor Base64"));
        assert_eq!(message(&STANDARD.encode("GIF89a, or so it says")), "human_image: is no jpg or png picture");
        assert!(message(&STANDARD.encode(png(299, 400))).contains("is 299x400 pixels"));
        let mut heavy = png(300, 300);
        heavy.resize(MAX_PICTURE_BYTES + 1, 0);
        assert!(message(&STANDARD.encode(heavy)).contains("over the limit of 10 MB"));
        assert!(message("http://").contains("not a valid URL"));
    }

    #[test]
    fn a_body_that_is_no_json_and_an_unknown_model_are_refused() {
        let refusal = read(b"<xml/>").expect_err("refused");
        assert_eq!((refusal.status.as_u16(), refusal.code), (400, 1201));
        let refusal = read(br#"{"model_name":"kolors-virtual-try-on-v9"}"#).expect_err("refused");
        assert_eq!((refusal.status.as_u16(), refusal.code), (404, 1203));
    }

    #[test]
    fn escaped_slashes_and_null_fields_are_understood() {
        let text = STANDARD.encode(png(300, 301)).replace('/', "\\/");
        let body = format!(
            r#"{{"model_name":null,"human_image":"{text}","cloth_image":"https://example.com/c.jpg","callback_url":null}}"#
        );
        let request = read(body.as_bytes()).expect("accepted");
        assert_eq!(request.human, Picture::Bytes(png(300, 301)));
        assert_eq!(request.cloth, Picture::Url("https://example.com/c.jpg".to_owned()));
        assert_eq!((request.external_id, request.callback_url), (None, None));
    }
}

//! Reads what is asked for and refuses what the real service refuses, saying what is wrong.

use imagesize::ImageType;
use serde::Deserialize;
use url::Url;

use crate::clock::Micros;
use crate::wire::Refusal;

/// The largest picture (`docs/provider.md`: 10 MB).
const MAX_PICTURE_BYTES: usize = 10 * 1024 * 1024;

/// The sides of a picture, in pixels: the shortest is over this …
const SHORTEST_IS_OVER_PX: usize = 300;
/// … and the longest at most this.
const LONGEST_PX: usize = 2_048;

/// The most entries on one page of the list.
const MAX_PAGE: u32 = 500;

/// A create that can be admitted.
#[derive(Debug)]
pub(super) struct CreateRequest {
    pub(super) product: Url,
    pub(super) person: Url,
    /// What stays as it is: face, pose, background.
    pub(super) kept: [bool; 3],
    pub(super) external_id: Option<String>,
    pub(super) callback_url: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    contents: Vec<Content>,
    #[serde(default)]
    settings: Option<Settings>,
    #[serde(default)]
    options: Option<Options>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(rename = "type")]
    kind: String,
    url: Option<String>,
}

/// What stays as it is: everything, unless it is said otherwise.
#[derive(Default, Deserialize)]
struct Settings {
    keep_face: Option<bool>,
    keep_pose: Option<bool>,
    keep_background: Option<bool>,
}

impl Settings {
    fn kept(&self) -> [bool; 3] {
        [self.keep_face, self.keep_pose, self.keep_background].map(|kept| kept.unwrap_or(true))
    }
}

#[derive(Default, Deserialize)]
struct Options {
    callback_url: Option<String>,
    external_task_id: Option<String>,
}

/// Reads a create.
///
/// # Errors
/// What the service would answer: the first rule that is broken.
pub(super) fn read(body: &[u8]) -> Result<CreateRequest, Refusal> {
    let Body { contents, settings, options } = serde_json::from_slice(body).map_err(no_json)?;
    if let Some(odd) =
        contents.iter().find(|content| !["product_image", "person_image"].contains(&content.kind.as_str()))
    {
        return Err(Refusal::bad_parameter(format!("contents: there is no type `{}`", odd.kind)));
    }
    let options = options.unwrap_or_default();
    Ok(CreateRequest {
        product: the_one(&contents, "product_image")?,
        person: the_one(&contents, "person_image")?,
        kept: settings.unwrap_or_default().kept(),
        external_id: options.external_task_id.filter(|id| !id.is_empty()),
        callback_url: options.callback_url.filter(|url| !url.is_empty()),
    })
}

/// The address of the one item of a type.
fn the_one(contents: &[Content], kind: &str) -> Result<Url, Refusal> {
    let mut of_kind = contents.iter().filter(|content| content.kind == kind);
    let (Some(content), None) = (of_kind.next(), of_kind.next()) else {
        return Err(Refusal::bad_parameter(format!("contents: exactly one {kind} is required")));
    };
    let text = content.url.as_deref().unwrap_or_default();
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| Refusal::bad_parameter(format!("{kind}: only an http(s) URL is taken")))
}

/// Checks a picture that lies on this server's shelf.
///
/// # Errors
/// The first limit that it breaks.
pub(super) fn check(field: &str, picture: &[u8]) -> Result<(), Refusal> {
    let refuse = |reason: &str| Err(Refusal::bad_parameter(format!("{field}: {reason}")));
    if picture.len() > MAX_PICTURE_BYTES {
        return refuse(&format!("has {} bytes, over the limit of 10 MB", picture.len()));
    }
    if !matches!(imagesize::image_type(picture), Ok(ImageType::Jpeg | ImageType::Png | ImageType::Webp)) {
        return refuse("is no jpg, png or webp picture");
    }
    let Ok(size) = imagesize::blob_size(picture) else { return refuse("cannot be read as a picture") };
    let (width, height) = (size.width, size.height);
    if width.min(height) <= SHORTEST_IS_OVER_PX || width.max(height) > LONGEST_PX {
        return refuse(&format!(
            "is {width}x{height} pixels; the shortest side must be over {SHORTEST_IS_OVER_PX}, the longest at most {LONGEST_PX}"
        ));
    }
    Ok(())
}

/// A question for the list that can be answered.
#[derive(Debug)]
pub(super) struct ListRequest {
    pub(super) place: Place,
    /// The statuses that are wanted; empty is all.
    pub(super) statuses: Vec<String>,
}

/// Where a page of the list begins; a cursor is its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) from: Micros,
    pub(super) to: Micros,
    /// Tasks that were made before the one of this number.
    pub(super) before: i64,
    pub(super) limit: u32,
}

#[derive(Deserialize)]
struct ListBody {
    start_time: Option<i64>,
    end_time: Option<i64>,
    limit: Option<u32>,
    #[serde(default)]
    filters: Vec<Filter>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Filter {
    key: String,
    values: Vec<String>,
}

impl Place {
    pub(super) fn cursor(self, statuses: &[String]) -> String {
        let Self { from, to, before, limit } = self;
        format!("{from}_{to}_{before}_{limit}_{}", statuses.join("+"))
    }
}

/// Reads a question for the list.
///
/// # Errors
/// What the service would answer: the first rule that is broken.
pub(super) fn read_list(body: &[u8]) -> Result<ListRequest, Refusal> {
    let body: ListBody = serde_json::from_slice(body).map_err(no_json)?;
    if let Some(cursor) = body.cursor.filter(|cursor| !cursor.is_empty()) {
        return at_cursor(&cursor).ok_or_else(|| Refusal::bad_parameter("cursor: is none of ours"));
    }
    let (Some(start), Some(end)) = (body.start_time, body.end_time) else {
        return Err(Refusal::bad_parameter("start_time and end_time are required"));
    };
    let limit = body.limit.unwrap_or(MAX_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Refusal::bad_parameter(format!("limit: must be between 1 and {MAX_PAGE}")));
    }
    let of_status = |filter: Filter| (filter.key == "status").then_some(filter.values);
    let statuses = body.filters.into_iter().filter_map(of_status).flatten().collect();
    let (from, to) = (start.saturating_mul(1_000), end.saturating_mul(1_000));
    Ok(ListRequest { place: Place { from, to, before: i64::MAX, limit }, statuses })
}

fn at_cursor(cursor: &str) -> Option<ListRequest> {
    let mut parts = cursor.splitn(5, '_');
    let mut number = || parts.next()?.parse::<i64>().ok();
    let (from, to, before, limit) = (number()?, number()?, number()?, number()?);
    let limit = u32::try_from(limit).ok().filter(|limit| (1..=MAX_PAGE).contains(limit))?;
    let words = parts.next()?.split('+').filter(|word| !word.is_empty());
    Some(ListRequest { place: Place { from, to, before, limit }, statuses: words.map(str::to_owned).collect() })
}

fn no_json(error: serde_json::Error) -> Refusal {
    Refusal::bad_parameter(format!("the request body is not the JSON it should be: {error}"))
}

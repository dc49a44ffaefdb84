//! The id of a row that gives none: `<human stem>/<cloth stem>`.

use std::path::Path;

use super::Meant;

/// The id that a row's two picture cells make, or `None` where one of them has no name to use.
///
/// What the manifest writes counts, not what it resolves to: a symlink is called what the manifest calls it.
#[must_use]
pub fn default_id(human: &str, cloth: &str) -> Option<String> {
    let (mut id, cloth) = (stem(human)?, stem(cloth)?);
    id.reserve_exact(1 + cloth.len());
    id.push('/');
    id.push_str(&cloth);
    Some(id)
}

/// The name of a picture as a manifest writes it, without folders and extension; `None` where it has none to use.
#[must_use]
pub fn stem(written: &str) -> Option<String> {
    match Meant::by(written) {
        Meant::File | Meant::Object => file_stem(written),
        Meant::WebAddress => url_stem(written),
        Meant::OtherAddress | Meant::DataUrl => None,
    }
}

fn file_stem(name: &str) -> Option<String> {
    Path::new(name).file_stem()?.to_str().map(str::to_owned)
}

/// The stem of a URL's path; its query and fragment do not count. The URL is taken as it is written, without parsing it again.
fn url_stem(url: &str) -> Option<String> {
    let (_, after_scheme) = url.split_once("://")?;
    let before_query = after_scheme.split(['?', '#']).next()?;
    let (_host, path) = before_query.split_once('/')?;
    let name = path.rsplit('/').find(|segment| !segment.is_empty())?;
    if !name.contains('%') {
        return file_stem(name);
    }
    let decoded = percent_decoded(name).filter(|text| is_one_name(text));
    file_stem(decoded.as_deref().unwrap_or(name))
}

/// What decodes to a separator or a control character is better left encoded: the id is a path.
fn is_one_name(text: &str) -> bool {
    !text.chars().any(|c| matches!(c, '/' | '\\') || c.is_control())
}

/// Takes `%41` for `A`; `None` where the result is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| after.get(..2).and_then(hex_byte)).flatten();
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(digits[0])? * 16 + digit(digits[1])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_name_without_the_last_extension() {
        assert_eq!(file_stem("people/ana.v2.jpg").as_deref(), Some("ana.v2"));
        assert_eq!(file_stem("../ana").as_deref(), Some("ana"));
        assert_eq!(file_stem(".."), None);
    }

    #[test]
    fn a_url_gives_the_stem_of_its_path() {
        for (url, stem) in [
            ("https://x.example/a/shirt.jpg?size=2/3.png#f", Some("shirt")),
            ("https://x.example/a/linen%20shirt%C3%A9.png", Some("linen shirté")),
            ("https://x.example/größe.png", Some("größe")),
            ("https://x.example/folder/", Some("folder")),
            ("https://x.example/a%2Fb.png", Some("a%2Fb")),
            ("https://x.example/a%00b.png", Some("a%00b")),
            ("https://x.example/a%ffb.png", Some("a%ffb")),
            ("https://x.example/100%.png", Some("100%")),
            ("https://x.example/a/..", None),
            ("https://x.example/%2e%2e", None),
            ("https://x.example/", None),
            ("https://x.example", None),
            ("https://x.example?id=7", None),
        ] {
            assert_eq!(url_stem(url).as_deref(), stem, "{url}");
        }
    }
}

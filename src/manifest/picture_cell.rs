//! A cell that names a picture: a web address or a local file, checked and resolved.

use url::Url;

use crate::job::{ImageRef, ImageSource, Meant, ObjectUrl, clean_text, invisible_character, is_on_this_network};

use super::PictureChecks;
use super::lost_path::file_address;

/// Resolves a cell that is not empty.
pub(super) fn resolve(text: &str, pictures: &mut PictureChecks) -> Result<ImageRef, String> {
    let source = match Meant::by(text) {
        Meant::WebAddress => {
            let url = web_address(text)?;
            if !pictures.shares_network() && is_on_this_network(&url) {
                return Err(format!(
                    "`{}` is on this machine or its network, where the provider cannot fetch it; name the file itself, or \
                     a public address (the stand-in can fetch it: --sandbox)",
                    clean_text(text)
                ));
            }
            ImageSource::Url(text.to_owned())
        }
        Meant::OtherAddress => {
            return Err(
                file_address(text).unwrap_or_else(|| format!("`{}` is a URL that is not http(s)", clean_text(text)))
            );
        }
        Meant::DataUrl => return Err("is a data: URL; name a file or an http(s) URL".to_owned()),
        Meant::Object => match ObjectUrl::parse(text).transpose().map_err(|error| error.to_string())? {
            Some(url) if !url.key().is_empty() => ImageSource::Object(pictures.resolve_object(url)?),
            _ => return Err(format!("`{}` names a bucket and no picture in it", clean_text(text))),
        },
        Meant::File => ImageSource::File(pictures.resolve(text)?),
    };
    Ok(ImageRef { written: text.to_owned(), source })
}

/// The address is sent as it is written, so what a lenient parser would put right is refused here.
fn web_address(text: &str) -> Result<Url, String> {
    let shown = || clean_text(text);
    if let Some(character) = invisible_character(text) {
        return Err(format!("`{}` has the invisible character {character}; delete it", shown()));
    }
    if !text.is_ascii() && text.contains('\u{fffd}') {
        return Err(format!("`{}` has the character U+FFFD, which stands for one that was lost", shown()));
    }
    if holds_two(text) {
        return Err(format!("`{}` is two URLs; a cell names one picture, so give each a row of its own", shown()));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("`{}` is no valid URL: it has white space in it; write %20", shown()));
    }
    if let Some((escaped, plain)) = html_escape(text) {
        return Err(format!("`{}` has {escaped} as HTML writes it; write {plain}", shown()));
    }
    let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
    if after_scheme.starts_with(['/', '\\', '?', '#']) || after_scheme.is_empty() {
        return Err(format!("`{}` is a URL without a host", shown()));
    }
    let has_backslash = text.as_bytes().contains(&b'\\');
    if has_backslash && after_scheme.split(['?', '#']).next().is_some_and(|path| path.contains('\\')) {
        return Err(format!("`{}` has a backslash in it; a URL is written with /", shown()));
    }
    match Url::parse(text) {
        Ok(url) if url.has_host() => Ok(url),
        Ok(_) => Err(format!("`{}` is a URL without a host", shown())),
        Err(error) => Err(format!("`{}` is no valid URL: {error}", shown())),
    }
}

/// Whether another address follows behind a sign that separates. An address within an address, as image services take
/// it, stands behind a slash or an equals sign.
fn holds_two(text: &str) -> bool {
    if text.bytes().filter(|byte| *byte == b':').count() < 2 {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    let begins = lower.match_indices("http://").chain(lower.match_indices("https://"));
    let mut behind = begins.filter_map(|(at, _)| lower[..at].chars().next_back());
    behind.any(|before| matches!(before, ',' | ';' | '|' | '，' | '；' | '、' | '"' | '\'') || before.is_whitespace())
}

/// A character that was escaped for HTML, and what it stands for.
fn html_escape(text: &str) -> Option<(&'static str, &'static str)> {
    const ESCAPES: [(&str, &str); 5] =
        [("&amp;", "&"), ("&#38;", "&"), ("&#038;", "&"), ("&#x26;", "&"), ("&quot;", "the address without quotes")];
    if !text.as_bytes().contains(&b'&') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    ESCAPES.into_iter().find(|(escaped, _)| lower.contains(escaped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_host_or_with_white_space_is_refused() {
        for text in ["http://", "https:///a.png", "http://?x", "https://a b.example/c.png", "https://x.example:port/"] {
            assert!(web_address(text).is_err(), "{text}");
        }
        for text in ["https://x.example/größe.png?q=%20#f", "http://[::1]:8080/a"] {
            assert!(web_address(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_the_provider_could_not_fetch_is_refused_with_its_cause() {
        for (text, cause) in [
            ("https://s.example/a.jpg,https://s.example/b.jpg", "two URLs"),
            ("https://s.example/a.jpg; HTTPS://s.example/b.jpg", "two URLs"),
            ("https://s.example/a.jpg\nhttps://s.example/b.jpg", "two URLs"),
            ("https://s.example/a.jpg|http://s.example/b.jpg", "two URLs"),
            ("https://s.example/a.jpg?w=1&amp;h=2", "write &"),
            ("https://s.example/a.jpg?w=1&#38;h=2", "write &"),
            ("https://s.example/a.jpg\u{200b}", "U+200B"),
            ("https://s.exa\u{ad}mple/a.jpg", "U+00AD"),
            ("https://s.example/gr\u{fffd}n.jpg", "U+FFFD"),
            ("https://s.example\\a.jpg", "backslash"),
        ] {
            let error = web_address(text).expect_err(text);
            assert!(error.contains(cause), "{error}");
        }
        for text in [
            "https://res.example/image/fetch/w_300,h_300/https://s.example/a.jpg",
            "https://i.example/?url=https://s.example/a.jpg",
            "https://s.example/a,b;c.jpg?x=1&y=amp;",
        ] {
            assert!(web_address(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn an_address_of_this_network_is_fine_where_the_provider_is_on_it() {
        let mut pictures = PictureChecks::new();
        let error = resolve("http://192.168.1.10/a.jpg", &mut pictures).expect_err("refused");
        assert!(error.contains("the provider cannot fetch it"), "{error}");
        assert!(resolve("http://192.168.1.10/a.jpg", &mut pictures.sharing_network(true)).is_ok());
    }
}

//! A cell that names a picture: a web address or a local file, checked and resolved.

use crate::job::{ImageRef, ImageSource, clean_text};

use super::PictureChecks;

/// What a cell's text is meant as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant {
    /// A web address, to be fetched by the provider.
    WebAddress,
    /// An address that the provider cannot fetch.
    OtherAddress,
    /// The picture itself.
    DataUrl,
    /// A path.
    File,
}

impl Meant {
    pub(super) fn by(text: &str) -> Self {
        let is_scheme = |text: &str| {
            let mut chars = text.chars();
            chars.next().is_some_and(|c| c.is_ascii_alphabetic())
                && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        };
        match text.split_once(':') {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("data") => Self::DataUrl,
            Some((scheme, rest)) if rest.starts_with("//") && is_scheme(scheme) => {
                let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
                if is_web { Self::WebAddress } else { Self::OtherAddress }
            }
            _ => Self::File,
        }
    }
}

/// Resolves a cell that is not empty.
pub(super) fn resolve(text: &str, pictures: &mut PictureChecks) -> Result<ImageRef, String> {
    let source = match Meant::by(text) {
        Meant::WebAddress => web_address(text).map(|()| ImageSource::Url(text.to_owned()))?,
        Meant::OtherAddress => return Err(format!("`{}` is a URL that is not http(s)", clean_text(text))),
        Meant::DataUrl => return Err("is a data: URL; name a file or an http(s) URL".to_owned()),
        Meant::File => ImageSource::File(pictures.resolve(text)?),
    };
    Ok(ImageRef { written: text.to_owned(), source })
}

/// The address is sent as it is written, so what a lenient parser would put right is refused here.
fn web_address(text: &str) -> Result<(), String> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("`{}` is no valid URL: it has white space in it; write %20", clean_text(text)));
    }
    let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
    if after_scheme.starts_with(['/', '\\', '?', '#']) || after_scheme.is_empty() {
        return Err(format!("`{}` is a URL without a host", clean_text(text)));
    }
    match url::Url::parse(text) {
        Ok(url) if url.has_host() => Ok(()),
        Ok(_) => Err(format!("`{}` is a URL without a host", clean_text(text))),
        Err(error) => Err(format!("`{}` is no valid URL: {error}", clean_text(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_an_address_only_with_a_scheme_and_two_slashes() {
        for (text, meant) in [
            ("https://x.example/a.png", Meant::WebAddress),
            ("HTTP://x.example/a.png", Meant::WebAddress),
            ("ftp://x.example/a.png", Meant::OtherAddress),
            ("file:///a.png", Meant::OtherAddress),
            ("s3://bucket/a.png", Meant::OtherAddress),
            ("data:image/png;base64,AAAA", Meant::DataUrl),
            ("a:b.png", Meant::File),
            ("a b://c.png", Meant::File),
            ("folder/x://y.png", Meant::File),
            ("http", Meant::File),
        ] {
            assert_eq!(Meant::by(text), meant, "{text}");
        }
    }

    #[test]
    fn an_address_without_a_host_or_with_white_space_is_refused() {
        for text in ["http://", "https:///a.png", "http://?x", "https://a b.example/c.png", "https://x.example:port/"] {
            assert!(web_address(text).is_err(), "{text}");
        }
        assert_eq!(web_address("https://x.example/größe.png?q=%20#f"), Ok(()));
        assert_eq!(web_address("http://[::1]:8080/a"), Ok(()));
    }
}

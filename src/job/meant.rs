//! What the text of a cell that names a picture is meant as.

use super::ObjectUrl;

/// What a cell's text is meant as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// A web address, to be fetched by the provider.
    WebAddress,
    /// An object in a bucket.
    Object,
    /// An address that the provider cannot fetch.
    OtherAddress,
    /// The picture itself.
    DataUrl,
    /// A path.
    File,
}

impl Meant {
    /// Tells it by the text alone.
    #[must_use]
    pub fn by(text: &str) -> Self {
        let is_scheme = |text: &str| {
            let mut chars = text.chars();
            chars.next().is_some_and(|c| c.is_ascii_alphabetic())
                && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        };
        match text.split_once(':') {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("data") => Self::DataUrl,
            Some((scheme, rest)) if rest.starts_with("//") && is_scheme(scheme) => {
                if ObjectUrl::parse(text).is_some() {
                    return Self::Object;
                }
                let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
                if is_web { Self::WebAddress } else { Self::OtherAddress }
            }
            _ => Self::File,
        }
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
            ("s3://bucket/a.png", Meant::Object),
            ("data:image/png;base64,AAAA", Meant::DataUrl),
            ("a:b.png", Meant::File),
            ("a b://c.png", Meant::File),
            ("folder/x://y.png", Meant::File),
            ("http", Meant::File),
        ] {
            assert_eq!(Meant::by(text), meant, "{text}");
        }
    }
}

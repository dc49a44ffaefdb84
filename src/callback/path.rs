//! A path that nobody guesses: the proof of callbacks that are not signed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use url::Url;

/// The last component of the path to which the provider is asked to post, 128 random bits.
///
/// Keep it with the queue and use it again: tasks of an earlier run post to the path that they were created with.
#[derive(Clone)]
pub struct SecretPath(SecretString);

impl SecretPath {
    /// A new one.
    #[must_use]
    pub fn fresh() -> Self {
        Self(SecretString::from(format!("{:032x}", rand::random::<u128>())))
    }

    /// One that was kept.
    #[must_use]
    pub fn kept(component: String) -> Self {
        Self(SecretString::from(component))
    }

    /// What is to be kept.
    #[must_use]
    pub fn component(&self) -> &str {
        self.0.expose_secret()
    }

    /// The URL with this as the last component of its path. A query stays where it is.
    pub(super) fn below(&self, public: &Url) -> Url {
        let mut url = public.clone();
        if let Ok(mut components) = url.path_segments_mut() {
            components.pop_if_empty().push(self.component());
        }
        url
    }

    /// Whether a request's path ends in this component. How long that takes does not tell how much of it is right.
    pub(super) fn ends(&self, path: &str) -> bool {
        let last = path.rsplit('/').next().unwrap_or_default();
        !last.is_empty() && last.as_bytes().ct_eq(self.component().as_bytes()).into()
    }
}

impl fmt::Debug for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPath(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_long_and_never_the_same() {
        let (one, other) = (SecretPath::fresh(), SecretPath::fresh());
        assert_eq!(one.component().len(), 32);
        assert!(one.component().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one.component(), other.component());
        assert!(!format!("{one:?}").contains(one.component()));
    }

    #[test]
    fn only_the_last_component_counts_and_all_of_it() {
        let path = SecretPath::kept("c0ffee".to_owned());
        for right in ["/c0ffee", "/hooks/tryon/c0ffee", "//c0ffee"] {
            assert!(path.ends(right), "{right}");
        }
        for wrong in ["", "/", "/c0ffe", "/c0ffee/", "/c0ffee0", "/C0FFEE", "/c0ffee/x", "/xc0ffee", "/%630ffee"] {
            assert!(!path.ends(wrong), "{wrong}");
        }
        assert!(!SecretPath::kept(String::new()).ends("/"), "an empty one opens nothing");
    }

    #[test]
    fn the_component_goes_to_the_end_of_the_path() {
        let path = SecretPath::kept("c0ffee".to_owned());
        for (public, told) in [
            ("https://shop.example", "https://shop.example/c0ffee"),
            ("https://shop.example/", "https://shop.example/c0ffee"),
            ("https://shop.example/hooks", "https://shop.example/hooks/c0ffee"),
            ("https://shop.example/hooks/?via=tunnel", "https://shop.example/hooks/c0ffee?via=tunnel"),
        ] {
            assert_eq!(path.below(&Url::parse(public).expect("a URL")).as_str(), told);
        }
    }
}

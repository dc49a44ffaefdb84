//! Where a picture is as seen from the page: a relative link where page and picture share a folder, a file URL where
//! they do not, a web address as it is.

use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::job::{ImageSource, ObjectUrl};
use crate::report::place::{in_bucket, resolved};

/// What stays as it is in a link. Everything else is escaped, the colon too: a name like `a:b.png` would be taken for
/// a scheme.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The ways from a page to pictures.
#[derive(Debug)]
pub(super) struct Links {
    page_dir: PathBuf,
    output_dir: PathBuf,
    inputs: Option<PathBuf>,
}

impl Links {
    pub(super) fn new(page_dir: &Path, output_dir: &Path) -> Self {
        Self { page_dir: resolved(page_dir), output_dir: resolved(output_dir), inputs: None }
    }

    /// The same, with the folder that relative names of inputs are relative to.
    pub(super) fn with_inputs(self, inputs: Option<&Path>) -> Self {
        Self { inputs: inputs.map(resolved), ..self }
    }

    /// The link to a result, whose path is relative to the output folder with `/` between its parts.
    pub(super) fn to_result(&self, path: &str) -> String {
        if let Some(bucket) = in_bucket(&self.output_dir) {
            let path = path.split('/').map(escaped).collect::<Vec<_>>().join("/");
            return if self.page_dir == self.output_dir { path } else { format!("{bucket}/{path}") };
        }
        let mut whole = self.output_dir.clone();
        whole.extend(path.split('/'));
        self.to_file(&whole)
    }

    /// The link to an input as the queue stores it; `None` where nothing is known of it.
    pub(super) fn to_input(&self, stored: &str) -> Option<String> {
        match ImageSource::from_stored(stored) {
            _ if stored.is_empty() => None,
            ImageSource::Url(url) => Some(url),
            ImageSource::File(path) if path.is_absolute() => Some(self.to_file(&path)),
            ImageSource::File(path) => Some(self.to_file(&self.inputs.as_ref()?.join(path))),
            ImageSource::Object(url) => Some(self.to_object(&url)),
        }
    }

    /// From a page in the same bucket by a relative link; from elsewhere there is none that a browser could follow.
    fn to_object(&self, url: &ObjectUrl) -> String {
        match ObjectUrl::of_path(&self.page_dir) {
            Some(Ok(page)) if page.bucket_alone() == url.bucket_alone() => {
                let up = page.key().split('/').filter(|part| !part.is_empty()).map(|_| "..".to_owned());
                up.chain(url.key().split('/').map(escaped)).collect::<Vec<_>>().join("/")
            }
            _ => url.to_string(),
        }
    }

    /// Pages and pictures that are moved together keep their relative links. Where only the root is shared, nobody
    /// moves both, and the absolute place is the one that lasts.
    fn to_file(&self, path: &Path) -> String {
        let shared: Vec<_> = self.page_dir.components().zip(path.components()).take_while(|(a, b)| a == b).collect();
        if !shared.iter().any(|(part, _)| matches!(part, Component::Normal(_))) {
            return url::Url::from_file_path(path).map_or_else(|()| escaped(&path.to_string_lossy()), String::from);
        }
        let up = self.page_dir.components().skip(shared.len()).map(|_| "..".to_owned());
        let down = path.components().skip(shared.len()).map(|part| escaped(&part.as_os_str().to_string_lossy()));
        up.chain(down).collect::<Vec<_>>().join("/")
    }
}

fn escaped(part: &str) -> String {
    utf8_percent_encode(part, PLAIN).to_string()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn links() -> Links {
        Links {
            page_dir: PathBuf::from("/shop/may/results"),
            output_dir: PathBuf::from("/shop/may/results"),
            inputs: None,
        }
    }

    #[test]
    fn a_result_is_linked_by_its_escaped_path() {
        assert_eq!(links().to_result("spring/ana.png"), "spring/ana.png");
        assert_eq!(links().to_result("a b/50%?#\"'<&>.png"), "a%20b/50%25%3F%23%22%27%3C%26%3E.png");
        assert_eq!(links().to_result("été/裙子.png"), "%C3%A9t%C3%A9/%E8%A3%99%E5%AD%90.png");
    }

    #[test]
    fn a_name_with_a_colon_is_no_scheme() {
        assert_eq!(links().to_result("javascript:alert(1).png"), "javascript%3Aalert%281%29.png");
    }

    #[test]
    fn a_page_elsewhere_leads_back_to_the_results() {
        let links = Links { page_dir: PathBuf::from("/shop/papers"), ..links() };
        assert_eq!(links.to_result("a.png"), "../may/results/a.png");
        let links = Links { page_dir: PathBuf::from("/srv/www"), ..links };
        assert_eq!(links.to_result("a b.png"), "file:///shop/may/results/a%20b.png");
    }

    #[test]
    fn a_page_in_a_bucket_links_to_results_beside_it_and_to_local_inputs_by_their_whole_path() {
        let bucket = Path::new("s3://shop/may");
        let links = Links::new(bucket, bucket);
        assert_eq!(links.to_result("a b/c#1.png"), "a%20b/c%231.png");
        assert_eq!(links.to_input("s3://shop/people/ana#.jpg").as_deref(), Some("../people/ana%23.jpg"));
        assert_eq!(links.to_input("s3://other/ana.jpg").as_deref(), Some("s3://other/ana.jpg"));
        assert_eq!(links.to_input("/shop/may/ana.jpg").as_deref(), Some("file:///shop/may/ana.jpg"));
    }

    #[test]
    fn an_input_is_linked_relatively_in_the_same_folder_tree_and_by_its_whole_path_elsewhere() {
        let input = |stored: &str| links().to_input(stored);
        assert_eq!(input("/shop/people/ana #1.jpg").as_deref(), Some("../../people/ana%20%231.jpg"));
        assert_eq!(input("/mnt/nas/100%/ana.jpg").as_deref(), Some("file:///mnt/nas/100%25/ana.jpg"));
        assert_eq!(input("https://cdn.example/a.jpg?w=1").as_deref(), Some("https://cdn.example/a.jpg?w=1"));
        assert_eq!(input(""), None);
        assert_eq!(input("people/ana.jpg"), None, "nobody has said where");
        let links = links().with_inputs(Some(Path::new("/shop/pictures")));
        assert_eq!(links.to_input("people/ana.jpg").as_deref(), Some("../../pictures/people/ana.jpg"));
    }
}

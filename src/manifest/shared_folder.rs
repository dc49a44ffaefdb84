//! How local pictures are called in a queue that several hosts work: relative to a folder that each of them has somewhere,
//! with `/` between the parts.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::job::clean_text;

/// The folder that the pictures' names are relative to.
#[derive(Debug, Default)]
pub(super) struct SharedFolder {
    /// Named by the user; otherwise it is that of the manifest with the first local picture.
    is_given: bool,
    root: Option<Root>,
}

/// One folder, as it was named and with its symlinks resolved.
#[derive(Debug)]
struct Root {
    named: PathBuf,
    real: PathBuf,
}

impl Root {
    fn at(folder: &Path) -> io::Result<Self> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let named = std::path::absolute(folder)?;
        Ok(Self { real: named.canonicalize()?, named })
    }
}

impl SharedFolder {
    /// The folder that the user has named, if one was.
    pub(super) fn given(folder: Option<&Path>) -> io::Result<Self> {
        Ok(Self { is_given: folder.is_some(), root: folder.map(Root::at).transpose()? })
    }

    /// The folder; `None` while no picture has been met.
    pub(super) fn path(&self) -> Option<&Path> {
        self.root.as_ref().map(|root| &*root.named)
    }

    /// The name of a picture that was found at `found`, and is at `real` with symlinks resolved. `base` is the folder that cells
    /// are relative to.
    ///
    /// A symlink within the folder keeps its own name: where it leads is each host's business.
    pub(super) fn name(&mut self, base: &Path, found: &Path, real: &Path) -> Result<PathBuf, String> {
        let root = match &mut self.root {
            Some(root) => root,
            none => none.insert(Root::at(base).map_err(|error| format!("the manifest's folder is gone: {error}"))?),
        };
        if !self.is_given && Root::at(base).map_or(true, |base| base.real != root.real) {
            return Err(format!(
                "is in the folder of another manifest than the pictures before it ({}), and hosts look for all of them in one; \
                 name a folder that has both with --inputs",
                clean_text(&root.named.display().to_string())
            ));
        }
        let ways = [found.strip_prefix(base), found.strip_prefix(&root.named), real.strip_prefix(&root.real)];
        ways.into_iter().flatten().find_map(plain).ok_or_else(|| {
            format!(
                "{} is outside of {}, so other hosts could not find it; move it there, or name a folder that has it with --inputs",
                clean_text(&real.display().to_string()),
                clean_text(&root.named.display().to_string())
            )
        })
    }
}

/// A relative path without detours.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/").into())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    struct Shop {
        _folder: tempfile::TempDir,
        root: PathBuf,
    }

    fn shop() -> Shop {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("its path");
        for path in ["in/people/ana.jpg", "in/eva.jpg", "out/bob.jpg"] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            fs::write(path, "").expect("a file");
        }
        symlink(root.join("out"), root.join("in/linked")).expect("a link");
        Shop { _folder: folder, root }
    }

    fn name(shop: &Shop, cell: &str) -> Result<PathBuf, String> {
        let base = shop.root.join("in");
        let found = base.join(cell);
        let real = found.canonicalize().expect("it is there");
        SharedFolder::given(Some(&base)).expect("a folder").name(&base, &found, &real)
    }

    #[test]
    fn a_picture_has_one_name_however_its_path_is_written() {
        let shop = shop();
        let absolute = shop.root.join("in/people/ana.jpg");
        for cell in
            ["people/ana.jpg", "./people//ana.jpg", "people/../people/ana.jpg", absolute.to_str().expect("text")]
        {
            assert_eq!(name(&shop, cell).as_deref(), Ok(Path::new("people/ana.jpg")), "{cell}");
        }
        assert_eq!(name(&shop, "linked/bob.jpg").as_deref(), Ok(Path::new("linked/bob.jpg")), "a link is each host's");
    }

    #[test]
    fn a_picture_outside_of_the_folder_is_refused() {
        let shop = shop();
        for cell in ["../out/bob.jpg", shop.root.join("out/bob.jpg").to_str().expect("text")] {
            let why = name(&shop, cell).expect_err("outside");
            assert!(why.contains("--inputs") && why.contains("bob.jpg"), "{why}");
        }
    }

    #[test]
    fn manifests_of_two_folders_need_a_folder_that_is_named() {
        let shop = shop();
        let mut folder = SharedFolder::default();
        let mut name = |base: &str, file: &str| {
            let base = shop.root.join(base);
            let found = base.join(file);
            folder.name(&base, &found, &found)
        };
        assert!(name("in", "eva.jpg").is_ok());
        let why = name("out", "bob.jpg").expect_err("another folder");
        assert!(why.contains("--inputs"), "{why}");
    }
}

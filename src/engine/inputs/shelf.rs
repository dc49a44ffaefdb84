//! The made pictures that are kept for the other jobs that share them, those used last.

use std::collections::HashMap;
use std::sync::Arc;

use crate::store::ScratchFile;

use super::recipe::Recipe;

/// How much disk the kept pictures may take, in bytes: some hundred outfits.
const MOST_KEPT_BYTES: u64 = 256 << 20;

/// A picture that was made. Its file goes with the last who holds it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) file: ScratchFile,
    pub(super) bytes: u64,
    /// What it is, and of what it was made.
    pub(super) story: String,
}

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// With the moment of their last use, counted in uses.
    by_recipe: HashMap<Recipe, (Arc<Kept>, u64)>,
    bytes: u64,
    uses: u64,
}

impl Shelf {
    pub(super) fn clear(&mut self) {
        self.by_recipe.clear();
        self.bytes = 0;
    }

    pub(super) fn take_down(&mut self, recipe: &Recipe) -> Option<Arc<Kept>> {
        self.uses += 1;
        let (kept, last_use) = self.by_recipe.get_mut(recipe)?;
        *last_use = self.uses;
        Some(Arc::clone(kept))
    }

    /// Puts a picture up, and takes those away that were used longest ago and have no room any more.
    pub(super) fn put(&mut self, recipe: Recipe, kept: &Arc<Kept>) {
        self.uses += 1;
        self.bytes += kept.bytes;
        self.by_recipe.insert(recipe, (Arc::clone(kept), self.uses));
        while self.bytes > MOST_KEPT_BYTES
            && let Some(oldest) =
                self.by_recipe.iter().min_by_key(|(_, (_, used))| *used).map(|(recipe, _)| recipe.clone())
            && let Some((gone, _)) = self.by_recipe.remove(&oldest)
        {
            self.bytes -= gone.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::engine::inputs::request_pictures::Input;
    use crate::picture::{InputLimits, PictureFormat, Probe};
    use crate::store::{InputFile, Scratch};

    use super::*;

    #[test]
    fn the_shelf_gives_way_to_what_is_used_and_takes_no_file_from_who_holds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut shelf = Shelf::default();
        let recipe = |name: &str| {
            let probe = Probe::of(PictureFormat::Png, (300, 300), 1);
            let file = InputFile::new(Path::new(name));
            Recipe::Fitted(Input { version: file.version(), file, probe }, InputLimits::KOLORS)
        };
        let mut put = |name: &str, bytes: u64| {
            let file = Scratch::new(folder.path().to_owned()).keep(name.as_bytes()).expect("a file");
            let kept = Arc::new(Kept { file, bytes, story: String::new() });
            shelf.put(recipe(name), &kept);
            if name == "b" {
                assert!(shelf.take_down(&recipe("a")).is_some(), "used again");
            }
            kept
        };
        let third = MOST_KEPT_BYTES / 3;
        let (a, b, c) = (put("a", third), put("b", third), put("c", third));
        let d = put("d", third);
        for (name, stands) in [("a", true), ("b", false), ("c", true), ("d", true)] {
            assert_eq!(shelf.take_down(&recipe(name)).is_some(), stands, "{name}");
        }
        assert_eq!(shelf.bytes, 3 * third);
        assert!(b.file.as_input().open_file().is_ok(), "somebody is sending it");
        drop((a, b, c, d));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 3);
    }
}

//! A path that leads nowhere: what was most likely meant by it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

use crate::job::{clean_text, invisible_character, is_invisible};

/// A folder with more files is not searched for a name that is nearly the one that was written.
const MOST_ENTRIES: usize = 20_000;

/// Extensions by which a part of a cell is known for a picture.
pub(super) const PICTURE_EXTENSIONS: [&str; 12] =
    ["jpg", "jpeg", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "avif"];

/// The file whose name is the same text in another Unicode form: macOS writes `é` as two characters.
pub(super) fn in_other_form(base: &Path, cell: &str) -> Option<PathBuf> {
    if cell.is_ascii() {
        return None;
    }
    let mut path = base.to_owned();
    for part in Path::new(cell).components() {
        let Component::Normal(name) = part else {
            path.push(part);
            continue;
        };
        let name = name.to_str()?;
        let forms = [name.to_owned(), name.nfc().collect(), name.nfd().collect()];
        path = forms.iter().map(|form| path.join(form)).find(|path| path.exists())?;
    }
    Some(path)
}

/// What is wrong with a cell that was not meant as the path that it is, if that is plain.
pub(super) fn not_a_path(cell: &str) -> Option<String> {
    let shown = clean_text(cell);
    let lower = cell.to_ascii_lowercase();
    if let Some(character) = invisible_character(cell) {
        return Some(format!("`{shown}` has the invisible character {character}; delete it"));
    }
    if cell.contains('\u{fffd}') {
        return Some(format!("`{shown}` has the character U+FFFD, which stands for one that was lost"));
    }
    if cell.starts_with('=') && cell.contains('(') {
        return Some(format!("`{shown}` is a formula of a spreadsheet; write the path or the address that it gives"));
    }
    if ["#ref!", "#n/a", "#value!", "#name?", "#nv", "#null!"].contains(&lower.as_str()) {
        return Some(format!("`{shown}` is an error of a spreadsheet; write the path or the address that was meant"));
    }
    if let Some(inside) = without_wrapping(cell) {
        return Some(format!("`{shown}` has signs around it that are no part of it; write {}", clean_text(inside)));
    }
    if is_two_names(cell) {
        return Some(format!("`{shown}` is two names; a cell names one picture, so give each a row of its own"));
    }
    if cell.strip_prefix("//").is_some_and(has_host) {
        return Some(format!("`{shown}` begins with //: write https: in front of it"));
    }
    if lower.starts_with("www.") {
        return Some(format!("`{shown}` is a web address without its beginning: write https:// in front of it"));
    }
    let is_nearly_http = ["http", "htp", "htttp", "ttp", "hxxp"].iter().any(|begin| lower.starts_with(begin));
    if is_nearly_http && ["://", ":/", "//", ":\\", "：//", "：／／"].iter().any(|sign| lower.contains(sign)) {
        return Some(format!("`{shown}` is no web address; one begins with https:// or http://"));
    }
    if cell == "~" || cell.starts_with("~/") || cell.starts_with("~\\") {
        return Some(format!("`{shown}`: ~ means nothing in a manifest; write the whole path"));
    }
    if cfg!(not(windows)) && is_of_windows(cell) {
        return Some(format!("`{shown}` is a path of a Windows machine; write where the file is on this one, with /"));
    }
    None
}

/// What to tell of an address with another scheme that means a file of this machine.
pub(super) fn file_address(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("file") {
        return None;
    }
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let path = percent_decode_str(path).decode_utf8_lossy();
    Some(format!("`{}` is a file:// address; write the path itself: {}", clean_text(text), clean_text(&path)))
}

/// What could have been meant by a path, where something like it is there. Completes "no such file …; ".
pub(super) fn nearby(base: &Path, cell: &str) -> Option<String> {
    if cell.contains('%') {
        let decoded = percent_decode_str(cell).decode_utf8_lossy().into_owned();
        if decoded != cell && base.join(&decoded).exists() {
            return Some(format!("`{}` is there: in a path, % is written as it is", clean_text(&decoded)));
        }
    }
    if cell.contains('\\') && cfg!(not(windows)) {
        let turned = cell.replace('\\', "/");
        let there = if base.join(&turned).exists() { "is there" } else { "would be it" };
        return Some(format!("`{}` {there}: folders are separated by / here", clean_text(&turned)));
    }
    if let Some(near) = near_name(base, cell) {
        return Some(near);
    }
    let is_address = cell.split_once('/').is_some_and(|(host, _)| has_host(host) && !base.join(host).exists());
    is_address.then(|| "if it is a web address, write https:// in front of it".to_owned())
}

/// The file in the same folder whose name differs by what is easily overlooked.
fn near_name(base: &Path, cell: &str) -> Option<String> {
    let path = Path::new(cell);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::new(),
    };
    let wanted = path.file_name()?.to_str()?;
    let entries = entries_of(&base.join(&folder)).or_else(|_| entries_of(&base.join(nearby_folder(base, &folder)?)));
    let names = entries.ok()?.take(MOST_ENTRIES).flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<String> = names.collect();
    let differing = |how: &dyn Fn(&str) -> String| names.iter().find(|name| how(name) == how(wanted));
    if let Some(name) = differing(&|name| alike(name)) {
        return Some(format!("`{}` is there, {}", clean_text(name), difference(wanted, name)));
    }
    let without_extension = |name: &str| Path::new(&alike(name)).file_stem().map(OsStr::to_owned).unwrap_or_default();
    let is_picture = |name: &&String| {
        let extension = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
        PICTURE_EXTENSIONS.contains(&extension.as_str())
    };
    let other = names.iter().filter(is_picture).find(|name| without_extension(name) == without_extension(wanted))?;
    Some(format!("`{}` is there", clean_text(other)))
}

/// What is in a folder; an empty path is the working directory.
fn entries_of(folder: &Path) -> std::io::Result<fs::ReadDir> {
    fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// A folder whose name differs from the one that is not there by what is easily overlooked.
fn nearby_folder(base: &Path, folder: &Path) -> std::io::Result<PathBuf> {
    let mut found = PathBuf::new();
    for part in folder.components() {
        let exact = found.join(part);
        if base.join(&exact).is_dir() {
            found = exact;
            continue;
        }
        let wanted = alike(&part.as_os_str().to_string_lossy());
        let entries = entries_of(&base.join(&found))?.take(MOST_ENTRIES).flatten();
        let name = entries.filter_map(|entry| entry.file_name().into_string().ok()).find(|name| alike(name) == wanted);
        found.push(name.ok_or(std::io::ErrorKind::NotFound)?);
    }
    Ok(found)
}

/// A name without what is easily overlooked: case, white space, Unicode form, what nobody sees.
fn alike(name: &str) -> String {
    name.nfkc().filter(|c| !c.is_whitespace() && !is_invisible(*c)).flat_map(char::to_lowercase).collect()
}

/// How a name that is there differs from the one that was written.
fn difference(written: &str, there: &str) -> &'static str {
    let is_same = |how: &dyn Fn(&str) -> String| how(written) == how(there);
    if is_same(&|name| name.nfkc().flat_map(char::to_lowercase).collect()) {
        "in other letters: case counts"
    } else if there.trim() != there {
        "with white space at an end of its name, which no manifest can write: rename it"
    } else if invisible_character(there).is_some() {
        "with a character in its name that nobody sees: rename it"
    } else {
        "with other white space"
    }
}

/// The text inside quotes or brackets that a cell still has around it.
fn without_wrapping(cell: &str) -> Option<&str> {
    const WRAPPINGS: [(char, char); 11] = [
        ('"', '"'),
        ('\'', '\''),
        ('`', '`'),
        ('“', '”'),
        ('„', '“'),
        ('‘', '’'),
        ('«', '»'),
        ('<', '>'),
        ('[', ']'),
        ('(', ')'),
        ('「', '」'),
    ];
    let inside = |(open, close): &(char, char)| cell.strip_prefix(*open)?.strip_suffix(*close);
    let inside = WRAPPINGS.iter().find_map(inside).filter(|inside| !inside.is_empty())?;
    Some(inside.trim_matches(['"', '\'']))
}

/// Whether a cell has several names of pictures in it.
fn is_two_names(cell: &str) -> bool {
    let is_picture = |part: &str| {
        let extension = part.trim().rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        extension.is_some_and(|extension| PICTURE_EXTENSIONS.contains(&extension.as_str()))
    };
    [',', ';', '|', '\n', '，', '；', '、'].into_iter().any(|sign| {
        let parts = cell.split(sign).filter(|part| !part.trim().is_empty());
        parts.clone().count() > 1 && parts.clone().all(is_picture)
    })
}

/// Whether a text begins with the name of a host: `cdn.shop.example/…`.
fn has_host(text: &str) -> bool {
    let host = text.split(['/', '?', ':']).next().unwrap_or_default();
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    host.rsplit_once('.').is_some_and(|(names, end)| {
        names.split('.').all(is_label)
            && (2..=24).contains(&end.len())
            && end.chars().all(char::is_alphabetic)
            && !PICTURE_EXTENSIONS.contains(&end.to_ascii_lowercase().as_str())
    })
}

/// Whether a path begins with a drive or a share of Windows.
fn is_of_windows(cell: &str) -> bool {
    let drive = matches!(cell.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    drive || cell.starts_with("\\\\")
}

//! The house rules that a compiler does not check: imports run downward, files stay small, names say the job.

use std::path::{Path, PathBuf};

/// Which modules of the crate each top-level module may use (ARCHITECTURE.md, "The house").
const MAY_USE: [(&str, &[&str]); 20] = [
    ("ambient", &[]),
    ("job", &["ambient"]),
    ("serve", &[]),
    ("callback", &["job", "serve"]),
    ("picture", &["job"]),
    ("store", &["ambient", "job", "picture"]),
    ("queue", &["ambient", "job"]),
    ("manifest", &["job", "picture", "store"]),
    ("provider", &["job", "picture", "store"]),
    ("settings", &["job"]),
    ("exit_code", &["job", "queue"]),
    ("engine", &["ambient", "callback", "job", "store", "picture", "provider", "queue"]),
    ("view", &["engine", "job", "queue"]),
    ("report", &["job", "queue", "view"]),
    ("publish", &["ambient", "job", "picture", "queue", "report", "store"]),
    ("page", &["ambient", "job", "picture", "queue", "serve", "store", "view"]),
    ("progress", &["engine", "job", "queue", "view"]),
    ("ops", &["ambient", "exit_code", "job", "manifest", "picture", "provider", "queue", "settings", "store", "view"]),
    (
        "cli",
        &[
            "ambient",
            "callback",
            "exit_code",
            "job",
            "manifest",
            "ops",
            "page",
            "serve",
            "store",
            "picture",
            "progress",
            "provider",
            "publish",
            "queue",
            "report",
            "engine",
            "settings",
            "view",
        ],
    ),
    ("lib", &[]),
];

/// Longer than this, a file is two rooms.
const MOST_LINES: usize = 500;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The top-level module a file of `src` belongs to.
pub(crate) fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).expect("a file of src");
    let first = inside.iter().next().expect("a name").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The top-level modules that a text names by `crate::`, outside of documentation.
pub(crate) fn modules_used(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut used = Vec::new();
    for line in code {
        for piece in line.split("crate::").skip(1) {
            let name: String = piece.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            used.push(name);
        }
    }
    used
}

#[test]
fn imports_run_downward_only() {
    let mut wrong = Vec::new();
    for path in rust_files(&root().join("src")) {
        let module = module_of(&path);
        if module == "main" {
            continue;
        }
        let allowed = MAY_USE.iter().find(|(name, _)| *name == module);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("`{module}` is not in the table of this test"));
        let text = std::fs::read_to_string(&path).expect("a text");
        for used in modules_used(&text) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: `{module}` uses `{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_shown_of_a_run_is_known_from_its_events_alone() {
    for path in ["src/progress", "src/view"].into_iter().flat_map(|folder| rust_files(&root().join(folder))) {
        let text = std::fs::read_to_string(&path).expect("a text");
        for piece in text.split("crate::engine").skip(1) {
            assert!(piece.starts_with("::event"), "{}: crate::engine{}", path.display(), &piece[..20.min(piece.len())]);
        }
    }
}

#[test]
fn nothing_writes_to_the_terminal_outside_of_cli_and_progress() {
    for path in rust_files(&root().join("src")) {
        let is_home = ["cli", "progress", "main"].contains(&module_of(&path).as_str());
        let text = std::fs::read_to_string(&path).expect("a text");
        let writes = ["stdout()", "stderr()"].iter().any(|what| text.contains(what));
        assert!(is_home || !writes, "{} writes to standard output or standard error", path.display());
    }
}

#[test]
fn no_file_is_longer_than_a_room() {
    for folder in ["src", "crates", "tests", "benches"] {
        for path in rust_files(&root().join(folder)) {
            let lines = std::fs::read_to_string(&path).expect("a text").lines().count();
            assert!(lines <= MOST_LINES, "{} has {lines} lines; split it by concern", path.display());
        }
    }
}

#[test]
fn names_say_the_job_and_not_the_kind() {
    for folder in ["src", "crates", "tests", "benches"] {
        for path in rust_files(&root().join(folder)) {
            for part in path.strip_prefix(root()).expect("inside").iter() {
                let name = part.to_string_lossy().to_lowercase();
                let name = name.trim_end_matches(".rs");
                let is_kind =
                    ["util", "utils", "common", "helper", "helpers", "misc", "types", "manager"].contains(&name);
                assert!(!is_kind, "{}: `{name}` says nothing about its job", path.display());
            }
        }
    }
}

#[test]
fn every_module_says_what_it_answers_for() {
    for path in ["src", "crates"].into_iter().flat_map(|folder| rust_files(&root().join(folder))) {
        let text = std::fs::read_to_string(&path).expect("a text");
        assert!(text.starts_with("//! "), "{} does not begin with its documentation", path.display());
    }
}

#[test]
fn sql_stays_in_its_folder() {
    for path in rust_files(&root().join("src")) {
        let is_home = path.starts_with(root().join("src/queue/sqlite"));
        let text = std::fs::read_to_string(&path).expect("a text");
        assert!(is_home || !text.contains("rusqlite::"), "{} uses the database library", path.display());
    }
}

//! The binary as a user sees it: what it prints, which files it writes, how it ends. No provider but the sandbox.

mod bad_input;
mod changed;
mod completions;
mod config;
mod cost;
mod handed_in;
mod help;
mod main_job;
mod man;
mod pair;
mod readme_zh;
mod repeats;
mod review;
mod settings;
#[cfg(unix)]
mod terminal;
mod watching;

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// A folder of its own for one test, and the program in it.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// How the program ended, and what it said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// A picture that the provider would take.
    pub(crate) fn picture(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        image::RgbImage::from_pixel(320, 400, image::Rgb([200, 180, 160])).save(&path).expect("a picture");
        path
    }

    /// The program in this folder, in an environment that holds none of its variables.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("tryon").expect("the program");
        for (variable, _) in std::env::vars() {
            if variable.starts_with("TRYON_") || variable.starts_with("KLING_") {
                command.env_remove(variable);
            }
        }
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("TZ", "UTC")
            .timeout(std::time::Duration::from_secs(60));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(&mut self.command(arguments))
    }
}

pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().unwrap_or_else(|| panic!("{command:?} ended by {}", output.status));
    Said { code, out: text(output.stdout), err: text(output.stderr) }
}

/// The root of the project, where the example is.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

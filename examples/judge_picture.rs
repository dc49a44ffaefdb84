//! What the program makes of one picture file, for `scripts/corpus.py`:
//! `cargo run --release --example judge_picture -- FILE FITTED` writes what `--fit-images` would send to FITTED, and one
//! line of JSON to standard output: what the file is as an input, what was made of it, what it is as a result.
//!
//! The rule about the shortest side is left out, so that the small pictures of test suites are decoded too.

#![expect(clippy::print_stdout, reason = "a program, and this is its result")]

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tryon::picture::{InputLimits, PictureError, check_whole, fit, probe_any_size, verify_result};
use tryon::store::InputFile;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [picture, fitted] = &arguments[..] else {
        return Err("usage: judge_picture FILE FITTED".into());
    };
    println!("{}", json!({ "input": input(picture, fitted)?, "result": result(picture)? }));
    Ok(())
}

/// What `check` says, and what `--fit-images` makes.
fn input(picture: &Path, fitted: &Path) -> Result<Value, Box<dyn Error>> {
    let source = InputFile::new(picture);
    let probe = match probe_any_size(&source) {
        Ok(probe) => probe,
        Err(problem) => return Ok(refusal(&problem)),
    };
    let made = match fit(&source, &probe, &InputLimits::KOLORS) {
        Ok(encoded) => {
            std::fs::write(fitted, &encoded.jpeg)?;
            json!({ "width": encoded.width, "height": encoded.height })
        }
        Err(problem) => refusal(&problem),
    };
    Ok(json!({
        "format": probe.format.name(),
        "width": probe.width,
        "height": probe.height,
        "peculiarity": probe.peculiarity.map(|peculiarity| format!("{peculiarity:?}")),
        "as_it_is": probe.check_fit(&InputLimits::KOLORS).err().map(|problem| problem.to_string()),
        "damaged": check_whole(&source, &probe).err().map(|problem| problem.to_string()),
        "fitted": made,
    }))
}

fn refusal(problem: &PictureError) -> Value {
    json!({ "refused": problem.to_string() })
}

/// What a download with these bytes would be.
fn result(picture: &Path) -> Result<Value, Box<dyn Error>> {
    Ok(match verify_result(&mut File::open(picture)?) {
        Ok(seen) => json!({ "format": seen.format.name(), "width": seen.width, "height": seen.height }),
        Err(problem) => json!({ "refused": problem.to_string() }),
    })
}

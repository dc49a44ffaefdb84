//! The body of a create request, made while it is sent: pictures are read and encoded piece by piece, with the
//! exact length known before, so that a 9 MB picture never is in memory.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use crate::store::InputFile;

/// A picture as the request carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// Fetched by the provider.
    Url(String),
    /// Sent along, byte for byte; `bytes` is the file's size, which the body's length is made of.
    File { file: InputFile, bytes: u64 },
}

/// How much of a file is encoded at once. A multiple of 3, so that pieces join without padding between them.
const PIECE_BYTES: usize = 96 * 1024;

/// A piece of the body.
enum Part {
    Text(Bytes),
    File { file: InputFile, bytes: u64 },
}

/// A body that can be sent once, and its exact length.
pub struct RequestBody {
    parts: Vec<Part>,
    /// Its length in bytes.
    length: u64,
    /// Why a file could not be read to its end, once sending has failed for that reason.
    pub(super) broken_input: BrokenInput,
}

/// Where a file's trouble is left for whoever sees the request fail.
pub(super) type BrokenInput = Arc<Mutex<Option<String>>>;

impl RequestBody {
    /// Lays out the JSON object; `fields` are plain strings, `pictures` the two large ones.
    #[must_use]
    pub fn new(fields: &[(&str, &str)], pictures: [(&str, &Picture); 2]) -> Self {
        let mut parts = Vec::new();
        let mut head = String::from("{");
        for (name, value) in fields {
            head.push_str(&format!("{}:{},", json_string(name), json_string(value)));
        }
        for (position, (name, picture)) in pictures.into_iter().enumerate() {
            if position > 0 {
                head.push(',');
            }
            match picture {
                Picture::Url(url) => head.push_str(&format!("{}:{}", json_string(name), json_string(url))),
                Picture::File { file, bytes } => {
                    head.push_str(&format!("{}:\"", json_string(name)));
                    parts.push(Part::Text(Bytes::from(std::mem::take(&mut head))));
                    parts.push(Part::File { file: file.clone(), bytes: *bytes });
                    head.push('"');
                }
            }
        }
        head.push('}');
        parts.push(Part::Text(Bytes::from(head)));
        let length = parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.len() as u64,
                Part::File { bytes, .. } => bytes.div_ceil(3) * 4,
            })
            .sum();
        Self { parts, length, broken_input: BrokenInput::default() }
    }

    /// Its exact length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The body's pieces.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let broken = self.broken_input;
        stream::iter(self.parts)
            .then(|part| async move {
                Ok::<_, io::Error>(match part {
                    Part::Text(text) => stream::once(async { Ok(text) }).boxed(),
                    Part::File { file, bytes } => encoded_file(file, bytes).boxed(),
                })
            })
            .try_flatten()
            .inspect_err(move |error| {
                *broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error.to_string());
            })
    }
}

/// A file's Base64, piece by piece. A file that is not as long as it was promised to be is an error: the rest of
/// the body would stand at the wrong place.
fn encoded_file(input: InputFile, promised: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let reading = Reading { input, file: None, left: promised, has_begun: false };
    stream::try_unfold(reading, |reading| in_background(move || reading.next_piece()))
}

/// A file that is being sent.
struct Reading {
    input: InputFile,
    file: Option<File>,
    /// How many bytes are still promised.
    left: u64,
    has_begun: bool,
}

impl Reading {
    /// Reads and encodes the next piece. The last one is not given away before it is sure that it is the last.
    fn next_piece(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.left == 0 && self.has_begun {
            return Ok(None);
        }
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot read {}: {error}", self.input));
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.input.open_file().map_err(named)?,
        };
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let mut piece = vec![0_u8; wanted];
        file.read_exact(&mut piece).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => named(io::Error::other("it shrank while it was being sent")),
            _ => named(error),
        })?;
        let left = self.left - wanted as u64;
        if left == 0 && file.read(&mut [0_u8; 1]).map_err(named)? > 0 {
            return Err(named(io::Error::other("it grew while it was being sent")));
        }
        let encoded = Bytes::from(STANDARD.encode(&piece));
        Ok(Some((encoded, Self { file: Some(file), left, has_begun: true, ..self })))
    }
}

/// Does what may have to wait for a disk, or takes a while, on a thread that may.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn whole(body: RequestBody) -> io::Result<Vec<u8>> {
        body.into_stream()
            .try_fold(Vec::new(), |mut all, piece| async move {
                all.extend_from_slice(&piece);
                Ok(all)
            })
            .await
    }

    #[tokio::test]
    async fn the_body_is_the_json_it_promises_to_the_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        for bytes in [0, 1, 2, 3, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 2] {
            let path = folder.path().join("a.png");
            let content: Vec<u8> = (0..bytes).map(|n| u8::try_from(n % 251).expect("small")).collect();
            std::fs::write(&path, &content).expect("written");
            let human = Picture::File { file: InputFile::new(&path), bytes: bytes as u64 };
            let pictures = [("human_image", &human), ("cloth_image", &Picture::Url("http://h/\"x".into()))];
            let body = RequestBody::new(&[("model_name", "m")], pictures);
            let length = body.length();
            let sent = whole(body).await.expect("sent");
            assert_eq!(sent.len() as u64, length);
            let json: serde_json::Value = serde_json::from_slice(&sent).expect("JSON");
            let decoded = STANDARD.decode(json["human_image"].as_str().expect("text")).expect("Base64");
            assert!(decoded == content, "{bytes} bytes");
            assert_eq!(json["cloth_image"], "http://h/\"x");
            assert_eq!(json["model_name"], "m");
        }
    }

    #[tokio::test]
    async fn a_picture_that_changes_while_it_is_sent_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        for changed in [&b"abc"[..], &b"abcdefghij"[..]] {
            std::fs::write(&path, b"abcdef").expect("written");
            let picture = Picture::File { file: InputFile::new(&path), bytes: 6 };
            let body = RequestBody::new(&[], [("a", &picture), ("b", &picture)]);
            let broken = body.broken_input.clone();
            std::fs::write(&path, changed).expect("written");
            whole(body).await.expect_err("the length is wrong");
            let said = broken.lock().expect("whole").clone().expect("a reason");
            assert!(said.contains("a.png") && said.contains("while it was being sent"), "{said}");
        }
    }
}

//! HTTP/1.1 by hand, so that a connection can end at any byte.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use super::answers::Answer;

/// A connection.
pub(super) type Stream = BufStream<TcpStream>;

/// A request's first part.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) path: String,
    /// What follows the path's `?`.
    pub(super) query: String,
    pub(super) authorization: Option<String>,
    pub(super) length: usize,
}

/// Reads up to the blank line; `None` when the connection has ended.
pub(super) async fn read_head(stream: &mut Stream) -> Option<Head> {
    let first = read_line(stream).await?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut head = Head { method, path: path.to_owned(), query: query.to_owned(), ..Head::default() };
    for _ in 0..100 {
        let line = read_line(stream).await?;
        let Some((name, value)) = line.split_once(':') else { return Some(head) };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.trim().parse().ok()?,
            "authorization" => head.authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    None
}

async fn read_line(stream: &mut Stream) -> Option<String> {
    let mut line = String::new();
    let mut bounded = stream.take(16 * 1024);
    match bounded.read_line(&mut line).await {
        Ok(read) if read > 0 => Some(line.trim_end().to_owned()),
        _ => None,
    }
}

/// Reads a body; `None` when the connection ended before it did.
pub(super) async fn read_body(stream: &mut Stream, length: usize) -> Option<Vec<u8>> {
    let mut body = vec![0; length.min(64 << 20)];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

/// Sends an answer. Returns whether the connection can go on.
pub(super) async fn send(stream: &mut Stream, answer: &Answer) -> io::Result<bool> {
    let length = answer.promised.unwrap_or(answer.body.len());
    let mut head = format!(
        "HTTP/1.1 {} X\r\ncontent-type: {}\r\ncontent-length: {length}\r\n",
        answer.status, answer.content_type
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&answer.body).await?;
    stream.flush().await?;
    Ok(answer.promised.is_none())
}

/// Sends a body of `bytes` zeros after `start`, without saying how long it is.
pub(super) async fn flood(stream: &mut Stream, start: &[u8], bytes: usize) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 X\r\ncontent-type: image/png\r\nconnection: close\r\n\r\n").await?;
    stream.write_all(start).await?;
    let zeros = vec![0; 256 * 1024];
    for _ in 0..bytes / zeros.len() {
        stream.write_all(&zeros).await?;
    }
    stream.flush().await
}

/// Ends a connection the hard way: what is on its way is thrown away.
pub(super) fn reset(stream: Stream) {
    let stream = stream.into_inner();
    let _ = stream.set_zero_linger();
    drop(stream);
}

/// Waits until the other side has gone.
pub(super) async fn hung_up(stream: &mut Stream) {
    let mut byte = [0; 1];
    while matches!(stream.read(&mut byte).await, Ok(read) if read > 0) {}
}

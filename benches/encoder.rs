//! What a request's body takes to make while it is sent: `cargo bench --bench encoder`.
//!
//! One body carries two pictures of 9 MB, Base64-encoded on the way from the file. Before the timing, one body and
//! then 64 at once are made and dropped piece by piece, and the memory that this took is printed (Linux only).

#![expect(clippy::print_stdout, reason = "this is a program, and these are its results")]

use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Runtime;

use tryon::provider::{Picture, RequestBody};
use tryon::store::InputFile;

/// A picture as large as cameras make them; a little less than the API takes.
const PICTURE_BYTES: usize = 9_000_000;

/// How many bodies are under way at once.
const AT_ONCE: usize = 64;

fn pictures(folder: &Path) -> [PathBuf; 2] {
    ["human.jpg", "cloth.jpg"].map(|name| {
        let path = folder.join(name);
        let bytes: Vec<u8> = (0..PICTURE_BYTES).map(|n| (n * 31 % 251) as u8).collect();
        std::fs::write(&path, bytes).expect("a picture");
        path
    })
}

/// Makes a body and lets each piece go, as a connection does. Returns how many bytes there were.
async fn send([human, cloth]: &[PathBuf; 2]) -> u64 {
    let [human, cloth] =
        [human, cloth].map(|path| Picture::File { file: InputFile::new(path), bytes: PICTURE_BYTES as u64 });
    let fields = [("model_name", "kolors-virtual-try-on-v1"), ("external_task_id", "tryon-1")];
    let body = RequestBody::new(&fields, [("human_image", &human), ("cloth_image", &cloth)]);
    let promised = body.length();
    let sent = body.into_stream().try_fold(0, |sent, piece| async move { Ok(sent + piece.len() as u64) }).await;
    assert_eq!(sent.expect("sent"), promised);
    promised
}

/// The most memory that this process has held so far, in KiB.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn memory(runtime: &Runtime, files: &[PathBuf; 2]) {
    for at_once in [1, AT_ONCE] {
        let before = peak_kib();
        let bodies = stream::iter(0..at_once).map(|_| send(files)).buffer_unordered(at_once);
        let sent: u64 = runtime.block_on(bodies.fold(0, |sum, sent| async move { sum + sent }));
        if let (Some(before), Some(after)) = (before, peak_kib()) {
            println!("{at_once} at once: {sent} bytes, at the peak {} KiB more than before", after - before);
        }
    }
}

fn encoder(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let files = pictures(folder.path());
    let runtime = Runtime::new().expect("a runtime");
    memory(&runtime, &files);
    let mut group = criterion.benchmark_group("body of two 9 MB pictures");
    group.sample_size(20).throughput(Throughput::Bytes(2 * PICTURE_BYTES as u64));
    group.bench_function("streamed", |bencher| bencher.iter(|| runtime.block_on(send(&files))));
}

criterion_group!(benches, encoder);
criterion_main!(benches);

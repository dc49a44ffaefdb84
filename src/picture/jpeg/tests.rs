//! Arithmetic codes against Huffman's: the same picture in both, transcoded without loss.

use std::path::Path;

use super::{Keep, read};

fn file(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a picture")
}

fn pixels(jpeg: &[u8], keep: Keep) -> Vec<u8> {
    let scanned = read(jpeg, keep).expect("whole");
    assert!(!scanned.has_surplus);
    let mut pixels = Vec::new();
    scanned.rows(|_, row| pixels.extend_from_slice(row));
    pixels
}

const ARITHMETIC: [&str; 2] =
    ["tests/data/pictures/made-arithmetic.jpg", "tests/data/pictures/made-arithmetic-progressive.jpg"];

#[test]
fn arithmetic_codes_hold_the_pixels_that_huffman_codes_hold() {
    let original = file("examples/people/ana.jpg");
    for keep in [Keep::Pixels, Keep::Means] {
        let expected = pixels(&original, keep);
        for path in ARITHMETIC {
            assert!(pixels(&file(path), keep) == expected, "{path}, {keep:?}");
        }
    }
}

#[test]
fn arithmetic_codes_that_are_damaged_or_cut_off_are_refused() {
    for path in ARITHMETIC {
        let whole = file(path);
        let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).expect("a scan") + 20;
        let end = whole.len() - 2;
        for part in 1..16 {
            let from = scan + (end - scan) * part / 16;
            assert!(read(&whole[..from], Keep::Means).is_err(), "{path}: cut at {from}");
            let gone = [&whole[..from], &whole[end..]].concat();
            assert!(read(&gone, Keep::Means).is_err(), "{path}: cut at {from}, and its end put back");
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn any_bytes_as_arithmetic_codes_are_no_accident(
        which in 0_usize..2,
        at in 0.0_f64..1.0,
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..200),
    ) {
        let mut jpeg = file(ARITHMETIC[which]);
        let at = (at * jpeg.len() as f64) as usize;
        let end = (at + bytes.len()).min(jpeg.len());
        let length = end - at;
        jpeg[at..end].copy_from_slice(&bytes[..length]);
        for keep in [Keep::Means, Keep::Pixels] {
            let _ = read(&jpeg, keep);
        }
    }
}

//! Whether a JPEG has its end marker, after its pixels.
//!
//! Decoders fill what a cut-off download lacks with grey and call it a picture, so the end is looked for
//! here. A search for the bytes `FF D9` would not do: thumbnails in the metadata have their own.

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// Whether the markers of `jpeg`, followed from the first, arrive at the end marker after at least one scan.
pub(super) fn has_end(jpeg: &[u8]) -> bool {
    follow_markers(jpeg).unwrap_or(false)
}

/// `None` where the data stops before the end marker.
fn follow_markers(jpeg: &[u8]) -> Option<bool> {
    let mut at = 2; // After the start marker, by which the file was told to be a JPEG.
    let mut has_pixels = false;
    loop {
        let marker = next_marker(jpeg, &mut at)?;
        match marker {
            END_OF_IMAGE => return Some(has_pixels),
            // Stand-alone markers: restarts, start of image, TEM.
            0x01 | 0xd0..=0xd8 => {}
            _ => {
                let length = usize::from(u16::from_be_bytes([*jpeg.get(at)?, *jpeg.get(at + 1)?]));
                // The length counts its own two bytes; a smaller one is damage, and must not stop the walk from advancing.
                at += length.max(2);
                has_pixels |= marker == START_OF_SCAN;
            }
        }
    }
}

/// The next marker at or after `at`, which moves behind it.
///
/// What lies between is entropy-coded data (where `FF 00` is a stuffed byte) or padding.
fn next_marker(jpeg: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let rest = jpeg.get(*at..)?;
        *at += rest.iter().position(|byte| *byte == 0xff)?;
        // A marker may be preceded by any number of fill bytes.
        while *jpeg.get(*at)? == 0xff {
            *at += 1;
        }
        let code = *jpeg.get(*at)?;
        *at += 1;
        if code != 0 {
            return Some(code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCAN: &[u8] = &[0xff, 0xda, 0, 3, 9, 1, 2, 0xff, 0, 0xff, 0xd0, 3];

    fn jpeg(parts: &[&[u8]]) -> Vec<u8> {
        [&[0xff, 0xd8][..]].iter().chain(parts).flat_map(|part| part.iter().copied()).collect()
    }

    #[test]
    fn an_end_after_the_scan_is_found_with_fill_bytes_and_trailing_data() {
        assert!(has_end(&jpeg(&[SCAN, &[0xff, 0xd9]])));
        assert!(has_end(&jpeg(&[SCAN, &[0xff, 0xff, 0xff, 0xd9], b"trailer"])));
        assert!(has_end(&jpeg(&[SCAN, SCAN, &[0xff, 0xd9]])));
    }

    #[test]
    fn an_end_inside_the_metadata_is_not_the_end() {
        let thumbnail = &[0xff, 0xe1, 0, 6, 0xff, 0xd9, 0xff, 0xd9];
        assert!(!has_end(&jpeg(&[thumbnail, SCAN])));
        assert!(!has_end(&jpeg(&[thumbnail])));
        assert!(has_end(&jpeg(&[thumbnail, SCAN, &[0xff, 0xd9]])));
    }

    #[test]
    fn a_cut_anywhere_is_seen() {
        let whole = jpeg(&[&[0xff, 0xe0, 0, 4, 1, 2], SCAN, &[0xff, 0xd9]]);
        for length in 0..whole.len() {
            assert!(!has_end(&whole[..length]), "{length}");
        }
    }

    #[test]
    fn an_end_without_pixels_is_no_picture() {
        assert!(!has_end(&jpeg(&[&[0xff, 0xd9]])));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            has_end(&bytes);
        }
    }
}

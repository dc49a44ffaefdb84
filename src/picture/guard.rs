//! Decoders are other people's code, run on other people's bytes: a panic in one is an answer about the picture.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `decode` returns, or `None` where it panics. What it worked on must not be used again.
pub(super) fn guarded<T>(decode: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(decode)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_none() {
        assert_eq!(guarded(|| 3), Some(3));
        assert_eq!(guarded(|| [1_u8][..].split_at(2).0.len()), None);
    }
}

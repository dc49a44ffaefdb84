//! How much memory decoded pictures take up at the same time, over the whole process.
//!
//! Results are verified on as many threads as there are downloads, and inputs are converted beside them. Each takes
//! from one budget what it will need, and waits until that is free; so the number of threads and the size of the
//! pictures do not multiply. What waits here are threads of the blocking pool, never the runtime's own.

use std::sync::{Condvar, Mutex, PoisonError};

/// What all pictures together may take up, in bytes. With what the program needs besides it stays under 600 MB.
const BUDGET: u64 = 450_000_000;

static MEMORY: Budget = Budget::new(BUDGET);

/// Waits until `bytes` are free, and holds them until the return value is dropped. A thread must not take twice: it
/// could wait for itself.
pub(super) fn take(bytes: u64) -> Taken<'static> {
    MEMORY.take(bytes)
}

#[derive(Debug)]
struct Budget {
    total: u64,
    used: Mutex<u64>,
    is_freed: Condvar,
}

/// A part of the budget that is in use.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    const fn new(total: u64) -> Self {
        Self { total, used: Mutex::new(0), is_freed: Condvar::new() }
    }

    /// What needs more than there is gets all of it, and is alone.
    fn take(&self, bytes: u64) -> Taken<'_> {
        let bytes = bytes.min(self.total);
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let is_short = |used: &mut u64| *used + bytes > self.total;
        let mut used = self.is_freed.wait_while(used, is_short).unwrap_or_else(PoisonError::into_inner);
        *used += bytes;
        Taken { budget: self, bytes }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.budget.used.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.budget.is_freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn what_is_in_use_never_exceeds_the_budget_and_what_is_larger_is_alone() {
        let budget = Budget::new(100);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (budget, now, most) = (&budget, &now, &most);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let bytes = [30, 60, 500][number % 3];
                        let taken = budget.take(bytes);
                        let used = now.fetch_add(taken.bytes, Ordering::SeqCst) + taken.bytes;
                        most.fetch_max(used, Ordering::SeqCst);
                        now.fetch_sub(taken.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 100);
        assert_eq!(*budget.used.lock().expect("not poisoned"), 0);
    }
}

//! Puts free questions to a provider: at a steady pace, again where the answer is about the moment, and no further ones where that is
//! of no use.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::provider::{Meaning, Trouble};

/// Questions a second where no rate is given: what else the provider is asked at the same time is not known.
const USUAL_RATE: f64 = 10.0;

/// How often a question is put that is refused because of the moment, and how long is waited after the first time; twice as long
/// after each further one.
const MOST_TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// After this many questions in a row that were given up, no further one is put.
const MOST_GIVEN_UP: u32 = 3;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Asker {
    /// Between two questions.
    interval: Duration,
    /// When the next question may leave.
    next: Mutex<Instant>,
    given_up: AtomicU32,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked<T> {
    Told(T),
    /// The provider has no answer to it, at any time.
    Refused,
    /// It had none by now.
    GivenUp,
}

impl Asker {
    /// `rate`: questions a second, at most, where a rate is given.
    pub(super) fn new(rate: Option<f64>) -> Self {
        let interval = Duration::from_secs_f64(1.0 / rate.unwrap_or(USUAL_RATE));
        Self { interval, next: Mutex::new(Instant::now()), given_up: AtomicU32::new(0) }
    }

    /// Puts a question. Cancel-safe.
    pub(super) async fn ask<T>(&self, question: impl AsyncFn() -> Result<T, Trouble>) -> Asked<T> {
        for wait in (0..MOST_TRIES).map(|tries| FIRST_WAIT * 2_u32.pow(tries)) {
            if self.given_up.load(Ordering::Relaxed) >= MOST_GIVEN_UP {
                return Asked::GivenUp;
            }
            self.turn().await;
            let trouble = match question().await {
                Ok(told) => {
                    self.given_up.store(0, Ordering::Relaxed);
                    return Asked::Told(told);
                }
                Err(trouble) => trouble,
            };
            if !matches!(trouble.meaning, Meaning::SlowDown | Meaning::BackOff(_)) {
                return Asked::Refused;
            }
            self.put_off(trouble.retry_after.unwrap_or(wait).min(LONGEST_WAIT));
        }
        self.given_up.fetch_add(1, Ordering::Relaxed);
        Asked::GivenUp
    }

    async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (*next).max(Instant::now());
            *next = at + self.interval;
            at
        };
        tokio::time::sleep_until(at).await;
    }

    /// Nothing leaves for some time.
    fn put_off(&self, wait: Duration) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(Instant::now() + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::AnswerFacts;

    fn trouble(meaning: Meaning) -> Trouble {
        Trouble::of(meaning, AnswerFacts::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_is_refused_because_of_the_moment_is_put_again_later() {
        let (asker, began) = (Asker::new(Some(10.0)), Instant::now());
        let put = AtomicU32::new(0);
        let slowly = async || match put.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(trouble(Meaning::SlowDown)),
            _ => Ok("told"),
        };
        assert_eq!(asker.ask(slowly).await, Asked::Told("told"));
        assert_eq!(began.elapsed().as_millis(), 3_000, "1 s, then 2 s");
        assert_eq!(asker.ask(async || Err::<(), _>(trouble(Meaning::JobRefused))).await, Asked::Refused);
        assert_eq!(began.elapsed().as_millis(), 3_100, "at the pace");
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_provider_is_away_no_further_question_is_put() {
        let (asker, put) = (Asker::new(None), AtomicU32::new(0));
        let in_vain = async || {
            put.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(trouble(Meaning::SlowDown))
        };
        for _ in 0..100 {
            assert_eq!(asker.ask(&in_vain).await, Asked::GivenUp);
        }
        assert_eq!(put.load(Ordering::Relaxed), MOST_TRIES * MOST_GIVEN_UP);
    }
}

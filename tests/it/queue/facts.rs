//! What a queue knows besides its jobs: its provider, its endpoints, its runs, its default model.

use std::time::Duration;

use tryon::job::ModelName;
use tryon::queue::{Beat, Pause, ProviderKind, QueueError, RunRecord, SlotUse};

use super::bed::{at, model, on_every_queue};

#[tokio::test]
async fn a_queue_belongs_to_the_provider_of_its_first_run() {
    on_every_queue(async |bed| {
        bed.queue.check_provider(ProviderKind::Kling).await.expect("anyone's");
        assert_eq!(bed.queue.provider().await.expect("an answer"), None, "asking binds nothing");
        for _ in 0..2 {
            bed.queue.bind(ProviderKind::Sandbox).await.expect("bound");
            assert_eq!(bed.queue.provider().await.expect("an answer"), Some(ProviderKind::Sandbox));
        }
        for other in [ProviderKind::Dmxapi, ProviderKind::Kling] {
            let error = bed.queue.bind(other).await.expect_err("refused");
            let QueueError::OtherProvider { bound, wanted } = &error else { panic!("{error}") };
            assert_eq!((bound.as_str(), wanted.as_str()), ("the sandbox", other.word()));
            assert!(error.to_string().starts_with("this queue belongs to the sandbox and cannot be run against"));
        }
        bed.queue.check_provider(ProviderKind::Sandbox).await.expect("its own");
        assert!(bed.queue.check_provider(ProviderKind::Kling).await.is_err());
        let reopened = bed.open(bed.location()).await;
        assert!(reopened.bind(ProviderKind::Kling).await.is_err(), "it is remembered");
        assert_eq!(bed.queue.provider().await.expect("an answer"), Some(ProviderKind::Sandbox));
    })
    .await;
}

#[tokio::test]
async fn of_two_first_runs_at_once_one_is_refused() {
    on_every_queue(async |bed| {
        let other_process = bed.open(bed.location()).await;
        let (one, two) = tokio::join!(bed.queue.bind(ProviderKind::Kling), other_process.bind(ProviderKind::Dmxapi));
        assert!(one.is_ok() != two.is_ok());
    })
    .await;
}

#[tokio::test]
async fn each_door_has_its_own_knowledge_and_the_last_word_counts() {
    on_every_queue(async |bed| {
        let (one, two) = ("https://one.example/kling", "https://two.example");
        assert_eq!(bed.queue.external_ids(one).await.expect("an answer"), None);
        bed.queue.learn_external_ids(one.to_owned(), true).await.expect("learnt");
        assert_eq!(bed.queue.external_ids(one).await.expect("an answer"), Some(true));
        assert_eq!(bed.queue.external_ids(two).await.expect("an answer"), None);
        bed.queue.learn_external_ids(two.to_owned(), false).await.expect("learnt");
        bed.queue.learn_external_ids(one.to_owned(), false).await.expect("learnt");
        assert_eq!(bed.queue.external_ids(one).await.expect("an answer"), Some(false));
        assert_eq!(bed.queue.external_ids("https://by.example/kling").await.expect("an answer"), Some(true));
    })
    .await;
}

#[tokio::test]
async fn a_door_remembers_its_slots_apart_from_what_else_is_known_of_it() {
    on_every_queue(async |bed| {
        let (one, two) = ("https://one.example/kling", "https://two.example");
        let known = async |door| {
            let slots = bed.queue.slots_found(door).await.expect("an answer");
            (slots, bed.queue.external_ids(door).await.expect("an answer"))
        };
        assert_eq!(known(one).await, (None, None));
        bed.queue.learn_slots(one.to_owned(), 10).await.expect("learnt");
        assert_eq!(known(one).await, (Some(10), None), "whether ids come back is not known yet");
        bed.queue.learn_external_ids(one.to_owned(), false).await.expect("learnt");
        bed.queue.learn_slots(one.to_owned(), 100).await.expect("learnt");
        assert_eq!((known(one).await, known(two).await), ((Some(100), Some(false)), (None, None)));
        bed.queue.learn_external_ids(two.to_owned(), true).await.expect("learnt");
        assert_eq!(known(two).await, (None, Some(true)));
        bed.queue.learn_slots(one.to_owned(), 0).await.expect("forgotten");
        assert_eq!(known(one).await, (None, Some(false)));
        assert_eq!(known("https://by.example/kling").await, (None, Some(true)));
    })
    .await;
}

#[tokio::test]
async fn a_run_shows_its_signs_of_life() {
    on_every_queue(async |bed| {
        let run = bed.queue.begin_run(12, Some(5), ModelName::default(), at(10)).await.expect("a run");
        let last = async || bed.queue.last_run().await.expect("an answer").expect("a run");
        let begun = RunRecord {
            hosts: 1,
            started_at: at(10),
            seen_at: at(10),
            ended_at: None,
            slots: 12,
            slot_ms_busy: 0,
            slot_ms_all: 0,
            succeeded: 0,
            pause: None,
            accounts: Vec::new(),
        };
        assert_eq!(last().await, begun);
        let slots = |busy, all| SlotUse { limit: 7, time: (Duration::from_millis(busy), Duration::from_millis(all)) };
        let beat = |succeeded, slots| Beat { succeeded, slots, ..Beat::default() };
        let with_slots = |busy, all| RunRecord { slots: 7, slot_ms_busy: busy, slot_ms_all: all, ..begun.clone() };

        let pause = Pause { until: at(99), why: "the provider is out of reach".to_owned() };
        bed.queue
            .beat(run, Beat { pause: Some(pause.clone()), ..beat(3, slots(700, 900)) }, at(20))
            .await
            .expect("a beat");
        assert_eq!(
            last().await,
            RunRecord { seen_at: at(20), succeeded: 3, pause: Some(pause), ..with_slots(700, 900) }
        );
        bed.queue.beat(run, beat(4, slots(800, 1000)), at(30)).await.expect("a beat");
        assert_eq!(last().await, RunRecord { seen_at: at(30), succeeded: 4, ..with_slots(800, 1000) }, "a pause ends");
        bed.queue.beat(run, Beat { ended: true, ..beat(4, slots(900, 1000)) }, at(40)).await.expect("a beat");
        assert_eq!(
            last().await,
            RunRecord { seen_at: at(40), ended_at: Some(at(40)), succeeded: 4, ..with_slots(900, 1000) }
        );

        let next = bed.queue.begin_run(1, None, ModelName::default(), at(50)).await.expect("a run");
        assert_ne!(next, run);
        assert_eq!((last().await.started_at, last().await.slots), (at(50), 1), "the last run is the one that is told");
    })
    .await;
}

#[tokio::test]
async fn a_beat_of_a_run_that_is_not_there_is_an_error() {
    on_every_queue(async |bed| {
        let error = bed.queue.beat(tryon::queue::RunId(4711), Beat::default(), at(1)).await.expect_err("gone");
        assert!(matches!(error, QueueError::Damaged(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn the_model_of_the_last_run_is_the_default() {
    on_every_queue(async |bed| {
        for name in ["kolors-virtual-try-on-v1-5", "kolors-virtual-try-on-v2"] {
            bed.queue.begin_run(1, None, model(name), at(1)).await.expect("a run");
            assert_eq!(bed.queue.default_model().await.expect("an answer"), Some(model(name)));
        }
    })
    .await;
}

#[tokio::test]
async fn the_first_path_for_callbacks_is_kept() {
    on_every_queue(async |bed| {
        let other_process = bed.open(bed.location()).await;
        let (one, two) = tokio::join!(
            bed.queue.keep_callback_path("first".to_owned()),
            other_process.keep_callback_path("second".to_owned())
        );
        let kept = one.expect("a path");
        assert_eq!(two.expect("a path"), kept, "both processes have the same one");
        let reopened = bed.open(bed.location()).await;
        assert_eq!(reopened.keep_callback_path("third".to_owned()).await.expect("a path"), kept);
    })
    .await;
}

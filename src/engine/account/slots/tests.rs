//! That the limit follows what the account says, on a paused clock.

use super::*;

/// Whether a slot is to be had now, without waiting.
async fn try_take(slots: &Arc<Slots>) -> Option<Slot> {
    tokio::time::timeout(Duration::from_millis(1), slots.acquire()).await.ok()
}

/// Takes slots for tasks that an account of `cap` slots takes, for a while; the tasks do not end. Returns how often
/// the account said "over the cap".
async fn fill(slots: &Arc<Slots>, held: &mut Vec<Slot>, cap: usize, seconds: u64) -> u32 {
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut refusals = 0;
    while let Ok(mut slot) = tokio::time::timeout_at(until, slots.acquire()).await {
        if held.len() < cap {
            slot.accepted();
            held.push(slot);
        } else {
            slot.over_cap();
            refusals += 1;
        }
    }
    refusals
}

#[tokio::test(start_paused = true)]
async fn the_ceiling_is_never_exceeded_and_a_freed_slot_is_taken_at_once() {
    let slots = Slots::new(SlotCount::AtMost(2), None);
    let mut first = slots.acquire().await;
    first.accepted();
    let mut second = slots.acquire().await;
    second.accepted();
    assert!(try_take(&slots).await.is_none());
    tokio::time::advance(Duration::from_secs(600)).await;
    assert!(try_take(&slots).await.is_none(), "nor after any time");
    let waiting = tokio::spawn({
        let slots = Arc::clone(&slots);
        async move { slots.acquire().await }
    });
    tokio::task::yield_now().await;
    let before = Instant::now();
    drop(first);
    let _third = waiting.await.expect("a slot");
    assert_eq!(Instant::now(), before);
}

#[tokio::test(start_paused = true)]
async fn the_cap_is_found_at_once_by_climbing_and_tried_again_ever_more_rarely() {
    let slots = Slots::new(SlotCount::Auto, None);
    assert_eq!(slots.found(), None);
    let mut held = Vec::new();
    assert_eq!(fill(&slots, &mut held, 37, 1).await, 1, "one refusal is enough");
    assert_eq!((held.len(), slots.found()), (37, Some(37)));
    let refusals = fill(&slots, &mut held, 37, 3_600).await;
    assert!((10..30).contains(&refusals), "{refusals} in an hour");
    let later = fill(&slots, &mut held, 37, 3_600).await;
    assert!(later <= 24, "{later} in the next");
    assert_eq!((held.len(), slots.found()), (37, Some(37)));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_refused_leaves_the_limit_and_keeps_no_freed_slot_waiting() {
    let slots = Slots::new(SlotCount::Auto, None);
    let mut held = Vec::new();
    fill(&slots, &mut held, 10, 1).await;
    let probe = slots.acquire().await;
    assert!(probe.is_probe);
    // While the probe is on its way, a task ends and another takes its slot.
    drop(held.pop());
    let mut next = try_take(&slots).await.expect("the freed slot");
    assert!(!next.is_probe);
    next.accepted();
    held.push(next);
    probe.over_cap();
    drop(probe);
    assert_eq!((slots.limit(), slots.found()), (10, Some(10)));
    drop(held.pop());
    assert!(try_take(&slots).await.is_some(), "at once");
}

#[tokio::test(start_paused = true)]
async fn submissions_that_left_together_are_refused_as_one() {
    let slots = Slots::new(SlotCount::Auto, None);
    let together = [slots.acquire().await, slots.acquire().await, slots.acquire().await];
    let mut taken = slots.acquire().await;
    taken.accepted();
    for refused in together {
        refused.over_cap();
    }
    assert_eq!(slots.limit(), 1);
    drop(taken);
    assert!(try_take(&slots).await.is_some(), "no wait: one refusal was expected, and the others are the same");
}

#[tokio::test(start_paused = true)]
async fn slots_that_others_leave_are_found_and_all_of_them() {
    let slots = Slots::new(SlotCount::Auto, None);
    let mut held = Vec::new();
    fill(&slots, &mut held, 10, 60).await;
    assert_eq!(held.len(), 10);
    fill(&slots, &mut held, 40, 301).await;
    assert_eq!(held.len(), 40);
}

#[tokio::test(start_paused = true)]
async fn slots_that_others_take_are_let_go_at_once() {
    let slots = Slots::new(SlotCount::Auto, None);
    let mut held = Vec::new();
    fill(&slots, &mut held, 10, 2).await;
    // Others have taken six; ours end one by one and are refused again.
    held.truncate(4);
    let refusals = fill(&slots, &mut held, 4, 4).await;
    assert!((1..=4).contains(&refusals), "{refusals} refusals");
    assert_eq!(slots.found(), Some(4));
}

#[tokio::test(start_paused = true)]
async fn the_number_found_before_is_begun_with_and_still_tried() {
    let slots = Slots::new(SlotCount::Auto, Some(12));
    let mut held = Vec::new();
    assert_eq!(fill(&slots, &mut held, 100, 2).await, 0);
    assert_eq!(held.len(), 12);
    fill(&slots, &mut held, 20, 60).await;
    assert_eq!(held.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_within_the_limit_is_followed_by_a_wait() {
    let slots = Slots::new(SlotCount::AtMost(5), None);
    let mut held = Vec::new();
    fill(&slots, &mut held, 2, 1).await;
    drop(held.pop());
    assert!(try_take(&slots).await.is_some(), "the slot of the one that ended");
    let refused = slots.acquire().await;
    refused.over_cap();
    drop(refused);
    assert!(try_take(&slots).await.is_none());
    tokio::time::advance(Duration::from_millis(2_100)).await;
    assert!(try_take(&slots).await.is_none(), "one is held, and one is the cap that was seen");
    tokio::time::advance(Duration::from_secs(11)).await;
    assert!(try_take(&slots).await.is_some(), "one more is tried");
}

#[tokio::test(start_paused = true)]
async fn occupancy_is_the_share_of_slot_time_in_which_tasks_were_at_work_while_jobs_waited() {
    let slots = Slots::new(SlotCount::AtMost(2), None);
    slots.set_has_work(true);
    let mut slot = slots.acquire().await;
    tokio::time::advance(Duration::from_secs(5)).await;
    slot.accepted();
    tokio::time::advance(Duration::from_secs(10)).await;
    slot.freed(Duration::from_secs(2));
    tokio::time::advance(Duration::from_secs(5)).await;
    slots.set_has_work(false);
    tokio::time::advance(Duration::from_secs(500)).await;
    assert_eq!(slots.occupancy(), (Duration::from_secs(8), Duration::from_secs(40)));
}

/// What a simulated run and its account know.
struct Night {
    left: usize,
    at_account: usize,
    refusals: u32,
    highest_limit: u32,
}

/// One job: its submission, and its task if it is taken.
async fn live(night: Arc<Mutex<Night>>, mut slot: Slot, cap: usize, answer: Duration, task: Duration) {
    let noticed_after = Duration::from_millis(200);
    tokio::time::sleep(answer / 2).await;
    let is_taken = {
        let mut night = night.lock().expect("the night");
        let is_taken = night.at_account < cap;
        night.at_account += usize::from(is_taken);
        is_taken
    };
    tokio::time::sleep(answer / 2).await;
    if !is_taken {
        slot.over_cap();
        let mut night = night.lock().expect("the night");
        night.refusals += 1;
        night.left += 1;
        return;
    }
    slot.accepted();
    {
        let mut night = night.lock().expect("the night");
        if night.refusals > 0 {
            night.highest_limit = night.highest_limit.max(slot.slots.limit());
        }
    }
    tokio::time::sleep(task).await;
    night.lock().expect("the night").at_account -= 1;
    tokio::time::sleep(noticed_after).await;
    slot.freed(noticed_after);
}

/// Works `jobs` at an account of `cap` slots, each answer taking `answer` and each task `task`, submissions being
/// `spacing` apart. Returns how often the account said "over the cap", and the highest limit after the first time.
async fn work(cap: usize, jobs: usize, answer: Duration, task: Duration, spacing: Duration) -> (u32, u32) {
    let slots = Slots::new(SlotCount::Auto, None);
    let night = Arc::new(Mutex::new(Night { left: jobs, at_account: 0, refusals: 0, highest_limit: 0 }));
    let mut lives = tokio::task::JoinSet::new();
    loop {
        if night.lock().expect("the night").left == 0 {
            match lives.join_next().await {
                Some(_) => continue,
                None => break,
            }
        }
        let slot = slots.acquire().await;
        night.lock().expect("the night").left -= 1;
        lives.spawn(live(Arc::clone(&night), slot, cap, answer, task));
        tokio::time::sleep(spacing).await;
    }
    let night = night.lock().expect("the night");
    (night.refusals, night.highest_limit)
}

#[tokio::test(start_paused = true)]
async fn refusals_that_come_one_after_the_other_or_together_cost_few_refusals_more() {
    for answer in [50, 300, 1_000] {
        for task in [500, 3_000, 30_000] {
            for spacing in [0, 2, 200] {
                let ms = Duration::from_millis;
                let (refusals, highest) = work(3, 14, ms(answer), ms(task), ms(spacing)).await;
                let of = format!("answers {answer} ms, tasks {task} ms, {spacing} ms apart");
                // A probe is taken also where a task of ours has ended and nobody has noticed: the limit may then climb
                // above the cap for a moment, by no more than a few.
                assert!(highest <= 8, "{of}: up to {highest} after the first refusal");
                // Probes among them: one every five seconds at first, then ever more rarely.
                assert!(refusals < 14, "{of}: {refusals} refusals for 14 jobs");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_on_its_way_is_within_the_ceiling_whatever_raises_the_limit_meanwhile() {
    let slots = Slots::new(SlotCount::AtMost(3), None);
    let mut first = slots.acquire().await;
    first.accepted();
    let mut second = slots.acquire().await;
    let refused = slots.acquire().await;
    refused.over_cap();
    drop(refused);
    tokio::time::advance(Duration::from_secs(60)).await;
    let probe = slots.acquire().await;
    assert!(probe.is_probe);
    second.accepted();
    // A task of an earlier run is found, and has ended.
    let mut found = slots.occupy();
    found.mark_held();
    drop(found);
    assert_eq!(slots.limit(), 3);
    assert!(try_take(&slots).await.is_none(), "there would be four");
    drop(probe);
    assert!(try_take(&slots).await.is_some());
}

//! Which jobs a page or a walk selects, and that it finds them however few of how many they are.

use tryon::job::{AccountName, ExtraColumns, Flag, Flags, JobSeq, JobSpec, StateName, Verdict};
use tryon::queue::{
    Claim, Claimant, JobRecord, Judged, Judgement, Keeping, LoadRow, PublishedImage, QueueError, Selection, each_job,
};

use super::bed::{Bed, at, image, on_every_queue, spec};

fn columns(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn selected(bed: &Bed, selection: Selection<'_>) -> Vec<String> {
    let mut ids = Vec::new();
    let add = |job: JobRecord| -> Result<(), QueueError> {
        ids.push(job.spec.id.to_string());
        Ok(())
    };
    each_job(&*bed.queue, selection, add).await.expect("a list");
    ids.retain(|id| !id.starts_with("by/"));
    ids
}

/// A result, flagged or not, judged or not.
async fn made(bed: &Bed, id: &str, is_flagged: bool, verdict: Option<Verdict>) {
    let job = bed.bring(id, StateName::Downloading).await;
    let flags = Flags::NONE.with_if(is_flagged, Flag::Blank);
    let images = vec![PublishedImage { flags, ..image(0, &format!("{id}.png")) }];
    bed.queue.publish(job.seq, job.attempt, images, at(6)).await.expect("published");
    let judgement = Judgement { id: id.to_owned(), verdict, ..Judgement::default() };
    bed.queue.judge(judgement, at(7)).await.expect("judged");
}

#[tokio::test]
async fn results_are_selected_by_what_was_said_and_noticed() {
    on_every_queue(async |bed| {
        made(bed, "good", false, Some(Verdict::Approved)).await;
        made(bed, "bad", true, Some(Verdict::Rejected)).await;
        made(bed, "odd", true, None).await;
        made(bed, "new", false, None).await;
        bed.bring("failed", StateName::Failed).await;
        bed.add(&[spec("waits")]).await;
        for (judged, ids) in
            [(Judged::Approved, &["good"][..]), (Judged::Rejected, &["bad"]), (Judged::Unjudged, &["odd", "new"])]
        {
            assert_eq!(selected(bed, Selection::judged(judged)).await, ids);
        }
        let odd = Selection { flagged: Some(true), ..Selection::judged(Judged::Unjudged) };
        assert_eq!(selected(bed, odd).await, ["odd"]);
        let plain = Selection { flagged: Some(false), ..Selection::in_states(&[StateName::Succeeded]) };
        assert_eq!(selected(bed, plain).await, ["good", "new"]);
        let none = Selection { states: &[StateName::Failed], ..Selection::judged(Judged::Unjudged) };
        assert_eq!(selected(bed, none).await, [""; 0]);
        let both = [StateName::Failed, StateName::Pending];
        assert_eq!(selected(bed, Selection::in_states(&both)).await, ["failed", "waits"]);
    })
    .await;
}

#[tokio::test]
async fn jobs_are_selected_by_the_account_of_their_present_attempt() {
    on_every_queue(async |bed| {
        bed.add(&[super::bed::with_priority("a", 1_001), super::bed::with_priority("b", 1_000)]).await;
        for name in ["north", "o'south"] {
            let account =
                Some(AccountName::parse(name).unwrap_or_else(|_| AccountName::parse("south").expect("a name")));
            let by = Claimant { account, ..Claimant::default() };
            let claim = bed.queue.claim(bed.run, tryon::job::ExternalTaskId::unique(), by, at(1)).await;
            assert!(matches!(claim.expect("a claim"), Claim::Job(_)));
        }
        assert_eq!(selected(bed, Selection { account: Some("north"), ..Selection::default() }).await, ["a"]);
        assert_eq!(selected(bed, Selection { account: Some("south"), ..Selection::default() }).await, ["b"]);
        assert_eq!(selected(bed, Selection { account: Some("'"), ..Selection::default() }).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_few_of_very_many_are_found_by_a_column_page_by_page() {
    on_every_queue(async |bed| {
        let row = |number: u64| {
            let value = if number % 30_000 == 29_999 { "it's \"rare\"" } else { "common" };
            let extra = ExtraColumns::new(columns(&[("kind", value), ("odd", "number")])).expect("few columns");
            LoadRow::Job { spec: JobSpec { extra, ..spec(&format!("job-{number}")) }, line: number + 2 }
        };
        let mut load = bed.queue.begin_load().await.expect("a load");
        load.begin_manifest(tryon::queue::ManifestNames::only("many.csv")).await.expect("begun");
        for part in 0..45 {
            load.add((part * 1_000..(part + 1) * 1_000).map(row).collect()).await.expect("staged");
        }
        load.keep(Keeping::default(), at(0)).await.expect("kept");
        let rare = columns(&[("kind", "it's \"rare\"")]);
        let rare = Selection { columns: &rare, ..Selection::default() };
        let first = bed.queue.jobs_page(rare, JobSeq(0), 500).await.expect("a page");
        assert_eq!((first.jobs.len(), first.next.is_some()), (0, true), "no page looks at everything");
        assert_eq!(selected(bed, rare).await, ["job-29999"]);
        let both = columns(&[("odd", "number"), ("kind", "it's \"rare\"")]);
        assert_eq!(selected(bed, Selection { columns: &both, ..Selection::default() }).await, ["job-29999"]);
        let none = columns(&[("kind", "number")]);
        let none = Selection { columns: &none, ..Selection::in_states(&[StateName::Pending]) };
        assert_eq!(selected(bed, none).await, [""; 0]);
        let common = columns(&[("kind", "common")]);
        assert_eq!(selected(bed, Selection { columns: &common, ..Selection::default() }).await.len(), 44_999);
    })
    .await;
}

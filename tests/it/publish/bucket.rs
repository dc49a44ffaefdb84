//! To a bucket, against a real S3 server.

use crate::support::provider::{Provider, Script};
use crate::support::s3::{BucketShop, FOREIGN};

#[test]
fn a_bucket_is_filled_once_and_nothing_of_anybody_elses_is_touched() {
    let Some(shop) = BucketShop::new("publish", 3) else { return };
    let provider = Provider::start(Script::default());
    shop.run(&provider).assert_code(0);
    shop.call(&provider, &["review", "--approve", "job-001", "job-002", "job-003"]).assert_code(0);
    let to = shop.s3.url("channel");
    std::fs::write(
        shop.shop.file("r.toml"),
        "[csv]\nfile = 'list.csv'\ncolumns = [{ name = 'file', value = '{file}' }]\n",
    )
    .expect("a recipe");
    let publish = || shop.call(&provider, &["publish", "--to", &to, "--recipe", "r.toml"]);
    shop.s3.put("channel/job-002.png", FOREIGN);
    let refused = publish();
    refused.assert_code(2);
    assert!(
        refused.said.contains("channel/job-002.png: is there, and was not published from this queue"),
        "{}",
        refused.said
    );
    let below = || shop.s3.objects().into_keys().filter(|key| key.starts_with("channel/")).collect::<Vec<_>>();
    assert_eq!(below(), ["channel/job-002.png"]);
    assert_eq!(shop.s3.get("channel/job-002.png").as_deref(), Some(FOREIGN));

    shop.s3.remove("channel/job-002.png");
    let first = publish();
    first.assert_code(0);
    assert!(first.said.contains("3 images written, 0 up to date"), "{}", first.said);
    let names = [
        "channel/.tryon-publish.jsonl",
        "channel/job-001.png",
        "channel/job-002.png",
        "channel/job-003.png",
        "channel/list.csv",
    ];
    assert_eq!(below(), names);
    assert!(shop.s3.head("channel/job-001.png").contains("image/png"));
    let puts =
        || shop.proxy.asked().iter().filter(|asked| asked.method == "PUT" && !asked.path.contains("probe")).count();
    let before = puts();
    let second = publish();
    second.assert_code(0);
    assert!(second.said.contains("0 images written, 3 up to date"), "{}", second.said);
    assert_eq!(puts(), before, "the second time writes nothing");

    // A record that a kill has kept from being put: what carries the mark is still ours.
    shop.s3.remove("channel/.tryon-publish.jsonl");
    let again = publish();
    again.assert_code(0);
    assert!(again.said.contains("3 images written"), "{}", again.said);
    assert_eq!(below(), names);
}

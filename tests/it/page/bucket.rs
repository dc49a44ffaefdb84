//! Pictures in a bucket, results and inputs alike, against a real S3 server.

use super::Served;
use crate::support::provider::{Provider, Script, picture_of};
use crate::support::s3::{BucketShop, SECRET, variables};

#[test]
fn pictures_in_a_bucket_are_shown_small_and_whole_and_copied_once() {
    let Some(shop) = BucketShop::new("the page's pictures in a bucket", 2) else { return };
    let provider = Provider::start(Script::default());
    let garment = std::fs::read(shop.shop.file("cloth.jpg")).expect("a garment");
    shop.s3.put("garments/red.jpg", &garment);
    let cloth = shop.s3.url("garments/red.jpg");
    let rows: String =
        shop.shop.jobs.iter().map(|job| format!("{job},http://pictures.test/{job}.jpg,{cloth}\n")).collect();
    std::fs::write(shop.shop.file("jobs.csv"), format!("id,human_image,cloth_image\n{rows}")).expect("a manifest");
    shop.run(&provider).assert_code(0);

    let gets = || shop.proxy.asked().iter().filter(|asked| asked.method == "GET").count();
    let before = gets();
    let mut command = shop.shop.command(&provider, &[]);
    command.envs(variables(&shop.proxy.endpoint()));
    let served = Served::start(command, &["-o", &shop.s3.url("may"), "--queue", "out/queue.db"]);
    let cards = served.cards("/api/cards");
    assert_eq!(cards.len(), 2);
    for card in &cards {
        let at = |name: &str| card[name].as_str().expect("an address").to_owned();
        // In the order in which a page asks.
        let small = served.get(&at("small"));
        assert_eq!((small.status, small.header("content-type")), (200, "image/jpeg"));
        assert!(image::load_from_memory(&small.body).is_ok());
        let whole = served.get(&at("result"));
        assert_eq!((whole.status, whole.header("content-type")), (200, "image/png"));
        assert!(whole.body == picture_of(card["id"].as_str().expect("an id")), "byte for byte");
        let cloth = &card["cloths"][0];
        assert!(served.get(cloth["link"].as_str().expect("an address")).body == garment);
        assert_eq!(served.get(cloth["small"].as_str().expect("an address")).status, 200);
        assert_eq!(card["human"]["small"], serde_json::Value::Null, "what is on the web is a link");
    }
    assert_eq!(gets() - before, 3, "each of three pictures was copied once");
    for address in ["/", "/api/cards"] {
        assert!(!served.get(address).text().contains(SECRET));
    }
    // What is gone from the bucket is not there; the page goes on.
    let key = BucketShop::key("job-002");
    shop.s3.remove(&key);
    assert_eq!(served.get("/pictures/1/result/whole").status, 200);
    assert_eq!(served.cards("/api/cards").len(), 2);
}

#[test]
fn a_bucket_that_is_away_leaves_a_picture_out_and_not_the_page() {
    let Some(shop) = BucketShop::new("the page's bucket is away", 1) else { return };
    let provider = Provider::start(Script::default());
    shop.run(&provider).assert_code(0);
    let mut command = shop.shop.command(&provider, &[]);
    command.envs(variables(&shop.proxy.endpoint()));
    let served = Served::start(command, &["-o", &shop.s3.url("may"), "--queue", "out/queue.db"]);
    shop.s3.remove(&BucketShop::key("job-001"));
    assert_eq!(served.get("/pictures/1/result/small").status, 404);
    assert_eq!(served.cards("/api/cards").len(), 1);
}

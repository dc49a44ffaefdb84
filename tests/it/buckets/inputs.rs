//! Manifests that name pictures in buckets.

use crate::support::provider::{Provider, Script};
use crate::support::s3::{Asked, BucketShop, Fault};

/// The manifest again, with its garments in the bucket.
fn with_garments_in_bucket(shop: &BucketShop, names: &[&str]) {
    let cloth = std::fs::read(shop.shop.file("cloth.jpg")).expect("a garment");
    let mut manifest = "id,human_image,cloth_image\n".to_owned();
    for (job, name) in shop.shop.jobs.iter().zip(names.iter().cycle()) {
        let url = shop.s3.url(&format!("garments/{name}"));
        manifest.push_str(&format!("{job},http://pictures.test/{job}.jpg,{url}\n"));
    }
    for name in names {
        shop.s3.put(&format!("garments/{}", name.replace(' ', "%20")), &cloth);
    }
    std::fs::write(shop.shop.file("jobs.csv"), manifest).expect("a manifest");
}

#[test]
fn pictures_in_a_bucket_are_sent_byte_for_byte_and_fetched_once_each() {
    let Some(shop) = BucketShop::new("pictures in a bucket", 12) else { return };
    let provider = Provider::start(Script::default());
    with_garments_in_bucket(&shop, &["red shirt.jpg", "blue.jpg", "green.jpg"]);
    let run = shop.run(&provider);
    run.assert_code(0);
    let cloth = std::fs::read(shop.shop.file("cloth.jpg")).expect("a garment");
    let books = provider.books();
    assert_eq!(books.tasks.len(), 12, "{}", run.said);
    assert!(books.tasks.iter().all(|task| *task.cloth == *cloth));
    let gets =
        shop.proxy.asked().iter().filter(|asked| asked.method == "GET" && asked.path.contains("garments/")).count();
    assert_eq!(gets, 6, "a look by the load and a copy by the run, for each of three");
    assert!(!shop.shop.file("out/queue.db-pictures").exists(), "the copies go with the run");
    shop.run(&provider).assert_code(0);
    let loaded = shop.call(&provider, &["load", "jobs.csv"]);
    assert!(loaded.said.contains("unchanged 12"), "{}", loaded.said);
    assert_eq!(provider.books().tasks.len(), 12);
}

#[test]
fn a_missing_object_is_its_rows_error_and_a_bucket_that_refuses_is_one_sentence() {
    let Some(shop) = BucketShop::new("a missing object", 40) else { return };
    let provider = Provider::start(Script::default());
    with_garments_in_bucket(&shop, &["a.jpg", "b.jpg", "c.jpg", "d.jpg"]);
    shop.s3.remove("garments/c.jpg");
    let check = shop.call(&provider, &["check", "jobs.csv"]);
    check.assert_code(2);
    let missing = check.said.lines().filter(|line| line.contains("cloth_image: no such file")).count();
    assert_eq!(missing, 10, "{}", check.said);
    assert!(check.said.contains("jobs.csv:4: "), "{}", check.said);
    shop.proxy.change(|_| Some(Fault::Denied));
    let refused = shop.call(&provider, &["check", "jobs.csv"]);
    refused.assert_code(2);
    let told = refused.said.lines().filter(|line| line.contains("jobs.csv: names pictures in a bucket")).count();
    assert!(told == 1 && !refused.said.contains("cloth_image: "), "{}", refused.said);
    assert!(refused.said.contains("AccessDenied"), "{}", refused.said);
    assert!(provider.books().creates().is_empty());
}

#[test]
fn a_bucket_of_pictures_that_is_away_for_a_while_fails_no_job_and_one_that_refuses_stops_the_run() {
    let Some(shop) = BucketShop::new("a bucket of pictures that is away", 2) else { return };
    let provider = Provider::start(Script::default());
    with_garments_in_bucket(&shop, &["a.jpg", "b.jpg"]);
    shop.call(&provider, &["load", "jobs.csv"]).assert_code(0);
    let of_garments = |asked: &Asked| asked.path.contains("garments/");
    shop.proxy.change(move |asked| Some(Fault::Denied).filter(|_| of_garments(asked)));
    let refused = shop.call(&provider, &["run"]);
    refused.assert_code(3);
    assert!(refused.said.contains("AccessDenied") && provider.books().creates().is_empty(), "{}", refused.said);
    // The client asks five times, when pictures are made ready and when they are sent.
    let mut left = 40;
    shop.proxy.change(move |asked| {
        left -= i32::from(of_garments(asked));
        Some(Fault::Unavailable).filter(|_| of_garments(asked) && left >= 0)
    });
    shop.call(&provider, &["run"]).assert_code(0);
    assert_eq!(provider.books().charges().len(), 2);
}

#[test]
fn two_garments_in_a_bucket_are_put_on_one_picture() {
    let Some(shop) = BucketShop::new("an outfit in a bucket", 1) else { return };
    let provider = Provider::start(Script::default());
    let cloth = std::fs::read(shop.shop.file("cloth.jpg")).expect("a garment");
    shop.s3.put("garments/top.jpg", &cloth);
    shop.s3.put("garments/skirt.jpg", &cloth);
    let (top, skirt) = (shop.s3.url("garments/top.jpg"), shop.s3.url("garments/skirt.jpg"));
    let manifest = format!(
        "id,human_image,cloth_image,cloth_type,cloth_image_2,cloth_type_2,model\n\
         job-001,http://pictures.test/job-001.jpg,{top},upper,{skirt},lower,kolors-virtual-try-on-v1-5\n"
    );
    std::fs::write(shop.shop.file("jobs.csv"), manifest).expect("a manifest");
    shop.run(&provider).assert_code(0);
    let sent = provider.books().tasks[0].cloth.clone();
    let picture = image::load_from_memory(&sent).expect("a picture");
    assert!(*sent != *cloth && picture.height() > 300, "{}x{}", picture.width(), picture.height());
}

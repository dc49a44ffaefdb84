//! Verdicts over HTTP: for one image and for what its window has shown, all kept, and none on a page that is read-only.

use serde_json::{Value, json};

use super::{Served, catalogue, said_of};

/// What a window that shows a card says of its image.
fn about(card: &Value, verdict: &str, reason: Option<&str>) -> Value {
    let seen = &card["review"]["at"];
    json!({ "id": card["id"], "sha256": card["sha256"], "verdict": verdict, "reason": reason, "seen": seen })
}

#[test]
fn a_verdict_is_for_the_image_and_the_verdict_that_the_window_has_shown() {
    let desk = catalogue();
    let (first, second) = (Served::at(&desk, &[]), Served::at(&desk, &[]));
    let card = first.cards("/api/cards?find=a").remove(0);
    let other_image = json!({ "id": "a", "sha256": "0".repeat(64), "verdict": "approved" });
    let refused: Value = serde_json::from_slice(&first.say(&other_image).body).expect("JSON");
    assert_eq!((&refused["refused"], said_of(&desk, "a").0), (&json!("replaced"), Value::Null));
    assert_eq!(first.say(&about(&card, "approved", None)).status, 200);
    // The second process's window still shows the card as it was.
    let stale = second.say(&about(&card, "rejected", Some("cut off")));
    let told: Value = serde_json::from_slice(&stale.body).expect("JSON");
    assert_eq!((stale.status, &told["refused"]), (409, &json!("judged")));
    assert_eq!(told["card"]["review"]["verdict"], "approved", "the window is told what is there now");
    assert_eq!(said_of(&desk, "a").0, "approved");
    let seen = second.say(&about(&told["card"], "rejected", Some("cut off")));
    assert_eq!((seen.status, said_of(&desk, "a")), (200, (json!("rejected"), json!("cut off"))));
    assert_eq!(first.cards("/api/cards?verdict=rejected").len(), 1, "the first shows it");
    // The image is made again: what was said of the one before is not said of it.
    assert_eq!(desk.run(&["retry", "--again", "a"]).code, 0);
    let again: Value = serde_json::from_slice(&first.say(&about(&card, "approved", None)).body).expect("JSON");
    assert_eq!(again["refused"], "replaced");
    for (field, value) in [("verdict", json!("fine")), ("seen", json!(i64::MAX)), ("id", json!(7))] {
        let mut odd = about(&first.cards("/api/cards?find=b").remove(0), "approved", None);
        odd[field] = value;
        assert!(matches!(first.say(&odd).status, 400 | 422), "{odd}");
    }
    assert_eq!(first.say(&json!({ "id": "none", "sha256": "", "verdict": "approved" })).status, 404);
    assert_eq!(said_of(&desk, "b").0, Value::Null);
}

#[test]
fn a_long_reason_is_cut_and_kept() {
    let desk = catalogue();
    let served = Served::at(&desk, &[]);
    let card = served.cards("/api/cards?find=b").remove(0);
    assert_eq!(served.say(&about(&card, "rejected", Some(&"手".repeat(300)))).status, 200);
    assert_eq!(said_of(&desk, "b").1, "手".repeat(200));
}

#[test]
fn of_several_windows_at_once_no_verdict_is_lost_and_one_image_has_one() {
    let desk = catalogue();
    let served: Vec<Served> = (0..3).map(|_| Served::at(&desk, &[])).collect();
    let cards = served[0].cards("/api/cards?sort=order");
    let outcomes: Vec<(usize, Vec<u16>)> = std::thread::scope(|scope| {
        let windows: Vec<_> = served
            .iter()
            .enumerate()
            .map(|(number, served)| {
                let cards = &cards;
                // Each begins at another card, and all of them judge all cards.
                let places = (0..3).map(move |place| (place + number) % 3);
                scope.spawn(move || {
                    let say = |place: usize| {
                        served.say(&about(&cards[place], "rejected", Some(&format!("window {number}")))).status
                    };
                    (number, places.map(say).collect())
                })
            })
            .collect();
        windows.into_iter().map(|window| window.join().expect("it has judged")).collect()
    });
    let stored = outcomes.iter().flat_map(|(_, statuses)| statuses).filter(|status| **status == 200).count();
    let refused = outcomes.iter().flat_map(|(_, statuses)| statuses).filter(|status| **status == 409).count();
    assert_eq!((stored, refused), (3, 6), "{outcomes:?}");
    for (place, id) in ["a", "b", "c"].into_iter().enumerate() {
        let whose = |number: usize, statuses: &[u16]| statuses[(place + 3 - number) % 3] == 200;
        let owner: Vec<usize> = outcomes.iter().filter(|(n, s)| whose(*n, s)).map(|(n, _)| *n).collect();
        assert_eq!(owner.len(), 1, "{id}: {outcomes:?}");
        assert_eq!(said_of(&desk, id).1, format!("window {}", owner[0]), "who was told so is who it is of");
    }
}

#[test]
fn a_page_that_is_read_only_shows_verdicts_and_stores_none() {
    let desk = catalogue();
    assert_eq!(desk.run(&["review", "--approve", "b"]).code, 0);
    let served = Served::at(&desk, &["--read-only"]);
    let cards = served.cards("/api/cards?sort=order");
    assert_eq!(cards[1]["review"]["verdict"], "approved");
    let refused = served.say(&about(&cards[0], "approved", None));
    assert_eq!((refused.status, refused.text().as_str()), (403, "this page was started with --read-only"));
    let taken_back =
        json!({ "id": "b", "sha256": cards[1]["sha256"], "verdict": null, "seen": cards[1]["review"]["at"] });
    assert_eq!(served.say(&taken_back).status, 403);
    assert_eq!((said_of(&desk, "a").0, said_of(&desk, "b").0), (Value::Null, json!("approved")));
    let page = served.get("/").text();
    assert!(
        page.contains("data-read-only") && !page.contains("class=\"approve\"") && !page.contains("id=\"reviewer\"")
    );
}

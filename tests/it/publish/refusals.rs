//! What is refused before the first write, all at once.

use super::{approved, content, names, publish, published};
use crate::commands::Desk;

/// What is said of a recipe that is refused; nothing was written.
fn refused(desk: &Desk, recipe: &str) -> String {
    desk.write("r.toml", recipe);
    let said = publish(desk, &["--recipe", "r.toml"]);
    assert_eq!((said.code, names(desk)), (2, Vec::new()), "{recipe}: {}{}", said.out, said.err);
    said.err
}

#[test]
fn a_column_that_is_missing_is_named_once_for_all_and_before_anything() {
    let desk = approved();
    let said = refused(&desk, "name = '{id}-{colour}'");
    assert!(
        said.contains("ana/coat, bo/coat, ana/hat and 1 more: name: its manifest has no column `colour`"),
        "{said}"
    );
    assert!(said.contains("there are `sku`, `title`\n") && said.contains("4 problems: nothing was written"), "{said}");
    let said = refused(&desk, "[csv]\nfile = 'x.csv'\ncolumns = [{ name = 'a', value = '{titel}' }]");
    assert!(said.contains("csv.columns: \"a\": its manifest has no column `titel`; did you mean `title`?"), "{said}");
    let said = refused(&desk, "nmae = '{id}'");
    assert!(said.contains("r.toml:1: nmae: unknown field"), "{said}");
}

#[test]
fn names_that_a_file_system_takes_for_one_are_refused() {
    let desk = approved();
    let said = refused(&desk, "name = '{sku:slug}'");
    assert!(said.contains("name: `c-1.png` is also the name of ana/coat") && said.contains("like {n}"), "{said}");
    let manifest = "id,human,cloth,sku\nana/coat,ana.png,coat.png,Caf\u{e9}\nbo/coat,bo.png,coat.png,CAFE\u{301}\n\
                    ana/hat,ana.png,hat.png,NUL\nbo/hat,bo.png,hat.png,a/b\n";
    desk.write("other.csv", manifest);
    let loaded = desk.run(&["load", "other.csv"]);
    assert_eq!(loaded.code, 0, "{}", loaded.err);
    let said = refused(&desk, "name = '{sku}'");
    for told in ["ana/hat: name: `NUL` has the part `NUL`", "bo/hat: name: `sku` is \"a/b\", whose slash would make"] {
        assert!(said.contains(told), "{told}: {said}");
    }
    desk.write("other.csv", &manifest.replace("NUL", "x").replace("a/b", "y"));
    desk.run(&["load", "other.csv"]);
    let said = refused(&desk, "name = '{sku}'");
    assert!(said.contains("is also the name of ana/coat"), "by case and composition: {said}");
    let said = refused(&desk, "name = '{sku:slug}-{n}'\n[csv]\nfile = 'x-1.PNG'\ncolumns = [{ name = 'a' }]");
    assert!(said.contains("is also the name of the table"), "{said}");
}

#[test]
fn a_file_of_somebody_elses_is_never_overwritten() {
    let desk = approved();
    std::fs::create_dir_all(desk.path("shop/bo")).expect("made");
    desk.write("shop/bo/hat.png", "mine");
    let said = publish(&desk, &[]);
    assert!(
        said.code == 2 && said.err.contains("bo/hat.png: is there, and was not published from this queue"),
        "{}",
        said.err
    );
    assert_eq!(names(&desk), ["bo/hat.png"], "nothing was written");
    assert_eq!(content(&desk.path("shop"))["bo/hat.png"], b"mine");
    std::fs::remove_file(desk.path("shop/bo/hat.png")).expect("removed");
    published(&desk, &[]);
    let retouched = "retouched";
    desk.write("shop/bo/hat.png", retouched);
    desk.write("r.toml", "[marks]\ndigital-source-type = 'compositeWithTrainedAlgorithmicMedia'\n");
    let said = publish(&desk, &["--recipe", "r.toml"]);
    assert!(said.code == 2 && said.err.contains("bo/hat.png: was changed by somebody since"), "{}", said.err);
    assert_eq!(content(&desk.path("shop"))["bo/hat.png"], retouched.as_bytes());
}

#[cfg(unix)]
#[test]
fn a_symlink_that_leads_out_of_the_target_is_not_followed() {
    let desk = approved();
    std::fs::create_dir_all(desk.path("outside")).expect("made");
    std::fs::create_dir_all(desk.path("shop")).expect("made");
    std::os::unix::fs::symlink(desk.path("outside"), desk.path("shop/bo")).expect("linked");
    let said = publish(&desk, &[]);
    assert!(said.code == 1 && said.out.contains("leads out of the output folder"), "{}{}", said.out, said.err);
    assert_eq!(std::fs::read_dir(desk.path("outside")).expect("a folder").count(), 0);
}

#[test]
fn a_place_belongs_to_one_queue_and_is_not_the_output_folder() {
    let desk = approved();
    published(&desk, &[]);
    let other = approved();
    let to = desk.path("shop").display().to_string();
    let said = other.run(&["publish", "--to", &to]);
    assert!(said.code == 2 && said.err.contains("was filled from another queue"), "{}", said.err);
    let said = desk.run(&["publish", "--to", "tryon-out"]);
    assert!(said.code == 2 && said.err.contains("--to is the output folder itself"), "{}", said.err);
    let said = desk.run(&["publish", "--to", "shop", "--queue", "none.db"]);
    assert_eq!(said.code, 2, "{}", said.err);
}

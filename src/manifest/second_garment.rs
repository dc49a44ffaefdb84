//! The second garment of a row: what must be true of it before both are put on one picture.

use crate::job::{Garment, ImageRef, Meant, ModelName, SecondGarment};

use super::PictureChecks;
use super::header::Column;
use super::row::{Cells, Problems, garment, picture};

/// The second garment, if the row has one. `model` is the one that the row would run with; `None` if that is not known.
pub(super) fn second_garment(
    cells: &Cells<'_>,
    model: Option<&ModelName>,
    problems: &mut Problems<'_>,
    pictures: &mut PictureChecks,
) -> Option<SecondGarment> {
    let (image, kind) = (cells.get(Column::Cloth2), cells.get(Column::ClothType2));
    if image == Some("") && kind == Some("") {
        return None;
    }
    require(cells, problems);
    check_combination(cells, problems);
    check_model(model, problems);
    let image = image.filter(|text| !text.is_empty()).and_then(|text| local_picture(text, problems, pictures));
    Some(SecondGarment { image: image?, garment: kind.and_then(Garment::from_word)? })
}

/// Both garments of a row are put on one picture here, so they have to be pictures that can be decoded.
pub(super) fn check_decodable(
    first: &ImageRef,
    second: &SecondGarment,
    problems: &mut Problems<'_>,
    pictures: &mut PictureChecks,
) {
    for (column, image) in [(Column::Cloth, first), (Column::Cloth2, &second.image)] {
        if let Err(reason) = pictures.check_decodable(&image.source) {
            problems.add(column, &reason);
        }
    }
}

/// A second garment needs its picture, and both garments their kinds.
fn require(cells: &Cells<'_>, problems: &mut Problems<'_>) {
    if cells.get(Column::Cloth2) == Some("") {
        problems.add(Column::Cloth2, "is empty, but cloth_type_2 is not; a second garment needs both");
    }
    if cells.get(Column::ClothType2) == Some("") {
        problems.add(Column::ClothType2, "is empty; a second garment needs its kind, upper or lower");
    }
    if cells.get(Column::ClothType) == Some("") {
        problems.add(Column::ClothType, "is empty; with a second garment the first needs its kind too, upper or lower");
    }
    let first_is_local =
        cells.get(Column::Cloth).is_none_or(|text| matches!(Meant::by(text), Meant::File | Meant::Object));
    if !first_is_local {
        problems.add(Column::Cloth, "must be a local file where there is a second garment");
    }
}

/// Only an upper with a lower can be worn at once.
fn check_combination(cells: &Cells<'_>, problems: &mut Problems<'_>) {
    let first = cells.get(Column::ClothType).and_then(Garment::from_word);
    let second = garment(cells, Column::ClothType2, problems);
    if let (Some(first), Some(second)) = (first, second)
        && !first.goes_with(second)
    {
        let reason = format!("{} does not go with {}; only upper and lower go together", second.word(), first.word());
        problems.add(Column::ClothType2, &reason);
    }
}

fn check_model(model: Option<&ModelName>, problems: &mut Problems<'_>) {
    if let Some(model) = model.filter(|model| model.takes_one_garment_only()) {
        let reason = format!("{model} takes one garment only; a second one needs kolors-virtual-try-on-v1-5");
        problems.add(Column::Model, &reason);
    }
}

/// Both garments are put on one picture here, so the second must be here.
fn local_picture(text: &str, problems: &mut Problems<'_>, pictures: &mut PictureChecks) -> Option<ImageRef> {
    if Meant::by(text) == Meant::WebAddress {
        problems.add(Column::Cloth2, "is a URL; a second garment must be a local file");
        return None;
    }
    picture(text, Column::Cloth2, problems, pictures)
}

//! The channel's table: a row for each image, or for each product with all its images.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use crate::report::defused;

use super::recipe::{Of, Table};

/// An image's cells, one for each of the table's columns, and which product it belongs to.
#[derive(Debug)]
pub(super) struct Cells<'a> {
    pub(super) product: &'a str,
    pub(super) values: &'a [String],
}

/// The table's content. Products are in the order of their first image.
pub(super) fn written(table: &Table, images: &[Cells<'_>]) -> io::Result<Vec<u8>> {
    let mut to = csv::Writer::from_writer(Vec::new());
    to.write_record(table.columns.iter().map(|column| column.name.as_str()))?;
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    if table.is_by_product {
        let mut products: Vec<Vec<&Cells<'_>>> = Vec::new();
        for image in images {
            let number = *numbers.entry(image.product).or_insert(products.len());
            if number == products.len() {
                products.push(Vec::new());
            }
            products[number].push(image);
        }
        for product in &products {
            write_row(table, &mut to, |position, of| of_product(product, position, of))?;
        }
    } else {
        for image in images {
            let number = numbers.entry(image.product).or_default();
            *number += 1;
            let is_first = *number == 1;
            let cell = |position: usize, of: &Of| match of {
                Of::FirstOnly if !is_first => "".into(),
                _ => image.values[position].as_str().into(),
            };
            write_row(table, &mut to, cell)?;
        }
    }
    to.into_inner().map_err(csv::IntoInnerError::into_error)
}

fn write_row<'t>(
    table: &'t Table,
    to: &mut csv::Writer<Vec<u8>>,
    cell: impl Fn(usize, &'t Of) -> Cow<'t, str>,
) -> io::Result<()> {
    for (position, column) in table.columns.iter().enumerate() {
        let text = cell(position, &column.of);
        let text: &str = if table.defuses { &defused(&text) } else { &text };
        to.write_field(text)?;
    }
    to.write_record(None::<&[u8]>)?;
    Ok(())
}

fn of_product<'t>(images: &[&Cells<'t>], position: usize, of: &Of) -> Cow<'t, str> {
    match of {
        Of::Row | Of::FirstOnly => images[0].values[position].as_str().into(),
        Of::Image(number) => images.get(number - 1).map_or("", |image| image.values[position].as_str()).into(),
        Of::All(between) => {
            let all: Vec<&str> = images.iter().map(|image| image.values[position].as_str()).collect();
            all.join(between).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::recipe::Recipe;

    fn content(recipe: &str, images: &[(&str, &[&str])]) -> String {
        let table = Recipe::parse(recipe, "r.toml").expect("valid").table.expect("a table");
        let owned: Vec<(&str, Vec<String>)> = images
            .iter()
            .map(|(product, values)| (*product, values.iter().map(|v| (*v).to_owned()).collect()))
            .collect();
        let cells: Vec<Cells<'_>> = owned.iter().map(|(product, values)| Cells { product, values }).collect();
        String::from_utf8(written(&table, &cells).expect("written")).expect("UTF-8")
    }

    const IMAGES: [(&str, &[&str]); 3] = [
        ("coat", &["coat", "Coat, red", "1.jpg"]),
        ("hat", &["hat", "=1+1", "2.jpg"]),
        ("coat", &["coat", "Coat", "3.jpg"]),
    ];

    #[test]
    fn a_row_for_each_image_has_the_products_own_values_in_its_first_row_alone() {
        let recipe = "[csv]\nfile = 'x.csv'\ncolumns = [{ name = 'Handle' }, { name = 'Title', only-first = true }, { name = 'Src' }]";
        let rows = "Handle,Title,Src\ncoat,\"Coat, red\",1.jpg\nhat,'=1+1,2.jpg\ncoat,,3.jpg\n";
        assert_eq!(content(recipe, &IMAGES), rows);
        let kept = recipe.replace("[csv]", "[csv]\nformulas = 'keep'");
        assert_eq!(content(&kept, &IMAGES), rows.replace("'=1+1", "=1+1"));
    }

    #[test]
    fn a_row_for_each_product_has_all_its_images_or_each_in_its_own_column() {
        let all = "[csv]\nfile = 'x.csv'\nrows = 'product'\ncolumns = [{ name = 'sku' }, { name = 'title' }, { name = 'all', join = ';' }]";
        assert_eq!(content(all, &IMAGES), "sku,title,all\ncoat,\"Coat, red\",1.jpg;3.jpg\nhat,'=1+1,2.jpg\n");
        let each = "[csv]\nfile = 'x.csv'\nrows = 'product'\ncolumns = [{ name = 'sku' }, { name = 'a', image = 2 }, { name = 'b', image = 1 }]";
        assert_eq!(content(each, &IMAGES), "sku,a,b\ncoat,Coat,1.jpg\nhat,,2.jpg\n");
    }
}

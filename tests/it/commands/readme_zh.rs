//! `README.zh-CN.md` has the commands, options, states, exit codes and code blocks of `README.md`.

use super::project;

const ENGLISH: &str = "README.md";
const CHINESE: &str = "README.zh-CN.md";

fn text(name: &str) -> String {
    std::fs::read_to_string(project().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The cells of a table's row; a bar inside of a cell is escaped.
fn cells(line: &str) -> Vec<String> {
    let line = line.replace("\\|", "¦");
    let inside = line.trim().trim_matches('|');
    inside.split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The rows of the table whose first row begins with `start`, without its heading.
fn rows(name: &str, start: &str) -> Vec<Vec<String>> {
    let text = text(name);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("|---") {
            continue;
        }
        let rows: Vec<_> = lines.by_ref().take_while(|line| line.starts_with('|')).map(cells).collect();
        if rows.first().is_some_and(|row| row[0].starts_with(start)) {
            return rows;
        }
    }
    panic!("{name} has no table whose first row begins with {start}");
}

fn first_cells(name: &str, start: &str) -> Vec<String> {
    rows(name, start).into_iter().map(|row| row[0].clone()).collect()
}

/// What is between backticks in a cell.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The code in the first `columns` cells of each row.
fn code_in_cells(name: &str, start: &str, columns: usize) -> Vec<Vec<Vec<String>>> {
    let in_row = |row: &Vec<String>| row.iter().take(columns).map(|cell| code(cell)).collect::<Vec<_>>();
    rows(name, start).iter().map(in_row).collect()
}

/// The fenced blocks, each with the line that opens it, and without remarks.
fn code_blocks(name: &str) -> Vec<Vec<String>> {
    let text = text(name);
    let mut lines = text.lines();
    let mut blocks: Vec<Vec<String>> = Vec::new();
    while let Some(opening) = lines.next() {
        if opening.starts_with("```") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            // In a tree of files, what follows a name is a remark.
            let is_tree = inside.first().is_some_and(|line| line.ends_with('/'));
            let code = inside.into_iter().filter_map(|line| without_remark(line, is_tree));
            blocks.push(std::iter::once(opening.to_owned()).chain(code).collect());
        }
    }
    blocks
}

/// None where the whole line is a remark.
fn without_remark(line: &str, is_tree: bool) -> Option<String> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let indent = line.len() - line.trim_start().len();
    let remark = if is_tree { "  " } else { "  #" };
    let end = line[indent..].find(remark).map_or(line.len(), |at| indent + at);
    Some(line[..end].trim_end().to_owned())
}

#[test]
fn the_chinese_readme_has_the_commands_of_the_english_one_in_their_order() {
    let english = first_cells(ENGLISH, "`tryon ");
    assert!(english.len() >= 11, "{english:#?}");
    assert_eq!(first_cells(CHINESE, "`tryon "), english);
}

#[test]
fn the_chinese_readme_has_the_options_of_the_english_one_and_their_defaults() {
    let english = code_in_cells(ENGLISH, "`--", 2);
    assert!(english.len() >= 5, "{english:#?}");
    assert_eq!(code_in_cells(CHINESE, "`--", 2), english);
}

#[test]
fn the_chinese_readme_has_the_manifests_columns_of_the_english_one() {
    let english = code_in_cells(ENGLISH, "`human_image`", 1);
    assert!(english.len() >= 7, "{english:#?}");
    assert_eq!(code_in_cells(CHINESE, "`human_image`", 1), english);
}

#[test]
fn the_chinese_readme_has_the_states_and_exit_codes_of_the_english_one() {
    for (start, least) in [("`pending`", 6), ("0", 7)] {
        let english = first_cells(ENGLISH, start);
        assert!(english.len() >= least, "{english:#?}");
        assert_eq!(first_cells(CHINESE, start), english);
    }
}

#[test]
fn the_chinese_readme_has_every_code_block_of_the_english_one_apart_from_remarks() {
    let english = code_blocks(ENGLISH);
    assert!(english.len() >= 8, "{english:#?}");
    assert_eq!(code_blocks(CHINESE), english);
}

#[test]
fn every_file_that_a_readme_links_to_is_there() {
    for name in [ENGLISH, CHINESE] {
        let text = text(name);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        let files = targets.filter(|target| !target.contains("://")).filter_map(|target| target.split('#').next());
        let files: Vec<&str> = files.collect();
        assert!(files.len() >= 10, "{name}: {files:?}");
        for file in files {
            assert!(project().join(file).exists(), "{name} links to {file}, which is not there");
        }
    }
}

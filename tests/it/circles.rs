//! Import circles: none between the rooms of `src`, none between the files of `src/queue`.
//!
//! A `mod.rs` that only declares and re-exports is looked through: what is imported by way of it is imported from the
//! file that defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::tidy::{module_of, modules_used, root, rust_files};

/// Which nodes each node imports from.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Nodes that can be reached from themselves; each with those that it imports from and that lead back to it.
fn circles(graph: &Graph) -> Vec<String> {
    let reaches = |from: &str, to: &str| {
        let mut seen = BTreeSet::new();
        let mut left = vec![from];
        while let Some(node) = left.pop() {
            if node == to {
                return true;
            }
            if seen.insert(node) {
                left.extend(graph.get(node).into_iter().flatten().map(String::as_str));
            }
        }
        false
    };
    let edges = graph.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
    edges.filter(|(from, to)| reaches(to, from)).map(|(from, to)| format!("{from} → {to}")).collect()
}

/// The code of a file: no comments, and nothing from its test module on.
fn code_of(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a text");
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Every path that begins at `crate`, `super` or `self`, with the name under which a `use` makes it known.
fn paths_of(code: &str) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
                unfold(&code[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    // A `mod.rs` names its children without any of these.
    for line in code.split(';') {
        let words = line.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        if let Some(tree) = words.strip_prefix("use ") {
            unfold(tree, &mut vec!["self".to_owned()], &mut found);
        }
    }
    found
}

/// Unfolds `a::{b, c::d as e}` into its paths; returns what follows.
fn unfold<'a>(text: &'a str, base: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) -> &'a str {
    let depth = base.len();
    let mut rest = text.trim_start();
    loop {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end > 0 {
            base.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        let Some(after) = rest.strip_prefix("::") else { break };
        rest = after;
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside.trim_start();
            while !rest.starts_with('}') {
                rest = unfold(rest, base, found).trim_start().trim_start_matches(',').trim_start();
            }
            base.truncate(depth);
            return &rest[1..];
        }
    }
    let mut name = base.last().cloned().unwrap_or_default();
    if let Some(alias) = rest.strip_prefix(" as ") {
        let end = alias.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(alias.len());
        name = alias[..end].to_owned();
        rest = &alias[end..];
    }
    found.push((base.clone(), name));
    base.truncate(depth);
    rest
}

/// The files of a room by the path of their module, as `queue::sqlite::claim`.
struct Room(BTreeMap<Vec<String>, PathBuf>);

impl Room {
    fn of(name: &str) -> Self {
        let src = root().join("src");
        let module = |path: &PathBuf| {
            let inside = path.strip_prefix(&src).expect("inside").with_extension("");
            let mut parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            parts.retain(|part| part != "mod");
            parts
        };
        Self(rust_files(&src.join(name)).into_iter().map(|path| (module(&path), path)).collect())
    }

    fn is_only_declarations(&self, module: &[String]) -> bool {
        let is_index = self.0[module].ends_with("mod.rs");
        let code = code_of(&self.0[module]);
        is_index && !["fn ", "struct ", "enum ", "impl ", "type ", "trait "].iter().any(|word| code.contains(word))
    }

    /// The module that defines what `path`, written in `from`, leads to; `None` outside of this room.
    fn definer(&self, from: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut module = from.to_vec();
        let mut steps = path.iter();
        for step in steps.by_ref() {
            match step.as_str() {
                "crate" => module.clear(),
                "super" => drop(module.pop()),
                "self" => {}
                name => module.push(name.to_owned()),
            }
            let is_on_the_way = self.0.keys().any(|known| known.starts_with(&module));
            if is_on_the_way || module.is_empty() {
                continue;
            }
            // An item: its module either defines it or has it from elsewhere.
            let name = module.pop()?;
            self.0.get(&module)?;
            let imported = paths_of(&code_of(&self.0[&module]))
                .into_iter()
                .find(|(path, known)| *known == name && path.len() > 1 && !(path.len() == 2 && path[0] == "self"));
            return match imported {
                Some((path, _)) if self.is_only_declarations(&module) => self.definer(&module, &path).or(Some(module)),
                _ => Some(module),
            };
        }
        self.0.contains_key(&module).then_some(module)
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (module, path) in &self.0 {
            if self.is_only_declarations(module) || module.last().is_some_and(|name| name.ends_with("tests")) {
                continue;
            }
            let used = paths_of(&code_of(path)).into_iter().filter_map(|(path, _)| self.definer(module, &path));
            let others = used.filter(|used| used != module && !self.is_only_declarations(used));
            graph.insert(module.join("::"), others.map(|used| used.join("::")).collect());
        }
        graph
    }
}

#[test]
fn no_file_of_the_queue_imports_from_one_that_imports_from_it() {
    let graph = Room::of("queue").graph();
    let claim = &graph["queue::sqlite::claim"];
    for used in ["queue::record", "queue::error", "queue::sqlite::transition", "queue::sqlite::rows"] {
        assert!(claim.contains(used), "the test has lost its sight: `claim` uses {claim:?}");
    }
    let circles = circles(&graph);
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn no_room_imports_from_one_that_imports_from_it() {
    let mut graph = Graph::new();
    for path in rust_files(&root().join("src")) {
        let room = module_of(&path);
        let used = modules_used(&std::fs::read_to_string(&path).expect("a text"));
        graph.entry(room.clone()).or_default().extend(used.into_iter().filter(|used| *used != room));
    }
    assert!(graph["cli"].contains("queue"), "the test has lost its sight");
    let circles = circles(&graph);
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

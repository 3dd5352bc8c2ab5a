//! What is serialised is a promise to files and programs that we do not hold. It lives in a few
//! known places, and each form has a page in `docs/formats/` with a version and a golden test.

use super::{Complaint, tree::Tree};

const PAGES: &str = "docs/formats/";

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let pages: Vec<Page> = tree
        .files
        .iter()
        .filter(|file| file.path.starts_with(PAGES) && file.path.ends_with(".md"))
        .filter(|file| !file.path.ends_with("/README.md"))
        .map(|file| Page::read(&file.path, file.text()))
        .collect();
    let mut complaints: Vec<Complaint> = pages.iter().flat_map(|page| page.check(tree)).collect();
    for (file, rust) in tree.product_files() {
        let derives = rust.product_lines().find(|(_, line)| {
            line.contains("derive(")
                && line.split(['(', ',', ' ', ')']).any(|word| word == "Serialize")
        });
        let place = Place::of(&file.path);
        if let (Some((line, _)), Place::Elsewhere) = (derives, place) {
            let what = "derive Serialize in model, in a format file, or in a view of the server or of `-o json`: \
                        what others read must not change with an inner type";
            complaints.push(Complaint::new(&file.path, line, what));
        }
        let promises = match place {
            Place::Model => derives.is_some(),
            Place::Format => true,
            Place::View | Place::Elsewhere => false,
        };
        if promises && !pages.iter().any(|page| page.code.contains(&file.path)) {
            let what = "is a serialised form: describe it in docs/formats/ (see the README there)";
            complaints.push(Complaint::new(&file.path, 0, what));
        }
    }
    complaints
}

/// What stands in a file, by its path.
#[derive(Clone, Copy)]
enum Place {
    Model,
    /// Codecs of what is on disk.
    Format,
    /// Answers of the service, whose page is the OpenAPI document, and of the command line.
    View,
    Elsewhere,
}

impl Place {
    fn of(path: &str) -> Place {
        let parts = || path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
        let program = path.starts_with("crates/databuild/");
        if path.starts_with("crates/databuild-model/") {
            Place::Model
        } else if parts().any(|part| part == "format") {
            Place::Format
        } else if program
            && parts().any(|part| matches!(part, "server" | "wire" | "json" | "view" | "views"))
        {
            Place::View
        } else {
            Place::Elsewhere
        }
    }
}

/// What a page of `docs/formats/` says about itself in its `- Key: value` lines.
struct Page {
    path: String,
    version: Option<u32>,
    code: Vec<String>,
    golden: Vec<String>,
}

impl Page {
    fn read(path: &str, text: &str) -> Page {
        let value =
            |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        let quoted = |key: &str| -> Vec<String> {
            value(key).split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        Page {
            path: path.to_owned(),
            version: value("- Version:").trim().parse().ok(),
            code: quoted("- Code:"),
            golden: quoted("- Golden:"),
        }
    }

    fn check(&self, tree: &Tree) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let mut complain = |what: String| complaints.push(Complaint::new(&self.path, 0, what));
        if self.version.is_none() {
            complain("say `- Version: 1` (a number)".to_owned());
        }
        if self.code.is_empty() {
            complain("say which files write and read it: - Code: `crates/…`".to_owned());
        }
        if self.golden.is_empty() {
            complain("name the golden test: - Golden: `crates/…/tests.rs`".to_owned());
        }
        for path in self.code.iter().chain(&self.golden) {
            if tree.get(path).is_none() {
                complain(format!("names {path}, which is not there"));
            }
        }
        for path in &self.golden {
            if tree.get(path).is_some_and(|file| !file.text().contains(&self.path)) {
                complain(format!("{path} is its golden test and has to name {}", self.path));
            }
        }
        complaints
    }
}

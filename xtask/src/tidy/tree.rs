//! The files that tidy looks at: paths and contents, from git or, in tests, from a few lines of text.

use super::rust::RustText;
use crate::process::command;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// One file of the tree.
pub(crate) struct SourceFile {
    /// From the root, with `/`.
    pub(crate) path: String,
    /// Size in bytes.
    pub(crate) bytes: usize,
    /// The contents; `None` when they are not UTF-8 or hold NUL.
    pub(crate) text: Option<String>,
    /// The contents taken apart, of a `.rs` file.
    pub(crate) rust: Option<RustText>,
}

impl SourceFile {
    fn new(path: String, contents: Vec<u8>) -> SourceFile {
        let bytes = contents.len();
        let text = String::from_utf8(contents).ok().filter(|text| !text.contains('\0'));
        let rust = match &text {
            Some(text) if path.ends_with(".rs") => Some(RustText::read(text)),
            Some(_) | None => None,
        };
        SourceFile { path, bytes, text, rust }
    }

    /// The contents, empty when they are not text.
    pub(crate) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// Whether the whole file is test code, an example, or this tool.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

/// The files, in order of their paths.
pub(crate) struct Tree {
    pub(crate) files: Vec<SourceFile>,
}

impl Tree {
    /// Everything below `root` that git tracks or would offer to track.
    ///
    /// # Errors
    /// `root` is not a git checkout, or a file cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Tree> {
        let listed = command("git", root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
            .output()
            .context("cannot start git, which tells tidy what belongs to the tree")?;
        ensure!(listed.status.success(), "{} is not a git checkout", root.display());
        let mut files = Vec::new();
        for path in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            let place = root.join(path);
            // A file deleted but not yet staged is still listed.
            if !place.is_file() {
                continue;
            }
            let contents = fs::read(&place).with_context(|| format!("cannot read {path}"))?;
            files.push(SourceFile::new(path.to_owned(), contents));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree { files })
    }

    /// A tree made of `(path, contents)`.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        let files = files
            .iter()
            .map(|(path, text)| SourceFile::new((*path).to_owned(), text.as_bytes().to_vec()))
            .collect();
        Tree { files }
    }

    /// The file at `path`.
    pub(crate) fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = (&SourceFile, &RustText)> {
        self.files.iter().filter_map(|file| file.rust.as_ref().map(|rust| (file, rust)))
    }

    /// The Rust files of the product: below `crates/` or `libs/`, neither tests nor examples.
    pub(crate) fn product_files(&self) -> impl Iterator<Item = (&SourceFile, &RustText)> {
        self.rust_files().filter(|(file, _)| {
            (file.path.starts_with("crates/") || file.path.starts_with("libs/"))
                && !file.is_test()
                && !file.path.contains("/examples/")
        })
    }

    /// The manifests of the crates, parsed, each with its path; those that are not TOML are left to
    /// cargo, which says so better.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = (&SourceFile, toml::Table)> {
        self.files
            .iter()
            .filter(|file| file.path.ends_with("/Cargo.toml"))
            .filter_map(|file| file.text().parse().ok().map(|table| (file, table)))
    }

    /// The workspace's manifest, parsed; empty when there is none.
    pub(crate) fn workspace(&self) -> toml::Table {
        self.get("Cargo.toml").and_then(|file| file.text().parse().ok()).unwrap_or_default()
    }
}

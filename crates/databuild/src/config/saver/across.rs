//! What can be wrong between pipelines: files that more than one would write.

use crate::config::problem::{Code, Problem};
use databuild_policy::roll::plan::ArchiveNaming;
use databuild_policy::route::meet::PathShape;
use databuild_saver::settings::FilesSettings;
use std::ops::Range;

/// The files of one pipeline, and where its path stands.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) name: &'a str,
    pub(super) files: &'a FilesSettings,
    pub(super) span: Range<usize>,
}

struct Shapes<'p> {
    placed: &'p Placed<'p>,
    active: PathShape,
    archives: Vec<PathShape>,
}

pub(super) fn check(all: &[Placed<'_>], problems: &mut Vec<Problem>) {
    let shapes: Vec<_> = all.iter().map(shapes).collect();
    for (n, late) in shapes.iter().enumerate() {
        for early in shapes.iter().take(n) {
            pair(early, late, problems);
        }
    }
}

fn shapes<'p>(placed: &'p Placed<'p>) -> Shapes<'p> {
    let active = PathShape::of_active(&placed.files.own);
    let archives = match &placed.files.archive {
        None => Vec::new(),
        Some(ArchiveNaming::Dated(name) | ArchiveNaming::Window { name, .. }) => {
            PathShape::of_archives(&placed.files.own, name)
        }
    };
    Shapes { placed, active, archives }
}

fn pair(early: &Shapes<'_>, late: &Shapes<'_>, problems: &mut Vec<Problem>) {
    let meets = |archives: &[PathShape], shape: &PathShape| {
        archives.iter().any(|archive| archive.may_meet(shape))
    };
    let (one, other) = (early.placed.name, late.placed.name);
    let (code, message, help) = if early.active.may_meet(&late.active) {
        let message = format!("`{one}` can write the same file as `{other}`");
        let help = "give them folders or endings of their own: two writers of one file overwrite each other";
        (Code::SameFile, message, help)
    } else if meets(&early.archives, &late.active) || meets(&late.archives, &early.active) {
        let (rolls, writes) =
            if meets(&early.archives, &late.active) { (one, other) } else { (other, one) };
        let message =
            format!("a rolled file of `{rolls}` can have the name that `{writes}` writes");
        (Code::SameFile, message, "name rolled files otherwise, or let them stand in other folders")
    } else if late.archives.iter().any(|archive| meets(&early.archives, archive)) {
        let message = format!("rolled files of `{one}` and `{other}` can have the same names");
        (
            Code::SameFile,
            message,
            "begin `rotate.name` with {name}, which is the name of the file itself",
        )
    } else {
        return;
    };
    problems.push(Problem::error(code, Some(late.placed.span.clone()), message, help));
}

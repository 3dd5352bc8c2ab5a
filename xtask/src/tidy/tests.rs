//! Each rule of tidy, broken on purpose in a tree of a few lines; and the tree itself, which keeps
//! them all.

use super::{CHECKS, NAUGHTY, Tree, complaints};
use crate::process::command;
use expect_test::{Expect, expect};
use std::fs;

/// Runs one check over `files` and compares all that it says.
fn check(name: &str, files: &[(&str, &str)], expect: Expect) {
    let (_, check) = CHECKS.iter().find(|(known, _)| *known == name).unwrap();
    let said: String = check(&Tree::of(files)).iter().map(|c| format!("{c}\n")).collect();
    expect.assert_eq(&said);
}

#[test]
fn the_tree_is_tidy() {
    let tree = Tree::read(crate::root()).unwrap();
    let said: String =
        complaints(&tree, NAUGHTY).iter().map(|(check, c)| format!("{c} [{check}]\n")).collect();
    assert_eq!(said, "", "`cargo xtask tidy` lists the same");
}

#[test]
fn the_naughty_list_only_shrinks() {
    let tree = Tree::of(&[("crates/a/src/lib.rs", "fn main() {}\n")]);
    let said = |naughty: &[(&str, &str)]| -> String {
        complaints(&tree, naughty).iter().map(|(check, c)| format!("{c} [{check}]\n")).collect()
    };
    expect![[r#"
        crates/a/src/lib.rs:1: begin with `//!`: what lives here, and what must not? [header]
    "#]]
    .assert_eq(&said(&[]));
    expect![""].assert_eq(&said(&[("header", "crates/a/src/lib.rs")]));
    expect![[r#"
        crates/a/src/lib.rs: keeps rule `length` by now: take it off the naughty list [naughty]
    "#]]
    .assert_eq(&said(&[("header", "crates/a/src/lib.rs"), ("length", "crates/a/src/lib.rs")]));
}

#[test]
fn silenced_lints_give_a_reason_and_tests_run() {
    check(
        "attributes",
        &[(
            "crates/a/src/lib.rs",
            "#![allow(dead_code)]\n\
             #[expect(clippy::panic, reason = \"x\")]\n\
             #[expect(\n    clippy::panic,\n    reason = \"x\"\n)]\n\
             #[expect(clippy::panic)]\n\
             #[ignore]\n\
             #[should_panic(expected = \"x\")]\n\
             // #[ignore]\n",
        )],
        expect![[r#"
            crates/a/src/lib.rs:1: use #[expect(lint, reason = "…")]: it says when it is no longer needed
            crates/a/src/lib.rs:7: add reason = "…": why is the rule wrong here?
            crates/a/src/lib.rs:8: a test that is not run proves nothing: make it run everywhere, or delete it
            crates/a/src/lib.rs:9: return the error as a value and compare it: any panic would satisfy this
        "#]],
    );
}

#[test]
fn tracked_files_are_small_text() {
    let large = "x\n".repeat(200_000);
    check(
        "blobs",
        &[("data.csv", &large), ("a.bin", "\0"), ("b.txt", "b\n")],
        expect![[r#"
        data.csv: 400000 bytes is too much for git: generate it, or cut it
        a.bin: not text: generate it, or write it as text
    "#]],
    );
}

#[test]
fn a_crates_clippy_file_repeats_the_workspaces() {
    let workspace = "max-fn-params-bools = 1\n\
                     disallowed-methods = [\n  { path = \"a\", reason = \"r\" },\n  { path = \"b\", reason = \"s\" },\n]\n";
    let more = format!("{workspace}disallowed-types = [{{ path = \"c\", reason = \"r\" }}]\n");
    let less = "disallowed-methods = [{ path = \"b\", reason = \"s\" }]\n";
    check(
        "clippy",
        &[
            ("clippy.toml", workspace),
            ("crates/a/clippy.toml", &more),
            ("crates/b/clippy.toml", less),
        ],
        expect![[r#"
            crates/b/clippy.toml: disallowed-methods has to repeat the workspace's "a"
            crates/b/clippy.toml: repeat the workspace's `max-fn-params-bools = 1`
        "#]],
    );
}

#[test]
fn contract_traits_have_no_default_methods() {
    check(
        "contracts",
        &[(
            "crates/a/src/lib.rs",
            "pub trait Fs: Send {\n    fn read(&self);\n    fn write(&self) {\n        if true {}\n    }\n    fn sync(&self) {}\n}\n\
             pub trait FsLike {\n    fn read(&self) {}\n}\n\
             impl Fs for Real {\n    fn read(&self) {}\n}\n",
        )],
        expect![[r#"
            crates/a/src/lib.rs:3: `Fs` may have no default methods: every implementation says what it does
            crates/a/src/lib.rs:6: `Fs` may have no default methods: every implementation says what it does
        "#]],
    );
}

#[test]
fn crates_keep_to_the_allowed_edges() {
    check(
        "edges",
        &[
            (
                "crates/databuild-policy/Cargo.toml",
                "[package]\nname = \"databuild-policy\"\n[dependencies]\ndatabuild-model.workspace = true\ndatabuild-logs.workspace = true\n",
            ),
            (
                "crates/databuild-graph/Cargo.toml",
                "[package]\nname = \"databuild-graph\"\n[target.'cfg(unix)'.dependencies]\ntokio.workspace = true\n[dev-dependencies]\ndatabuild-job.workspace = true\n",
            ),
            ("crates/new/Cargo.toml", "[package]\nname = \"databuild-new\"\n"),
        ],
        expect![[r#"
            crates/databuild-policy/Cargo.toml: databuild-policy must not know databuild-logs: move the shared part below both, or pass a value from above
            crates/databuild-graph/Cargo.toml: databuild-graph must not know databuild-job: move the shared part below both, or pass a value from above
            crates/databuild-graph/Cargo.toml: databuild-graph must not use tokio: the libraries use threads; only the service is async
            crates/new/Cargo.toml: the folder of a crate is called like the crate: databuild-new
            crates/new/Cargo.toml: databuild-new is a new crate: give it a row in xtask/src/tidy/edges.rs and its reason in ARCHITECTURE.md
        "#]],
    );
}

#[test]
fn environment_variables_are_in_the_reference() {
    check(
        "environment",
        &[
            ("docs/reference/environment.md", "| `DATABUILD_KNOWN` | … |\n"),
            (
                "crates/a/src/lib.rs",
                "const A: &str = \"DATABUILD_KNOWN\";\nconst B: &str = \"DATABUILD_NEW\";\nconst C: &str = \"DATABUILD_NEW is bad\";\n",
            ),
        ],
        expect![[r#"
            crates/a/src/lib.rs:2: DATABUILD_NEW is not in docs/reference/environment.md: who sets it, who reads it, what does it do?
        "#]],
    );
}

#[test]
fn errors_are_fragments_that_leave_their_source_to_the_chain() {
    check(
        "errors",
        &[(
            "crates/a/src/lib.rs",
            "enum E {\n\
                 #[error(\"cannot read {path}: {source}\")]\n    Read { path: String, source: io::Error },\n\
                 #[error(\"cannot write: {0}\")]\n    Write(#[from] io::Error),\n\
                 #[error(\"Broken record.\")]\n    Broken,\n\
                 #[error(\"bad level {0}\")]\n    Level(String),\n\
                 #[error(\"cannot open {path}\")]\n    Open { path: String, #[source] source: io::Error },\n\
             }\n",
        )],
        expect![[r#"
            crates/a/src/lib.rs:2: do not print the source: the reporter prints the whole chain
            crates/a/src/lib.rs:4: do not print the source: the reporter prints the whole chain
            crates/a/src/lib.rs:6: no full stop: the text is a fragment of a chain
            crates/a/src/lib.rs:6: begin in lower case: the text is a fragment of a chain
        "#]],
    );
}

#[test]
fn features_are_the_agreed_ones() {
    check(
        "features",
        &[("crates/a/Cargo.toml", "[features]\ndefault = [\"kafka\"]\nkafka = []\nfast = []\n")],
        expect![[r#"
            crates/a/Cargo.toml: feature `fast`: the project's features are hdfs, kafka, object-store, wasm; make it always on, or a setting
        "#]],
    );
}

#[test]
fn serialised_forms_have_a_page_a_version_and_a_golden() {
    check(
        "formats",
        &[
            (
                "crates/databuild-graph/src/plan.rs",
                "//! x\n#[derive(Debug, Serialize)]\nstruct Task;\n",
            ),
            ("crates/databuild-logs/src/format/index.rs", "//! x\n"),
            ("crates/databuild-logs/src/format/seal.rs", "//! x\n"),
            ("crates/databuild-logs/src/format/tests.rs", "// docs/formats/other.md\n"),
            ("crates/databuild-model/src/bel.rs", "#[derive(Serialize)]\nenum Event {}\n"),
            ("crates/databuild/src/server/jobs.rs", "#[derive(Serialize)]\nstruct View;\n"),
            ("docs/formats/README.md", "# What to write\n"),
            (
                "docs/formats/index.md",
                "# Index\n\n- Version: 1\n- Code: `crates/databuild-logs/src/format/index.rs`\n- Golden: `crates/databuild-logs/src/format/tests.rs`\n",
            ),
            ("docs/formats/gone.md", "# Gone\n\n- Version: one\n- Code: `crates/gone.rs`\n"),
        ],
        expect![[r#"
            docs/formats/index.md: crates/databuild-logs/src/format/tests.rs is its golden test and has to name docs/formats/index.md
            docs/formats/gone.md: say `- Version: 1` (a number)
            docs/formats/gone.md: name the golden test: - Golden: `crates/…/tests.rs`
            docs/formats/gone.md: names crates/gone.rs, which is not there
            crates/databuild-graph/src/plan.rs:2: derive Serialize in model, in a format file, or in a view of the server or of `-o json`: what others read must not change with an inner type
            crates/databuild-logs/src/format/seal.rs: is a serialised form: describe it in docs/formats/ (see the README there)
            crates/databuild-model/src/bel.rs: is a serialised form: describe it in docs/formats/ (see the README there)
        "#]],
    );
}

#[test]
fn files_begin_with_a_header() {
    check(
        "header",
        &[
            ("crates/a/src/lib.rs", "use std::fs;\n"),
            ("crates/a/src/b.rs", "//!\n//! Late.\n"),
            ("crates/a/src/c.rs", "//! What lives here.\n"),
        ],
        expect![[r#"
            crates/a/src/lib.rs:1: begin with `//!`: what lives here, and what must not?
            crates/a/src/b.rs:1: begin with `//!`: what lives here, and what must not?
        "#]],
    );
}

#[test]
fn files_are_short_without_their_tests() {
    let code = "fn f() {}\n".repeat(501);
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{code}}}\n", "fn f() {}\n".repeat(500));
    check(
        "length",
        &[
            ("crates/a/src/long.rs", &code),
            ("crates/a/src/long/tests.rs", &code),
            ("crates/a/src/tested.rs", &tested),
        ],
        expect![[r#"
            crates/a/src/long.rs: 501 lines without tests, 500 allowed: move one subject into a file of its own
        "#]],
    );
}

#[test]
fn links_lead_somewhere() {
    check(
        "links",
        &[
            (
                "docs/README.md",
                "[a](how-to/a.md#b) [b](../README.md) [c](c.md) [d](https://d/e.md) [e](how-to/)\n```\n[f](f.md)\n```\n",
            ),
            ("docs/how-to/a.md", "# A\n"),
            ("README.md", "[docs](docs/README.md)\n"),
        ],
        expect![[r#"
            docs/README.md:1: leads to docs/c.md, which is not there
        "#]],
    );
}

#[test]
fn every_crate_is_under_the_workspaces_lints() {
    check(
        "lints",
        &[
            (
                "Cargo.toml",
                "[workspace.lints.rust]\nunsafe_code = \"forbid\"\nmissing_docs = \"warn\"\n[workspace.lints.clippy]\npanic = \"warn\"\n",
            ),
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[lints]\nworkspace = true\n"),
            ("crates/b/Cargo.toml", "[package]\nname = \"b\"\n"),
            (
                "crates/c/Cargo.toml",
                "[package]\nname = \"c\"\n[lints.rust]\nunsafe_code = \"deny\"\nmissing_docs = \"allow\"\n",
            ),
        ],
        expect![[r#"
            crates/b/Cargo.toml: add `[lints]` with `workspace = true`
            crates/c/Cargo.toml: its own [lints.clippy] has to repeat `panic = "warn"`
            crates/c/Cargo.toml: its own [lints.rust] has to repeat `missing_docs = "warn"`
        "#]],
    );
}

#[test]
fn metric_names_are_spelt_in_the_catalogue() {
    check(
        "metric_names",
        &[
            (
                "crates/databuild-metrics/src/catalogue.rs",
                "const A: &str = \"databuild_runs_total\";\n",
            ),
            (
                "crates/databuild/src/a.rs",
                "const A: &str = \"databuild_runs_total\";\nconst B: &str = \"databuild_logs=debug\";\n\
                 const C: &str = \"DATABUILD_LOGS_DIR\"; // databuild_in_comment\nconst D: &str = \"# HELP databuild_job_runtime_seconds x\";\n",
            ),
            ("crates/databuild/tests/it/a.rs", "const A: &str = \"databuild_runs_total\";\n"),
        ],
        expect![[r##"
            crates/databuild/src/a.rs:1: "databuild_runs_total": use the constant of databuild-metrics' catalogue
            crates/databuild/src/a.rs:4: "# HELP databuild_job_runtime_seconds x": use the constant of databuild-metrics' catalogue
        "##]],
    );
}

#[test]
fn nothing_is_called_util() {
    check(
        "names",
        &[
            ("crates/a/src/util.rs", "//! x\n"),
            ("crates/a/src/helpers/b.rs", "//! x\n"),
            ("crates/a/src/b/mod.rs", "//! x\nmod common {\n}\nfn common() {}\n"),
            ("crates/a/src/utility.rs", "//! x\n"),
        ],
        expect![[r#"
            crates/a/src/util.rs: `util` says nothing: name it by what it does, or move each part to its user
            crates/a/src/helpers/b.rs: `helpers` says nothing: name it by what it does, or move each part to its user
            crates/a/src/b/mod.rs: write foo.rs beside foo/: ten tabs called mod.rs cannot be told apart
            crates/a/src/b/mod.rs:2: name the module by what it does
        "#]],
    );
}

#[test]
fn generated_types_stay_behind_their_door() {
    check(
        "proto_door",
        &[
            ("crates/databuild-model/src/proto.rs", "use prost::Message;\n"),
            (
                "crates/databuild/src/wire.rs",
                "use databuild_model::proto::generated::JobLogEntry;\n",
            ),
            (
                "crates/databuild/src/other.rs",
                "// not prost::Message\nuse databuild_model::proto;\n",
            ),
        ],
        expect![[r#"
            crates/databuild/src/wire.rs:1: generated types stay behind model::proto: add a function there that speaks our types
        "#]],
    );
}

#[test]
fn checking_a_configuration_has_no_effects() {
    check(
        "pure_check",
        &[
            ("crates/databuild/src/config/check.rs", "use std::fs;\nasync fn f() {}\n"),
            ("crates/databuild-graph/src/spec/check/cycles.rs", "fn f() { std::fs::read(a) }\n"),
            ("crates/databuild/src/config/file.rs", "use std::fs;\n"),
        ],
        expect![[r#"
            crates/databuild/src/config/check.rs:1: `std::fs` in a check: take what it finds out as an argument, so that checking stays pure
            crates/databuild/src/config/check.rs:2: `async` in a check: take what it finds out as an argument, so that checking stays pure
            crates/databuild-graph/src/spec/check/cycles.rs:1: `std::fs` in a check: take what it finds out as an argument, so that checking stays pure
        "#]],
    );
}

#[test]
fn text_is_clean_and_finished() {
    check(
        "text",
        &[
            ("a.md", "one \ntwo\t\nthree"),
            (
                "b.rs",
                "//! x\n// FIXME later\nfn f() { dbg!(1); }\nconst A: &str = \"FIXME\";\nlet a = 1; // FIXME\nconst B: &str = \"data: \n\";\n",
            ),
            ("c.txt", "<<<<<<< ours\n"),
        ],
        expect![[r#"
            a.md:1: trailing space: take it off
            a.md:2: trailing space: take it off
            a.md:3: end the last line with a newline
            b.rs:2: FIXME: do it before it reaches main
            b.rs:3: dbg!(: take it out
            b.rs:5: FIXME: do it before it reaches main
            c.txt:1: an unsolved merge conflict
        "#]],
    );
}

#[test]
fn versions_stand_in_the_workspaces_manifest() {
    check(
        "versions",
        &[
            (
                "crates/a/Cargo.toml",
                "[dependencies]\nserde = \"1\"\ntoml.workspace = true\n[build-dependencies]\nb = { path = \"../b\" }\n",
            ),
            ("Cargo.lock", "source = \"registry+https://elsewhere/index\"\n"),
        ],
        expect![[r#"
            crates/a/Cargo.toml: dependencies.serde: write `serde.workspace = true`, and its version into the root Cargo.toml
            crates/a/Cargo.toml: build-dependencies.b: write `b.workspace = true`, and its version into the root Cargo.toml
            Cargo.lock:1: a source that not everybody can reach: use the public registry
        "#]],
    );
}

#[test]
fn the_tree_speaks_of_itself_alone() {
    let workplace = format!("See {0}here for more.\nIn [dir]{0}a.\n", ["/wor", "k/"].concat());
    let issue = format!("// As {} {} demands.\n// A tissue 4 mm thick.\n", "issue", "#12");
    check(
        "words",
        &[("a.md", &workplace), ("b.rs", &issue)],
        expect![[r#"
        a.md:1: a path of one workplace: name the place relative to the tree
        b.rs:1: the reader has only the tree: give the reason itself, not a number
    "#]],
    );
}

/// Lints a one-file crate under the `clippy.toml` of `folder`.
fn lint(folder: &str, code: &str, expect: Expect) {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("lib.rs");
    fs::write(
        &source,
        format!("#![deny(clippy::disallowed_methods, clippy::disallowed_types)]\n{code}\n"),
    )
    .unwrap();
    let output = command("clippy-driver", place.path())
        .env("CLIPPY_CONF_DIR", crate::root().join(folder))
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "lib.rs"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let verdicts: String = said
        .lines()
        .filter(|line| {
            line.starts_with("error: use of") || line.trim_start().starts_with("= note: ")
        })
        .filter(|line| !line.contains("`#["))
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    expect.assert_eq(&verdicts);
}

#[test]
fn pure_crates_cannot_read_the_clock_or_touch_files() {
    let code = "pub fn now() -> std::time::SystemTime { std::time::SystemTime::now() }\n\
                pub fn open() -> std::io::Result<std::fs::File> { std::fs::File::open(\"a\") }\n\
                pub fn lock(m: std::sync::Mutex<u8>) { drop(m) }";
    lint(
        "crates/databuild-model",
        code,
        expect![[r#"
            error: use of a disallowed type `std::time::SystemTime`
            = note: now is an argument
            error: use of a disallowed method `std::time::SystemTime::now`
            = note: time comes from a Clock (model::clock)
            error: use of a disallowed type `std::time::SystemTime`
            = note: now is an argument
            error: use of a disallowed type `std::fs::File`
            = note: this crate does no I/O
            error: use of a disallowed type `std::fs::File`
            = note: this crate does no I/O
            error: use of a disallowed type `std::sync::Mutex`
            = note: this crate holds no lock
        "#]],
    );
    lint(
        "crates/databuild-policy",
        code,
        expect![[r#"
            error: use of a disallowed type `std::time::SystemTime`
            = note: now is an argument
            error: use of a disallowed method `std::time::SystemTime::now`
            = note: time comes from a Clock (model::clock)
            error: use of a disallowed type `std::time::SystemTime`
            = note: now is an argument
            error: use of a disallowed type `std::fs::File`
            = note: this crate does no I/O
            error: use of a disallowed type `std::fs::File`
            = note: this crate does no I/O
            error: use of a disallowed type `std::sync::Mutex`
            = note: this crate holds no lock
        "#]],
    );
}

#[test]
fn libraries_cannot_read_the_environment_start_programs_or_sleep() {
    let code = "pub fn f() {\n    let _ = std::env::var(\"A\");\n    let _ = std::process::Command::new(\"a\");\n    \
                std::thread::sleep(std::time::Duration::ZERO);\n    let _ = std::thread::spawn(|| ());\n    \
                let _ = std::sync::mpsc::channel::<u8>();\n    let _ = std::fs::rename(\"a\", \"b\");\n}";
    lint(
        ".",
        code,
        expect![[r#"
        error: use of a disallowed method `std::env::var`
        = note: only the program reads the environment (crates/databuild/src/config/env.rs)
        error: use of a disallowed method `std::process::Command::new`
        = note: children are started by the wrapper and the executor alone
        error: use of a disallowed method `std::thread::sleep`
        = note: wait on an event with a deadline; tests move the clock
        error: use of a disallowed method `std::thread::spawn`
        = note: who spawns, joins: use thread::scope, or keep the JoinHandle in an owner
        error: use of a disallowed method `std::sync::mpsc::channel`
        = note: every queue has a cap from limits.rs: use sync_channel
        error: use of a disallowed method `std::fs::rename`
        = note: renames go through the store's Fs, which syncs the folder
    "#]],
    );
}

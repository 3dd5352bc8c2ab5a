//! Stored lines in, files out.

use super::*;
use crate::settings::{ErrorBudget, OnError, ProcessorSettings};
use databuild_io::bus::model::ModelFeed;
use databuild_policy::layout::{Layout, LayoutOptions};
use databuild_policy::roll::RotationPolicy;
use databuild_policy::roll::name::ArchiveName;
use databuild_policy::roll::period::Zone;
use databuild_policy::roll::plan::ArchiveNaming;
use databuild_policy::route::path::PathTemplate;
use databuild_policy::route::select::Selector;
use expect_test::{Expect, expect};

/// Two runs say numbers in turn, stored one run after the other.
fn feed() -> ModelFeed {
    let feed = ModelFeed::new();
    feed.set_clock(Timestamp::parse("2025-01-27T11:01:00Z").unwrap());
    for (run, first) in [("r1", 0), ("r2", 1)] {
        let lines: String = (first..8)
            .step_by(2)
            .map(|n| {
                format!(
                    "{{\"timestamp\":\"2025-01-27T11:00:0{n}Z\",\"job_id\":\"{run}\",\"outputs\":[],\"sequence_number\":{},\"content\":{{\"log\":{{\"level\":\"INFO\",\"message\":\"{n}\"}}}}}}\n",
                    n / 2 + 1
                )
            })
            .collect();
        feed.store_in("s", run, lines.as_bytes(), false);
    }
    feed
}

fn check(options: PreviewOptions, size: Option<u64>, expected: Expect) {
    let path = PathTemplate::parse("logs/app.log").unwrap();
    let archive = ArchiveName::parse("{name}.%i{ext}.gz", &Zone::UTC).unwrap();
    let files = FilesSettings {
        own: path.clone(),
        path,
        layout: Layout::parse("%msg%n", &LayoutOptions::default()).unwrap(),
        rotation: RotationPolicy { bytes_max: size, ..RotationPolicy::default() },
        archive: Some(ArchiveNaming::Dated(archive)),
        roll_on_start: true,
        keep: KeepPolicy { files: Some(1), ..KeepPolicy::default() },
        open_files_max: 4,
        close_idle: Duration::from_secs(60),
        file_mode: 0o640,
        folder_mode: 0o750,
    };
    let settings = PipelineSettings {
        name: "a".to_owned(),
        selector: Selector::default(),
        start: Start::End,
        order_window: Duration::from_secs(2),
        window_bytes_max: 1 << 20,
        flush_interval: Duration::from_secs(1),
        on_error: OnError::Block,
        errors: ErrorBudget { stop_after: 10, within: Duration::from_secs(60) },
        processor: ProcessorSettings::Files(Box::new(files.clone())),
    };
    let preview = preview(&settings, &files, Box::new(feed().reader()), &options).unwrap();
    let text = |text: &[u8]| String::from_utf8_lossy(text).replace('\n', " ");
    let files: String =
        preview.files.iter().map(|(path, it)| format!("{path}: {}\n", text(it))).collect();
    let shown = format!("{files}{} events, more: {}", preview.events, preview.more);
    expected.assert_eq(&shown);
}

fn options() -> PreviewOptions {
    PreviewOptions {
        project: "p".into(),
        start: Start::Beginning,
        runs: None,
        events_max: 100,
        now: Timestamp::parse("2025-01-27T12:00:00Z").unwrap(),
    }
}

#[test]
fn runs_are_in_order_and_files_are_rolled_as_they_would_be() {
    check(
        options(),
        Some(6),
        expect![[r#"
            logs/app.0.log.gz: 0 1 2 
            logs/app.1.log.gz: 3 4 5 
            logs/app.log: 6 7 
            8 events, more: false"#]],
    );
}

#[test]
fn as_many_as_were_asked_for() {
    let some = PreviewOptions { events_max: 3, ..options() };
    check(
        some,
        None,
        expect![[r#"
            logs/app.log: 0 1 2 
            3 events, more: true"#]],
    );
    let all = PreviewOptions { events_max: 8, ..options() };
    check(
        all,
        None,
        expect![[r#"
            logs/app.log: 0 1 2 3 4 5 6 7 
            8 events, more: false"#]],
    );
}

#[test]
fn one_run_alone() {
    let one = PreviewOptions { runs: Some(HashSet::from(["r2".to_owned()])), ..options() };
    check(
        one,
        None,
        expect![[r#"
            logs/app.log: 1 3 5 7 
            4 events, more: false"#]],
    );
}

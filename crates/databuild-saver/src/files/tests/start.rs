//! What a start finds of earlier ones.

use super::*;

#[test]
fn what_an_earlier_process_left_is_rolled_at_the_first_open_after_a_start() {
    let settings = FilesSettings {
        roll_on_start: true,
        archive: dated("{name}.%i{ext}"),
        open_files_max: 1,
        ..settings("logs/{app}.log")
    };
    check(
        &settings,
        "a:1 a:2 b:3 restart a:4 restart restart b:5 a:6 b:7 retry a:8 restart",
        expect![[r#"
            a.0.log: 1 2 
            a.1.log: 4 
            a.log: 6 8 
            b.0.log: 3 
            b.log: 5 7 
        "#]],
    );
}

#[test]
fn what_is_not_kept_goes_at_a_start_also_of_files_to_which_nothing_comes() {
    let rotation = RotationPolicy { bytes_max: Some(1), ..RotationPolicy::default() };
    let keep = KeepPolicy { age: Some(Duration::from_secs(86_400)), ..KeepPolicy::default() };
    for archive in ["{name}.%i{ext}", "old/{name}.%d{yyyy-MM-dd}.%i{ext}", "{name}/%i"] {
        let archive = dated(archive);
        let settings = FilesSettings {
            rotation: rotation.clone(),
            keep,
            archive,
            ..settings("logs/{app}/x-{app}.log")
        };
        let sink = ModelSink::new();
        let mut desk = TestDesk::new(&sink);
        let mut processor = open(&settings, &sink, &mut desk);
        let events: Vec<_> =
            ["1", "2", "3"].iter().zip(1..).map(|(text, n)| event(n, 0, "a", text)).collect();
        sink.set_clock(at(0));
        processor.process(&events, at(0), &mut desk).unwrap();
        // Something of somebody else, that no event of ours could have written.
        sink.append_from("a/notes.0.txt", 0).unwrap().close().unwrap();
        processor.destroy(at(0), Duration::ZERO, &mut desk).unwrap();
        assert_eq!(sink.files().len(), 5, "{}", shown(&sink));
        let mut processor = open(&settings, &sink, &mut desk);
        processor.process(&[event(1, 200_000, "b", "4")], at(200_000), &mut desk).unwrap();
        let left = shown(&sink);
        assert!(!left.contains(": 1 ") && left.contains(": 2 "), "the last one stays: {left}");
        assert!(left.contains("a/x-a.log: 3 ") && left.contains("notes"), "{left}");
    }
}

#[test]
fn what_an_earlier_process_did_not_compress_is_compressed_at_a_start() {
    let rotation = RotationPolicy { bytes_max: Some(1), ..RotationPolicy::default() };
    let plain =
        FilesSettings { rotation, archive: dated("{name}.%i{ext}"), ..settings("logs/{app}.log") };
    let sink = ModelSink::new();
    let mut desk = TestDesk::new(&sink);
    let mut processor = open(&plain, &sink, &mut desk);
    let events = [event(1, 0, "a", "1"), event(2, 0, "a", "2")];
    processor.process(&events, at(0), &mut desk).unwrap();
    processor.destroy(at(0), Duration::ZERO, &mut desk).unwrap();
    let compressed = FilesSettings { archive: dated("{name}.%i{ext}.gz"), ..plain };
    let mut processor = open(&compressed, &sink, &mut desk);
    processor.flush(at(1), &mut desk).unwrap();
    while sink.files().contains_key("a.0.log") {
        std::thread::yield_now();
    }
    processor.destroy(at(1), Duration::ZERO, &mut desk).unwrap();
    let files: Vec<String> =
        sink.files().into_keys().filter(|it| !it.starts_with("home/")).collect();
    assert_eq!(files, ["a.0.log.gz", "a.log"]);
}

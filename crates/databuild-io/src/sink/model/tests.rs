//! The model keeps the contract, and forgets what it may forget.

use super::*;

#[test]
fn it_keeps_the_contract() {
    crate::sink::contract::check(|| Box::new(ModelSink::new())).unwrap();
}

fn write(sink: &ModelSink, path: &str, bytes: &[u8], synced: bool) {
    let mut file = sink.append_from(path, 0).unwrap();
    file.append(bytes).unwrap();
    if synced {
        file.sync().unwrap();
    }
}

#[test]
fn a_power_cut_takes_what_was_not_synced() {
    let sink = ModelSink::new();
    write(&sink, "a/named", b"data", true);
    sink.sync_names("a/named").unwrap();
    write(&sink, "a/named", b"", false);
    write(&sink, "a/nameless", b"data", true);
    write(&sink, "loose", b"data", false);
    sink.cut_power(&mut |bound| bound - 1);
    assert_eq!(sink.files(), [("a/named".to_owned(), b"".to_vec())].into());
    let sink = ModelSink::new();
    write(&sink, "loose", b"data", false);
    sink.cut_power(&mut |_| 0);
    assert_eq!(sink.files(), [("loose".to_owned(), b"".to_vec())].into());
}

#[test]
fn the_dead_do_nothing_until_they_are_revived() {
    let sink = ModelSink::new();
    let mut file = sink.append_from("f", 0).unwrap();
    file.append(b"whole").unwrap();
    sink.fault_at(sink.steps(), Fault::Kill);
    assert!(file.append(b"1234").is_err());
    assert!(sink.stat("f").is_err());
    sink.revive();
    assert!(file.append(b"late").is_err(), "of an earlier life");
    assert_eq!(sink.files(), [("f".to_owned(), b"whole12".to_vec())].into());
}

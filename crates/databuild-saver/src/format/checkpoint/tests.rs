//! The golden of `docs/formats/saver-checkpoint.md`, and cuts at every byte.

use super::*;
use expect_test::expect;

fn progress(low: u64, above: &[(u64, u64)]) -> Progress {
    Progress { low, above: above.to_vec() }
}

fn first() -> State {
    State {
        epoch: 3,
        cursor: Cursor([("2025-01-27-0".to_owned(), 1200)].into()),
        newest: Some(Timestamp::from_nanos(1_737_973_846_000_000_000)),
        sources: [("r1".to_owned(), progress(7, &[])), ("r2".to_owned(), progress(4, &[(6, 8)]))]
            .into(),
        outputs: Outputs {
            place: "device 8:1".to_owned(),
            files: [("shop/error.log".to_owned(), 512)].into(),
            intents: Vec::new(),
        },
        dead_letters: 0,
    }
}

fn second() -> State {
    let intent = RollIntent {
        from: "shop/error.log".to_owned(),
        to: "shop/error.0.log".to_owned(),
        bytes: 900,
    };
    State {
        cursor: Cursor([("2025-01-27-0".to_owned(), 1500)].into()),
        sources: [("r2".to_owned(), progress(9, &[])), ("r3".to_owned(), progress(1, &[]))].into(),
        outputs: Outputs { files: BTreeMap::new(), intents: vec![intent], ..first().outputs },
        dead_letters: 1,
        ..first()
    }
}

fn bytes() -> Vec<u8> {
    let mut out = Vec::new();
    write_full(&first(), &mut out);
    let change = Change { state: second(), forgotten: ["r1".to_owned()].into() };
    write_change(&change, &mut out);
    out
}

#[test]
fn records_are_lines_that_people_can_read() {
    expect![[r#"
        6659bca7 {"v":1,"full":true,"epoch":3,"cursor":{"2025-01-27-0":1200},"newest":1737973846000000000,"runs":{"r1":7,"r2":[4,[[6,8]]]},"place":"device 8:1","files":{"shop/error.log":512}}
        5d07f63f {"v":1,"full":false,"epoch":3,"cursor":{"2025-01-27-0":1500},"newest":1737973846000000000,"runs":{"r2":9,"r3":1},"forgotten":["r1"],"place":"device 8:1","intents":[["shop/error.log","shop/error.0.log",900]],"dead_letters":1}
    "#]]
    .assert_eq(std::str::from_utf8(&bytes()).unwrap());
}

#[test]
fn the_last_whole_record_counts_wherever_the_file_ends() {
    let bytes = bytes();
    let first_line = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in 0..=bytes.len() {
        let expected = match cut {
            cut if cut < first_line => (None, 0),
            cut if cut < bytes.len() => (Some(first()), first_line),
            _ => (Some(second()), bytes.len()),
        };
        assert_eq!(read(&bytes[..cut]).unwrap(), expected, "cut at {cut}");
    }
    let mut zeros = bytes.clone();
    zeros[first_line + 20..].fill(0);
    assert_eq!(read(&zeros).unwrap(), (Some(first()), first_line));
}

#[test]
fn a_later_version_is_left_alone() {
    let json = r#"{"v":2,"epoch":9,"cursor":{}}"#;
    let line = format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
    assert_eq!(read(line.as_bytes()), Err(FormatError::Newer { version: 2 }));
}

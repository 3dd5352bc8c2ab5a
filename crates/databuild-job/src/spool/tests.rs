//! Bytes that go in come out, whatever the file system says.

use super::{Fifo, Got, Moved, Opened, Segments, Spool};
use databuild_model::entry::Stream;
use databuild_model::job_config::JobConfig;
use rustix::fs::OFlags;

fn opened(folder: &std::path::Path) -> Opened {
    let config = JobConfig {
        spool_dir: Some(folder.to_str().unwrap().to_owned()),
        spool_bytes_max: Some(1),
        ..JobConfig::default()
    };
    Spool::open(&config).unwrap().unwrap().stream(Stream::Stdout, 0).unwrap()
}

fn move_all(fifo: &mut Fifo, segments: &mut Segments) {
    loop {
        match fifo.move_into(segments, u64::MAX) {
            Moved::Bytes(_) => {}
            Moved::Nothing | Moved::End => return,
            Moved::Refused(error) => panic!("{error}"),
        }
    }
}

fn read_all(segments: &mut Segments) -> Vec<u8> {
    let (mut all, mut space) = (Vec::new(), [0; 1000]);
    loop {
        match segments.read(&mut space) {
            Got::Bytes(count) => all.extend_from_slice(&space[..count]),
            Got::Nothing => return all,
            Got::Missing(to) => panic!("missing up to {to}"),
        }
    }
}

#[test]
fn a_file_that_refuses_splice_is_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { mut segments, fifo, writer } = opened(dir.path());
    let mut fifo = fifo.unwrap();
    let text: Vec<u8> = (0..60_000_u32).map(|it| b'a' + u8::try_from(it % 26).unwrap()).collect();
    for (n, part) in text.chunks(1000).enumerate() {
        rustix::io::write(&writer, part).unwrap();
        if n == 30 {
            // The kernel does not splice into a file that is open for appending.
            let flags = OFlags::RDWR | OFlags::APPEND;
            rustix::fs::fcntl_setfl(segments.writer().unwrap().0, flags).unwrap();
        }
        move_all(&mut fifo, &mut segments);
        assert_eq!(fifo.copies(), 30 <= n);
    }
    assert_eq!(read_all(&mut segments), text);
    drop(writer);
    assert_eq!(fifo.move_into(&mut segments, 1), Moved::End);
}

#[test]
fn after_a_fault_bytes_go_into_another_file() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { mut segments, fifo, writer } = opened(dir.path());
    let mut fifo = fifo.unwrap();
    for part in ["one ", "two ", "three"] {
        rustix::io::write(&writer, part.as_bytes()).unwrap();
        move_all(&mut fifo, &mut segments);
        segments.give_up_writer();
    }
    assert_eq!(read_all(&mut segments), b"one two three");
    let (mut again, _) = {
        let config = JobConfig {
            spool_dir: Some(dir.path().to_str().unwrap().to_owned()),
            ..JobConfig::default()
        };
        Spool::open(&config).unwrap().unwrap().rest_of(Stream::Stdout, 4).unwrap()
    };
    assert_eq!(read_all(&mut again), b"two three");
    // What is stored goes, but for the file that may still grow.
    again.rewind(8, 7);
    again.stored(6);
    assert_eq!(again.held(), 13);
    again.stored(7);
    assert_eq!(again.held(), 5);
}

#[test]
fn a_file_that_is_gone_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { mut segments, fifo, writer } = opened(dir.path());
    let mut fifo = fifo.unwrap();
    for part in ["one ", "two ", "three"] {
        rustix::io::write(&writer, part.as_bytes()).unwrap();
        move_all(&mut fifo, &mut segments);
        segments.give_up_writer();
    }
    std::fs::remove_file(dir.path().join("stdout.00000000000000000004")).unwrap();
    let mut space = [0; 100];
    assert_eq!(segments.read(&mut space), Got::Bytes(4));
    assert_eq!(segments.read(&mut space), Got::Missing(8));
    assert_eq!(segments.read(&mut space), Got::Bytes(5));
    assert_eq!(segments.read(&mut space), Got::Nothing);
}

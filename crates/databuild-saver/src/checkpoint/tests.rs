//! One holder, and always the last record that was synced.

use super::*;
use databuild_io::bus::Cursor;
use databuild_io::sink::SinkErrorKind;
use databuild_io::sink::model::{Fault, ModelSink};
use databuild_policy::acknowledge::Progress;

fn state(low: u64) -> State {
    State {
        cursor: Cursor([("s".to_owned(), low)].into()),
        sources: [("r".to_owned(), Progress { low, above: Vec::new() })].into(),
        ..State::default()
    }
}

fn open(sink: &ModelSink) -> Result<(CheckpointLog, Option<State>), CheckpointError> {
    let sink: Arc<dyn Sink> = Arc::new(sink.clone());
    CheckpointLog::open(&sink, "p")
}

fn low(state: Option<&State>) -> Option<u64> {
    state.and_then(|state| state.sources.get("r")).map(|progress| progress.low)
}

#[test]
fn each_start_goes_on_from_the_last_record_in_a_new_epoch() {
    let sink = ModelSink::new();
    let (mut log, found) = open(&sink).unwrap();
    assert!(found.is_none());
    log.write(state(3)).unwrap();
    log.write(state(5)).unwrap();
    assert!(matches!(open(&sink).unwrap_err(), CheckpointError::Held));
    drop(log);
    let (log, found) = open(&sink).unwrap();
    assert_eq!((low(found.as_ref()), log.last().epoch), (Some(5), 2));
}

#[test]
fn a_long_file_is_begun_anew() {
    let sink = ModelSink::new();
    let (mut log, _) = open(&sink).unwrap();
    let wide = |n: u64| {
        let sources =
            (0..2_000).map(|run| (format!("run-{run}-{n}"), Progress { low: n, above: vec![] }));
        State { sources: sources.collect(), ..state(n) }
    };
    for n in 0..40 {
        log.write(wide(n)).unwrap();
    }
    let files: Vec<String> =
        sink.files().into_keys().filter(|it| it.contains("checkpoint")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    drop(log);
    let (_, found) = open(&sink).unwrap();
    assert_eq!(found.unwrap().sources, wide(39).sources);
}

#[test]
fn a_file_that_was_taken_away_is_not_written_to() {
    let sink = ModelSink::new();
    let (mut log, _) = open(&sink).unwrap();
    sink.meddle(std::collections::BTreeMap::clear);
    assert!(matches!(log.write(state(3)).unwrap_err(), CheckpointError::Taken { .. }));
}

#[test]
fn killed_or_cut_anywhere_the_last_promise_holds() {
    let mut seed = 1_u64;
    let mut choose = move |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % bound
    };
    for step in 0..60 {
        for cut in [false, true] {
            let sink = ModelSink::new();
            sink.fault_at(step, Fault::Kill);
            let mut promised = None;
            let mut asked = None;
            for _ in 0..3 {
                let Ok((mut log, found)) = open(&sink) else { break };
                assert!(promised <= low(found.as_ref()) && low(found.as_ref()) <= asked);
                for _ in 0..3 {
                    asked = asked.max(Some(asked.unwrap_or(0) + 1));
                    if log.write(state(asked.unwrap())).is_err() {
                        break;
                    }
                    promised = asked;
                }
            }
            if cut {
                sink.cut_power(&mut choose);
            } else {
                sink.revive();
            }
            let (_, found) = open(&sink).unwrap();
            let found = low(found.as_ref());
            assert!(promised <= found && found <= asked, "step {step}: {promised:?} {found:?}");
        }
    }
}

#[test]
fn an_error_says_what_to_do() {
    let sink = ModelSink::new();
    sink.fault_at(0, Fault::Error(SinkErrorKind::Full));
    let error = open(&sink).unwrap_err();
    assert!(error.remedy().contains("space"));
}

/// A file whose writer sleeps before each append, while another saver takes over.
#[derive(Debug)]
struct Sleeps {
    file: Box<dyn SinkFile>,
    sink: ModelSink,
    path: String,
}

impl SinkFile for Sleeps {
    fn append(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.sink.remove(&self.path)?;
        self.file.append(bytes)
    }

    fn sync(&mut self) -> Result<u64, SinkError> {
        self.file.sync()
    }

    fn place(&self) -> Result<FilePlace, SinkError> {
        self.file.place()
    }

    fn close(self: Box<Self>) -> Result<(), SinkError> {
        self.file.close()
    }
}

#[test]
fn one_that_sleeps_while_it_writes_a_record_does_not_go_on() {
    let model = ModelSink::new();
    let sink: Arc<dyn Sink> = Arc::new(model.clone());
    let (mut log, _) = CheckpointLog::open(&sink, "a").unwrap();
    let path = path("a", log.number);
    let file = sink.append_from(&path, log.length).unwrap();
    log.file = Box::new(Sleeps { file, sink: model, path });
    let taken = log.write(State { dead_letters: 1, ..State::default() }).unwrap_err();
    assert!(matches!(taken, CheckpointError::Taken { .. }), "{taken}");
}

//! How a processor ends while an archive is being compressed.

use super::*;
use databuild_io::sink::{Listed, SinkFile, SinkLock, Stat};
use databuild_plugin::testing::Gate;

/// A disk on which reading waits at a gate, and on which the archive never comes to an end if that is wanted.
#[derive(Debug, Clone)]
struct Slow {
    disk: ModelSink,
    gate: Gate,
    endless: bool,
}

impl Sink for Slow {
    fn identity(&self) -> Result<String, SinkError> {
        self.disk.identity()
    }

    fn stat(&self, path: &str) -> Result<Option<Stat>, SinkError> {
        self.disk.stat(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, SinkError> {
        self.disk.list(folder)
    }

    fn folders(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        self.disk.folders(folder)
    }

    fn append_from(&self, path: &str, at: u64) -> Result<Box<dyn SinkFile>, SinkError> {
        self.disk.append_from(path, at)
    }

    fn read(&self, path: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, SinkError> {
        self.gate.pass();
        if self.endless { Ok(vec![0; 1_024]) } else { self.disk.read(path, offset, bytes_max) }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), SinkError> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<(), SinkError> {
        self.disk.remove(path)
    }

    fn sync_names(&self, path: &str) -> Result<(), SinkError> {
        self.disk.sync_names(path)
    }

    fn lock(&self, path: &str) -> Result<Option<Box<dyn SinkLock>>, SinkError> {
        self.disk.lock(path)
    }
}

/// Ends a processor that is compressing, which goes on when that has begun; the files at the end.
fn ended(endless: bool, deadline: Duration) -> Vec<String> {
    let settings = FilesSettings {
        rotation: RotationPolicy { bytes_max: Some(1), ..RotationPolicy::default() },
        archive: dated("{name}.%i{ext}.gz"),
        ..settings("logs/app.log")
    };
    let disk = ModelSink::new();
    let slow = Slow { disk: disk.clone(), gate: Gate::default(), endless };
    let mut desk = TestDesk::new(&disk);
    let mut processor = FileProcessor::new(settings, Arc::new(slow.clone()));
    processor.initialize(&Properties::default(), &Outputs::default(), &mut desk).unwrap();
    let events = [event(1, 0, "a", "1"), event(2, 0, "a", "2"), event(3, 0, "a", "3")];
    processor.process(&events, at(0), &mut desk).unwrap();
    slow.gate.wait_for_somebody();
    std::thread::scope(|scope| {
        scope.spawn(|| slow.gate.open());
        processor.destroy(at(0), deadline, &mut desk).unwrap();
    });
    disk.files().into_keys().filter(|it| !it.starts_with("home/")).collect()
}

#[test]
fn what_is_being_compressed_may_be_finished_until_the_deadline() {
    let files = ended(false, Duration::from_secs(3_600));
    assert!(files.contains(&"app.0.log.gz".to_owned()), "{files:?}");
    assert!(!files.iter().any(|it| it.ends_with(".tmp") || it == "app.0.log"), "{files:?}");
    // The second one may have been begun or not.
    assert!(files.iter().any(|it| it.starts_with("app.1.log")), "{files:?}");
}

#[test]
fn what_does_not_end_in_time_is_given_up_and_stays_whole() {
    for deadline in [Duration::ZERO, Duration::from_millis(20)] {
        assert_eq!(ended(true, deadline), ["app.0.log", "app.1.log", "app.log"]);
    }
}

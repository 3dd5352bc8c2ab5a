//! Killed at every operation, and the power cut there: each event is in the files once, in order, and no
//! archive is lost or overwritten. Every seed is one story; a finding names it.

use super::*;
use databuild_io::sink::SinkErrorKind;
use databuild_io::sink::model::Fault;
use std::collections::BTreeMap;
use std::io::Read;

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

const EVENTS: u64 = 60;
const APPS: [&str; 3] = ["a", "b", "c"];

/// The settings of a story: size, time or window, compressed or not.
fn story(seed: u64) -> FilesSettings {
    let ending = ["", ".gz", ".zst"][usize::try_from(seed % 3).unwrap()];
    let base = settings("logs/{app}/app.log");
    let (rotation, archive) = match seed % 4 {
        0 => {
            let name =
                ArchiveName::parse(&format!("{{name}}.%i{{ext}}{ending}"), &Zone::UTC).unwrap();
            let window = ArchiveNaming::Window { name, min: 1, max: 40 };
            (RotationPolicy { bytes_max: Some(12), ..RotationPolicy::default() }, Some(window))
        }
        1 => (
            RotationPolicy {
                every: Some((Period::Minute, Zone::UTC)),
                ..RotationPolicy::default()
            },
            dated(&format!("{{name}}.%d{{yyyyMMdd-HHmm}}{{ext}}{ending}")),
        ),
        _ => (
            RotationPolicy {
                bytes_max: Some(15),
                every: Some((Period::Hour, Zone::UTC)),
                ..RotationPolicy::default()
            },
            dated(&format!("old/{{name}}.%d{{yyyyMMdd-HH}}.%i{{ext}}{ending}")),
        ),
    };
    FilesSettings { rotation, archive, roll_on_start: seed % 5 < 2, open_files_max: 2, ..base }
}

/// Events from `from` on, until something fails or all are done.
fn work(
    settings: &FilesSettings,
    sink: &ModelSink,
    dice: &mut Dice,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut desk = TestDesk::open(sink)?;
    let mut processor = FileProcessor::new(settings.clone(), Arc::new(sink.clone()));
    let outputs = desk.outputs();
    processor.initialize(&Properties::default(), &outputs, &mut desk)?;
    let mut next = desk.done + 1;
    while next <= EVENTS {
        let count = (1 + dice.below(9) as u64).min(EVENTS + 1 - next);
        let texts: Vec<String> = (next..next + count).map(|n| n.to_string()).collect();
        let events: Vec<LogEvent<'_>> = (next..next + count)
            .zip(&texts)
            .map(|(n, text)| {
                let app = APPS[usize::try_from(n * 7 % 3).unwrap()];
                event(n, i64::try_from(n * 11).unwrap(), app, text)
            })
            .collect();
        let now = at(1_000);
        sink.set_clock(now);
        processor.process(&events, now, &mut desk)?;
        next += count;
        if dice.below(3) == 0 {
            processor.flush(now, &mut desk)?;
        }
    }
    processor.destroy(at(1_000), Duration::ZERO, &mut desk)?;
    Ok(())
}

fn run(seed: u64) -> Result<(), String> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let settings = story(seed);
    let sink = ModelSink::new();
    for _ in 0..dice.below(8) {
        let fault = match dice.below(4) {
            0 => Fault::Error(SinkErrorKind::Full),
            1 => Fault::Short,
            _ => Fault::Kill,
        };
        sink.fault_at(sink.steps() + dice.below(260) as u64, fault);
        if work(&settings, &sink, &mut dice).is_ok() {
            break;
        }
        if dice.below(2) == 0 {
            sink.cut_power(&mut |bound| dice.below(bound));
        } else {
            sink.revive();
        }
    }
    sink.revive();
    work(&settings, &sink, &mut dice).map_err(|error| format!("seed {seed}: {error}"))?;
    // What a crash left to be compressed is found at the next start.
    work(&settings, &sink, &mut dice).map_err(|error| format!("seed {seed}: {error}"))?;
    judge(&sink).map_err(|what| format!("seed {seed}: {what}\n{}", shown(&sink)))
}

fn judge(sink: &ModelSink) -> Result<(), String> {
    let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let files = sink.files();
    for (path, bytes) in &files {
        // Until the archive's file is written again both of its forms may be there.
        let both =
            [".gz", ".zst"].iter().any(|ending| files.contains_key(&format!("{path}{ending}")));
        if path.starts_with("home/") || path.ends_with(".tmp") || both {
            continue;
        }
        let app = path.split('/').next().unwrap().to_owned();
        let text = plain(path, bytes)?;
        let numbers: Vec<u64> = text
            .lines()
            .map(|line| line.parse().map_err(|_| format!("{path} has the line {line:?}")))
            .collect::<Result<_, String>>()?;
        if !numbers.is_sorted() {
            return Err(format!("{path} is not in order"));
        }
        seen.entry(app).or_default().extend(numbers);
    }
    for (app, first) in APPS.iter().zip([3, 1, 2]) {
        let mut seen = seen.remove(*app).unwrap_or_default();
        seen.sort_unstable();
        let expected: Vec<u64> = (first..=EVENTS).step_by(3).collect();
        if seen != expected {
            return Err(format!("{app} has {seen:?}"));
        }
    }
    Ok(())
}

fn plain(path: &str, bytes: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    if path.ends_with(".gz") {
        let read = flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut text);
        read.map_err(|error| format!("{path}: {error}"))?;
    } else if path.ends_with(".zst") {
        let plain = zstd::decode_all(bytes).map_err(|error| format!("{path}: {error}"))?;
        text = String::from_utf8(plain).unwrap();
    } else {
        text = std::str::from_utf8(bytes).map_err(|_| format!("{path} is not text"))?.to_owned();
    }
    Ok(text)
}

#[test]
fn each_event_is_in_the_files_once_whatever_crashes() {
    for seed in 0..150 {
        run(seed).unwrap();
    }
}

/// One start that writes `count` events more, one batch each.
fn start(settings: &FilesSettings, sink: &ModelSink, count: u64) -> Result<(), ProcessorError> {
    let mut desk = TestDesk::open(sink).map_err(|error| ProcessorError {
        kind: ProcessorErrorKind::Transient,
        what: error.to_string(),
        remedy: String::new(),
        position: None,
        source: None,
    })?;
    let mut processor = FileProcessor::new(settings.clone(), Arc::new(sink.clone()));
    let outputs = desk.outputs();
    processor.initialize(&Properties::default(), &outputs, &mut desk)?;
    for position in desk.done + 1..=count {
        let text = position.to_string();
        processor.process(&[event(position, 0, "a", &text)], at(0), &mut desk)?;
        processor.flush(at(0), &mut desk)?;
    }
    processor.destroy(at(0), Duration::ZERO, &mut desk)
}

/// Killed, or without power, at each operation of a start that rolls what was left: the roll is done once,
/// and whole.
#[test]
fn a_start_that_is_killed_rolls_what_was_left_once() {
    let naming = [
        dated("{name}.%i{ext}"),
        Some(ArchiveNaming::Window {
            name: ArchiveName::parse("{name}.%i{ext}", &Zone::UTC).unwrap(),
            min: 1,
            max: 5,
        }),
    ];
    for (archive, cut) in naming.iter().flat_map(|it| [(it, false), (it, true)]) {
        let settings = FilesSettings {
            roll_on_start: true,
            archive: archive.clone(),
            ..settings("logs/app.log")
        };
        for step in 0.. {
            let sink = ModelSink::new();
            start(&settings, &sink, 2).unwrap();
            sink.fault_at(sink.steps() + step, Fault::Kill);
            let ended = start(&settings, &sink, 4);
            let mut dice = Dice(step);
            if cut {
                sink.cut_power(&mut |bound| dice.below(bound));
            } else {
                sink.revive();
            }
            start(&settings, &sink, 5).unwrap();
            let shown = shown(&sink);
            let mut texts: Vec<&str> =
                shown.lines().map(|line| line.split_once(": ").unwrap().1.trim()).collect();
            texts.sort_unstable();
            // What the start in the middle has recorded is what the last one finds.
            let stories: [&[&str]; 3] =
                [&["1 2", "3 4 5"], &["1 2", "3", "4 5"], &["1 2", "3 4", "5"]];
            assert!(stories.contains(&texts.as_slice()), "killed at {step}:\n{shown}");
            if ended.is_ok() {
                break;
            }
        }
    }
}

/// The names of a window move up, each to one that has just become free. Whichever of these renames a power cut
/// keeps, and of the removals of what was compressed, no archive is lost or there twice.
#[test]
fn no_cut_mixes_up_the_archives_of_a_window() {
    for (seed, ending) in (0..300).zip(["", ".gz", ".zst"].into_iter().cycle()) {
        let pattern = format!("{{name}}.%i{{ext}}{ending}");
        let name = ArchiveName::parse(&pattern, &Zone::UTC).unwrap();
        let settings = FilesSettings {
            rotation: RotationPolicy { bytes_max: Some(1), ..RotationPolicy::default() },
            archive: Some(ArchiveNaming::Window { name, min: 1, max: 20 }),
            ..settings("logs/app.log")
        };
        let mut dice = Dice(seed);
        let sink = ModelSink::new();
        start(&settings, &sink, 5).unwrap();
        // A start that writes two more needs about a hundred operations; and so does a start to go on.
        for _ in 0..2 {
            sink.fault_at(sink.steps() + dice.below(120) as u64, Fault::Kill);
            drop(start(&settings, &sink, 7));
            if dice.below(3) == 0 {
                sink.revive();
            } else {
                sink.cut_power(&mut |bound| dice.below(bound));
            }
        }
        start(&settings, &sink, 8).unwrap();
        let files = sink.files();
        let mut texts = String::new();
        for n in (1..8).rev() {
            let name = format!("app.{n}.log");
            let forms = [name.clone(), format!("{name}{ending}")];
            let form = forms.iter().find(|form| files.contains_key(*form));
            let Some(form) = form else { continue };
            texts += &plain(form, &files[form]).unwrap();
        }
        texts += &plain("app.log", &files["app.log"]).unwrap();
        assert_eq!(texts, "1\n2\n3\n4\n5\n6\n7\n8\n", "seed {seed}");
        assert!(!files.keys().any(|path| path.starts_with("app.8")), "seed {seed}");
    }
}

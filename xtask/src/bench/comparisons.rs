//! What is compared with what.

use super::table::Comparison;
use super::{Bench, Contender, Form, RUN};
use crate::process::command;
use crate::suite::is_there;
use anyhow::{Result, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

type Compare = fn(&Bench) -> Result<Vec<Comparison>>;

/// Every comparison by name.
pub(super) const ALL: &[(&str, Compare)] = &[
    ("capture", capture),
    ("wrapper", wrapper),
    ("many", many),
    ("trickle", trickle),
    ("overhead", overhead),
    ("read", read),
    ("plan", plan),
    ("scrape", scrape),
    ("saver", super::saver::compare),
];

/// How many jobs trickle, and how many lines each says: half a minute, since what speaks so slowly speaks for
/// long, and its two files are made once.
const TRICKLING_JOBS: usize = 256;
const TRICKLED_LINES: usize = 3_000;

/// The names, for the help text.
pub(super) fn names() -> String {
    ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Entries of one run, from a pipe into a file.
fn capture(bench: &Bench) -> Result<Vec<Comparison>> {
    let input = bench.input(Form::Entries, bench.capture_bytes)?;
    let straight = bench.example("databuild-model", "straight")?;
    let collect = bench.example("databuild-logs", "collect")?;
    let contenders = [
        tee(bench).fed_with(&input),
        into_file(bench, "straight", straight, &["label"]).fed_with(&input),
        collector(bench, "collector", collect, Vec::new()).fed_with(&input),
    ];
    let title = "Capture of JSON lines: one run, from a pipe into a file";
    Ok(vec![bench.compare(title, bench.capture_bytes, &contenders)?])
}

/// Plain lines of a job, to entries.
fn wrapper(bench: &Bench) -> Result<Vec<Comparison>> {
    let input = bench.input(Form::Plain, bench.capture_bytes)?;
    let straight = bench.example("databuild-model", "straight")?;
    let databuild = bench.databuild()?;
    let config = bench.place.join("job.json");
    let words = ["cat".to_owned(), input.display().to_string()];
    fs::write(&config, serde_json::json!({ "args": words, "job_run_id": RUN }).to_string())?;
    let place = bench.place.clone();
    let wrap = Contender::new("wrapper", move || {
        let mut wrap = command(&databuild, &place);
        wrap.args(["wrap", "--config"]).arg(&config).stdout(File::create(place.join("out"))?);
        Ok(wrap)
    });
    let contenders = [
        tee(bench).fed_with(&input),
        into_file(bench, "straight", straight, &["wrap"]).fed_with(&input),
        wrap,
    ];
    let title = "Capture of plain lines: what a job prints becomes entries";
    Ok(vec![bench.compare(title, bench.capture_bytes, &contenders)?])
}

/// The same bytes from one run, and from many at once.
fn many(bench: &Bench) -> Result<Vec<Comparison>> {
    let collect = bench.example("databuild-logs", "collect")?;
    let mut contenders = Vec::new();
    for runs in [1, 8, 64, 256] {
        let pipes = pipes(bench, runs)?;
        bench.inputs_of_runs(runs, bench.capture_bytes / runs)?;
        let name = format!("collector, {runs} runs");
        let place = bench.place.clone();
        let script = "for pipe; do cat \"$pipe.in\" > \"$pipe\" & done; wait";
        let into = pipes.clone();
        contenders.push(collector(bench, &name, collect.clone(), pipes).fed_by(move || {
            let mut sh = command("sh", &place);
            sh.args(["-c", script, "sh"]).args(&into);
            Ok(sh)
        }));
    }
    let title = "Capture of JSON lines: the same bytes by 1 to 256 runs at once";
    Ok(vec![bench.compare(title, bench.capture_bytes, &contenders)?])
}

/// Many jobs that say little.
fn trickle(bench: &Bench) -> Result<Vec<Comparison>> {
    let straight = bench.example("databuild-model", "straight")?;
    let collect = bench.example("databuild-logs", "collect")?;
    let pipes = pipes(bench, TRICKLING_JOBS)?;
    let lines = TRICKLED_LINES.to_string();
    let feeder = move |into: &[PathBuf], jobs: usize| -> Result<Command> {
        let mut feeder = command(std::env::current_exe()?, Path::new("/"));
        feeder.args(["trickle", "--lines", &lines, "--jobs", &jobs.to_string()]).args(into);
        Ok(feeder)
    };
    let (into, other) = (pipes.clone(), feeder.clone());
    let contenders = [
        into_file(bench, "straight, all in one pipe", straight, &["label"])
            .fed_by(move || feeder(&[], TRICKLING_JOBS)),
        collector(bench, "collector", collect, pipes).fed_by(move || other(&into, 1)),
    ];
    let bytes = super::data::entries(RUN, 1, 512 * TRICKLED_LINES)
        .split_inclusive(|byte| *byte == b'\n')
        .take(TRICKLED_LINES)
        .map(<[u8]>::len)
        .sum::<usize>()
        * TRICKLING_JOBS;
    let title = format!("{TRICKLING_JOBS} jobs with a line every 10 ms each, for 30 s");
    Ok(vec![bench.compare(title, bytes, &contenders)?])
}

/// What it costs to have a command recorded.
fn overhead(bench: &Bench) -> Result<Vec<Comparison>> {
    let databuild = bench.databuild()?;
    let place = bench.folder("project")?;
    let times = |name: &str, words: String| {
        let place = place.clone();
        Contender::new(name, move || {
            let mut sh = command("sh", &place);
            sh.args(["-c", &format!("for i in 0 1 2 3 4 5 6 7 8 9; do {words}; done")]);
            sh.stdout(Stdio::null()).stderr(Stdio::null());
            Ok(sh)
        })
    };
    let recorded = format!("'{}' run -- /bin/true", databuild.display());
    let contenders = [times("/bin/true", "/bin/true".to_owned()), times("databuild run", recorded)];
    let title = "Ten times /bin/true, bare and recorded (look at the wall; the CPU is the shell's)";
    Ok(vec![bench.compare(title, 0, &contenders)?])
}

/// Questions to one large run.
fn read(bench: &Bench) -> Result<Vec<Comparison>> {
    let input = bench.input(Form::Entries, bench.read_bytes)?;
    let straight = bench.example("databuild-model", "straight")?;
    let collect = bench.example("databuild-logs", "collect")?;
    let query = bench.example("databuild-logs", "query")?;
    let logs = bench.folder("read")?;
    store(bench, &collect, &input, &logs)?;
    let window = ["2025-01-27T10:10:00Z", "2025-01-27T10:11:00Z"];
    let mut all = Vec::new();
    for (title, times) in
        [("All errors of one run", &[][..]), ("Errors of one minute of one run", &window[..])]
    {
        let mut contenders = Vec::new();
        let words: Vec<&str> = ["find", "ERROR"].iter().chain(times).copied().collect();
        contenders.push(into_file(bench, "straight", straight.clone(), &words).fed_with(&input));
        if is_there("rg") {
            let (place, input) = (bench.place.clone(), input.clone());
            contenders.push(Contender::new("rg (all errors)", move || {
                let mut rg = command("rg", &place);
                rg.args(["--fixed-strings", "\"level\":\"ERROR\""]).arg(&input);
                rg.stdout(File::create(place.join("out"))?);
                Ok(rg)
            }));
        }
        let (place, logs, query) = (bench.place.clone(), logs.clone(), query.clone());
        let times = if times.is_empty() { &["-", "-"] } else { &window };
        let times = times.map(str::to_owned);
        contenders.push(Contender::new("LogReader", move || {
            let mut ask = command(&query, &place);
            ask.arg(&logs)
                .arg(RUN)
                .args(&times)
                .arg("error")
                .stdout(File::create(place.join("out"))?);
            Ok(ask)
        }));
        all.push(bench.compare(title, bench.read_bytes, &contenders)?);
    }
    Ok(all)
}

/// How planning grows.
fn plan(bench: &Bench) -> Result<Vec<Comparison>> {
    let plan = bench.example("databuild-graph", "plan")?;
    let contenders = ["10000", "100000"].map(|partitions| {
        let (place, plan) = (bench.place.clone(), plan.clone());
        Contender::new(format!("{partitions} partitions"), move || {
            let mut program = command(&plan, &place);
            program.arg(partitions).stdout(Stdio::null());
            Ok(program)
        })
    });
    Ok(vec![bench.compare("Planning", 0, &contenders)?])
}

/// A thousand scrapes of ten thousand series, by ours and by the client library for Rust; and of the
/// totals of stores with few and many past runs, with a look for what is new before each. The making of
/// the series or the start alone stands beside it.
fn scrape(bench: &Bench) -> Result<Vec<Comparison>> {
    let program = bench.example("databuild-metrics", "scrape")?;
    let times = |name: &str, program: &Path, words: &[&str]| {
        let (place, program) = (bench.place.clone(), program.to_owned());
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Contender::new(name, move || {
            let mut program = command(&program, &place);
            program.args(&words).stdout(Stdio::null());
            Ok(program)
        })
    };
    let contenders = [
        times("ours, no scrape", &program, &["ours", "0"]),
        times("ours, 1000 scrapes", &program, &["ours", "1000"]),
        times("prometheus-client, no scrape", &program, &["client", "0"]),
        times("prometheus-client, 1000 scrapes", &program, &["client", "1000"]),
    ];
    let title = "Metrics of 10,000 series as text (seconds of 1000 scrapes: milliseconds of one)";
    let series = bench.compare(title, 0, &contenders)?;

    let program = bench.example("databuild-logs", "past_runs")?;
    let mut contenders = Vec::new();
    for runs in ["1", "1000", "100000"] {
        let store = bench.folder(&format!("past-{runs}"))?.display().to_string();
        // Counted once, as a service does when it starts for the first time.
        for words in [["make", &store, runs], ["scrape", &store, "0"]] {
            let mut made = command(&program, &bench.place);
            made.args(words).stdout(Stdio::null());
            ensure!(made.status()?.success(), "no store of {runs} runs");
        }
        for scrapes in ["0", "1000"] {
            let name = format!("{runs} past runs, {scrapes} times");
            contenders.push(times(&name, &program, &["scrape", &store, scrapes]));
        }
    }
    let title = "A look for what is new and a scrape, by the number of past runs (of 50 jobs)";
    Ok(vec![series, bench.compare(title, 0, &contenders)?])
}

fn tee(bench: &Bench) -> Contender {
    let place = bench.place.clone();
    Contender::new("tee", move || {
        let mut tee = command("tee", &place);
        tee.arg("out").stdout(Stdio::null());
        remove(&place.join("out"))?;
        Ok(tee)
    })
}

/// A filter from standard input into a new file.
fn into_file(bench: &Bench, name: &str, program: PathBuf, words: &[&str]) -> Contender {
    let place = bench.place.clone();
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    Contender::new(name, move || {
        let out = place.join("out");
        remove(&out)?;
        let mut filter = command(&program, &place);
        filter.args(&words).stdout(File::create(out)?);
        Ok(filter)
    })
}

/// The collector into a new store, from standard input or from `pipes`.
///
/// What the run before has stored is emptied and not removed: for seconds after many files were
/// removed ext4 looks for a number for each new file among theirs, which costs more than collecting.
fn collector(bench: &Bench, name: &str, program: PathBuf, pipes: Vec<PathBuf>) -> Contender {
    let place = bench.place.clone();
    Contender::new(name, move || {
        let mut number = 0;
        let logs = loop {
            let logs = place.join(format!("logs-{number}"));
            if !logs.exists() {
                break logs;
            }
            empty_files(&logs)?;
            number += 1;
        };
        let mut collect = command(&program, &place);
        collect.arg(&logs).args(&pipes).stdout(Stdio::null());
        Ok(collect)
    })
}

/// Leaves nothing in the files below `folder`.
fn empty_files(folder: &Path) -> Result<()> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        if item.file_type()?.is_dir() {
            empty_files(&item.path())?;
        } else {
            File::create(item.path())?;
        }
    }
    Ok(())
}

/// Has the entries of a file collected into a store.
fn store(bench: &Bench, collect: &Path, input: &Path, logs: &Path) -> Result<()> {
    let mut sh = command("sh", &bench.place);
    sh.args(["-c", "cat \"$1\" | \"$2\" \"$3\"", "sh"]).arg(input).arg(collect).arg(logs);
    ensure!(sh.stdout(Stdio::null()).status()?.success(), "the run to read cannot be stored");
    Ok(())
}

/// Named pipes, one for each of so many runs.
fn pipes(bench: &Bench, runs: usize) -> Result<Vec<PathBuf>> {
    let folder = bench.folder(&format!("pipes-{runs}"))?;
    let pipes: Vec<PathBuf> = (0..runs).map(|i| folder.join(format!("run-{i}"))).collect();
    ensure!(command("mkfifo", &folder).args(&pipes).status()?.success(), "no named pipes here");
    Ok(pipes)
}

fn remove(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    Ok(())
}

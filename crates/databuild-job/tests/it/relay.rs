//! A run that goes through the hands of several wrappers. The test is who starts them: it holds the
//! spare ends, stores what they tell, and says to the next where that ends.

use crate::wrapped::{Said, command};
use databuild_model::entry::{Content, JobLogEntry, Stream};
use databuild_model::json::read_entry;
use databuild_model::resume::ResumeFold;
use databuild_model::spool::{Resume, SpoolState, encode_stored_mark, fifo_name};
use rustix::fs::{Mode, OFlags};
use serde_json::{Value, json};
use std::cell::Cell;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};

/// Everything of a run but its wrapper.
pub(crate) struct Relay {
    dir: tempfile::TempDir,
    config: Value,
    pub(crate) entries: Vec<JobLogEntry>,
    spare: Vec<OwnedFd>,
    /// Gates that were opened.
    opened: Cell<usize>,
}

/// One wrapper of a run.
pub(crate) struct Leg {
    pub(crate) child: Child,
    lines: ChildStdout,
    unread: Vec<u8>,
}

/// What the events are called that come once in a run.
const ONCE: [&str; 10] = [
    "job_config_started",
    "task_launched",
    "task_launch_fail",
    "task_completed",
    "task_failed",
    "task_cancelled",
    "task_timeout",
    "processes_left",
    "job_exec_fail",
    "run_end",
];

impl Relay {
    /// A run of `script` in `sh`, in which `GATE` waits for [`Relay::open_gate`]; `more` are further
    /// keys of its configuration. Each gate is a pipe of its own: of one for all, a quick job could pass
    /// the second gate through the opening of the first.
    pub(crate) fn new(script: &str, more: Value) -> Relay {
        // Whoever holds a run also keeps its dead, so that none of them is forgotten.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let spool = dir.path().join("spool");
        let parts: Vec<&str> = script.split("GATE").collect();
        let mut script = parts[0].to_owned();
        for (n, part) in parts.iter().skip(1).enumerate() {
            let gate = dir.path().join(format!("gate{n}"));
            rustix::fs::mkfifoat(rustix::fs::CWD, &gate, Mode::RUSR | Mode::WUSR).unwrap();
            script += &["read x < ", gate.to_str().unwrap(), part].concat();
        }
        let mut config = json!({
            "args": ["sh", "-c", script],
            "outputs": ["made/x=1"],
            "job_run_id": format!("relay-{}", dir.path().file_name().unwrap().display()),
            "spool_dir": spool,
        });
        config.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        std::fs::create_dir(&spool).unwrap();
        let mut relay =
            Relay { dir, config, entries: Vec::new(), spare: Vec::new(), opened: Cell::new(0) };
        if relay.config.get("capture") != Some(&json!("file")) {
            relay.hold();
        }
        relay
    }

    fn hold(&mut self) {
        let folder = self.spool("");
        let folder =
            rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let name = fifo_name(stream);
            rustix::fs::mkfifoat(&folder, &*name, Mode::RUSR | Mode::WUSR).unwrap();
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            self.spare.push(rustix::fs::openat(&folder, &*name, flags, Mode::empty()).unwrap());
        }
    }

    /// As if whoever started the wrapper had died too.
    pub(crate) fn let_go(&mut self) {
        self.spare.clear();
    }

    /// A file in the spool folder.
    pub(crate) fn spool(&self, name: &str) -> PathBuf {
        self.dir.path().join("spool").join(name)
    }

    /// Waits until the job is at its next gate, and lets it pass.
    pub(crate) fn open_gate(&self) {
        let gate =
            self.dir.path().join(format!("gate{}", self.opened.replace(self.opened.get() + 1)));
        let mut gate = std::fs::OpenOptions::new().write(true).open(gate).unwrap();
        gate.write_all(b"\n").unwrap();
    }

    pub(crate) fn state(&self) -> SpoolState {
        serde_json::from_slice(&std::fs::read(self.spool("state.json")).unwrap()).unwrap()
    }

    /// The names of the segments of standard output.
    pub(crate) fn segments(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.spool("")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|it| it.starts_with("stdout.0")).collect();
        names.sort();
        names
    }

    /// Where the stored entries end.
    pub(crate) fn resume(&self) -> Resume {
        let mut fold = ResumeFold::new();
        for entry in &self.entries {
            fold.entry(entry);
        }
        fold.resume().clone()
    }

    /// All that is stored is synced, too.
    pub(crate) fn mark(&self) {
        let last = self.entries.last().map_or(0, |entry| entry.sequence_number);
        std::fs::write(self.spool("stored"), encode_stored_mark(last)).unwrap();
    }

    /// Starts a wrapper: the first, or one that goes on.
    pub(crate) fn start(&self, goes_on: bool) -> Leg {
        let mut config = self.config.clone();
        if goes_on {
            config["resume"] = serde_json::to_value(self.resume()).unwrap();
        }
        let mut child = command().spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(config.to_string().as_bytes()).unwrap();
        let lines = child.stdout.take().unwrap();
        Leg { child, lines, unread: Vec::new() }
    }

    /// Stores what the wrapper tells, until `enough` or its end. `false` at its end.
    pub(crate) fn store(
        &mut self,
        leg: &mut Leg,
        mut enough: impl FnMut(&JobLogEntry) -> bool,
    ) -> bool {
        loop {
            while let Some(end) = leg.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = leg.unread.drain(..=end).collect();
                let (entry, problems) = read_entry(&line[..end]).unwrap();
                assert_eq!(problems, []);
                let done = enough(&entry);
                self.entries.push(entry);
                if done {
                    return true;
                }
            }
            let mut bytes = [0; 4096];
            match leg.lines.read(&mut bytes).unwrap() {
                // A last line without its end is torn, and cut.
                0 => return false,
                count => leg.unread.extend_from_slice(&bytes[..count]),
            }
        }
    }

    /// Kills the wrapper -9 and stores what it had told.
    pub(crate) fn kill(&mut self, mut leg: Leg) {
        leg.child.kill().unwrap();
        assert!(!self.store(&mut leg, |_| false));
        leg.child.wait().unwrap();
    }

    /// Stores what the wrapper tells to its end.
    pub(crate) fn end(&mut self, mut leg: Leg) -> Said {
        assert!(!self.store(&mut leg, |_| false));
        let mut stderr = String::new();
        leg.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let code = leg.child.wait().unwrap().code();
        let said = Said { code, entries: std::mem::take(&mut self.entries), stderr };
        said.check();
        for name in ONCE {
            let count = said.events().iter().filter(|event| event.event_type == name).count();
            assert!(count <= 1, "{name} came {count} times");
        }
        let is_usual = |it: &&JobLogEntry| match &it.content {
            Content::Metric(point) => point.name != "job_output_lines_left_out_total",
            Content::Log(_) | Content::JobEvent(_) | Content::Manifest(_) => false,
        };
        let metrics = said.entries.iter().filter(is_usual).count();
        assert!([0, 3].contains(&metrics), "{}", said.story());
        said
    }

    /// Writes down that the process `pid` has started the wrapper.
    pub(crate) fn name_executor(&self, pid: u32) {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let started = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
        let executor = format!("{}/{}/{pid}/{started}", boot.trim(), namespace.display());
        let run = json!({
            "version": 1,
            "job_run_id": self.config["job_run_id"],
            "started_at_ns": 0,
            "executor": executor,
            "config": self.config,
        });
        std::fs::write(self.spool("run.json"), run.to_string()).unwrap();
    }

    /// Becomes the reader of a wrapper that has lost the one before.
    pub(crate) fn resume_on_fifo(&self, wrapper: &Child) -> Leg {
        let resume = serde_json::to_vec(&self.resume()).unwrap();
        std::fs::write(self.spool("resume.json"), resume).unwrap();
        let path = self.spool("entries.fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fifo = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
        let pid = rustix::process::Pid::from_child(wrapper);
        rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
        let mut fds = [rustix::event::PollFd::new(&fifo, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut fds, None).unwrap();
        rustix::io::ioctl_fionbio(&fifo, false).unwrap();
        Leg { child: ended_child(), lines: ChildStdout::from(fifo), unread: Vec::new() }
    }

    /// Looks until `what` holds.
    pub(crate) fn wait_until(&self, what: impl Fn(&Relay) -> bool) {
        for _ in 0..2_000 {
            if what(self) {
                return;
            }
            let pause = rustix::event::Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
            rustix::event::poll(&mut [], Some(&pause)).unwrap();
        }
        panic!("it never came");
    }

    /// Whether the command, by the number that it wrote down, has ended and waits for us to reap it.
    pub(crate) fn state_of_launched_is_zombie(&self) -> bool {
        let number = std::fs::read(self.spool("launched")).unwrap();
        let pid = i32::from_le_bytes(number.try_into().unwrap());
        let ended = || {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .map_or(true, |it| it.contains(") Z"))
        };
        self.wait_until(|_| ended());
        std::path::Path::new("/proc").join(pid.to_string()).exists()
    }

    /// Changes the state that the wrapper before has left.
    pub(crate) fn forge_state(&self, change: impl FnOnce(&mut SpoolState)) {
        let mut state = self.state();
        change(&mut state);
        std::fs::write(self.spool("state.json"), serde_json::to_vec(&state).unwrap()).unwrap();
    }

    /// A wrapper that goes on to the end.
    pub(crate) fn finish(&mut self) -> Said {
        let leg = self.start(true);
        self.end(leg)
    }
}

impl Leg {
    /// Nobody reads what it tells any more.
    pub(crate) fn hang_up(self) -> Child {
        self.child
    }
}

/// What a stream was, from the entries alone, whose ranges have to join.
pub(crate) fn raw(said: &Said, stream: Stream) -> String {
    let mut text = String::new();
    for log in said.logs().into_iter().filter(|log| log.origin.stream == Some(stream)) {
        assert_eq!(log.origin.offset, Some(text.len() as u64), "ranges join: {}", log.message);
        text.push_str(&log.message);
        text.push('\n');
        let end = log.origin.range().unwrap().1.end;
        assert_eq!(end, text.len() as u64, "the range is what it stands for: {}", log.message);
    }
    text
}

/// Stands where the wrapper itself is somebody else's.
fn ended_child() -> Child {
    let mut child = command();
    child.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

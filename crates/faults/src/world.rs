//! A place of its own for real processes: a project in a folder that goes away, the program, and the
//! processes that came of it, each known by a mark in its environment.

use crate::check::Account;
use crate::clock::Stopwatch;
use crate::ledger;
use anyhow::{Context, Result, ensure};
use databuild_model::ids::JobRunId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// By this in their environment processes of a world are known.
const MARK: &str = "FAULTS_WORLD";

/// The number of the user nobody.
const NOBODY: u32 = 65_534;

/// The folder of a world, and the programs in it.
pub(crate) struct World {
    dir: TempDir,
    /// Where the project is; another file system than that of `dir` if a rig has mounted one.
    place: PathBuf,
    program: PathBuf,
    rigs: PathBuf,
    /// What comes before the program, for somebody else than us.
    before: Vec<String>,
}

/// What a process of a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It runs a job: `databuild wrap`.
    Wrapper,
    /// It started wrappers, and collects: `databuild build`, `run`, `serve`.
    Executor,
    /// It saves what is stored: `databuild saver run`.
    Saver,
    /// The job itself.
    Job,
    /// Something that only helps.
    Other,
}

/// A process of a world.
pub(crate) struct Process {
    pub(crate) role: Role,
    pub(crate) pid: i32,
    handle: OwnedFd,
}

impl World {
    /// A folder for a project, which `program` is to build.
    pub(crate) fn new(program: &Path) -> Result<World> {
        let dir = tempfile::Builder::new().prefix("faults-").tempdir()?;
        let place = dir.path().join("project");
        std::fs::create_dir_all(dir.path().join("told"))?;
        std::fs::create_dir_all(&place)?;
        let rigs = std::env::current_exe()?;
        Ok(World { dir, place, program: program.to_owned(), rigs, before: Vec::new() })
    }

    /// The same, whose programs run as somebody who is not root and may have so many descriptors. The
    /// reason why not, if that cannot be had here.
    pub(crate) fn for_nobody(program: &Path, descriptors: u64) -> Result<Result<World, String>> {
        let mut world = World::new(program)?;
        let limit = format!("--nofile={descriptors}:{descriptors}");
        world.before = vec!["prlimit".to_owned(), limit, "--".to_owned()];
        if rustix::process::geteuid().is_root() {
            let id = format!("--reuid={NOBODY}");
            let group = format!("--regid={NOBODY}");
            let setpriv = ["setpriv", &id, &group, "--clear-groups", "--"].map(str::to_owned);
            // The limit first: only root may raise it.
            world.before.extend(setpriv);
            world.give_away()?;
        }
        let mut trial = world.prefixed(Path::new("true"));
        match trial.status() {
            Ok(status) if status.success() => Ok(Ok(world)),
            Ok(_) => Ok(Err(format!("nobody may have {descriptors} descriptors here"))),
            Err(error) => Ok(Err(format!("prlimit: {error}"))),
        }
    }

    /// Gives the folders to somebody else, with programs that he can reach.
    fn give_away(&mut self) -> Result<()> {
        for program in [&mut self.program, &mut self.rigs] {
            let name = program.file_name().context("no name")?;
            let copy = self.dir.path().join(name);
            std::fs::copy(&*program, &copy)?;
            *program = copy;
        }
        for dir in [self.dir.path(), &self.place, &self.dir.path().join("told")] {
            std::os::unix::fs::chown(dir, Some(NOBODY), Some(NOBODY))?;
        }
        Ok(())
    }

    /// Where jobs tell how far they came.
    pub(crate) fn told(&self) -> PathBuf {
        self.dir.path().join("told")
    }

    /// The folder of the logs.
    pub(crate) fn logs_dir(&self) -> PathBuf {
        self.place.join(".databuild/logs")
    }

    /// The project.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Writes a project with one partition for each of `jobs`: its seed, how many bytes its job prints,
    /// and how long it pauses at most, in milliseconds.
    pub(crate) fn write_project(&self, jobs: &[(u64, u64, u64)]) -> Result<()> {
        self.write_project_with(jobs, &[])
    }

    /// The same, with more arguments for each job.
    pub(crate) fn write_project_with(&self, jobs: &[(u64, u64, u64)], more: &[&str]) -> Result<()> {
        let more: String = more.iter().map(|word| format!(", \"{word}\"")).collect();
        let (rigs, told) = (self.rigs.display(), self.told());
        let job = |(seed, bytes, pause): &(u64, u64, u64)| {
            format!(
                "[jobs.talk-{seed}]\nout = \"talk-{seed}\"\nrun = [\"{rigs}\", \"job\", \"--seed\", \
                 \"{seed}\", \"--bytes\", \"{bytes}\", \"--pause\", \"{pause}\", \"--told\", \"{}\"{more}]\n",
                told.display()
            )
        };
        let text: String = jobs.iter().map(job).collect();
        Ok(std::fs::write(self.place.join("databuild.toml"), text)?)
    }

    /// Appends to the file of the project.
    pub(crate) fn add_to_project(&self, text: &str) -> Result<()> {
        let mut file = File::options().append(true).open(self.place.join("databuild.toml"))?;
        Ok(file.write_all(text.as_bytes())?)
    }

    /// The program, ready to be started here.
    pub(crate) fn databuild(&self) -> Command {
        self.prefixed(&self.program)
    }

    /// A part of the rigs, ready to be started here.
    pub(crate) fn rig(&self, part: &str) -> Command {
        let mut command = self.prefixed(&self.rigs);
        command.arg(part);
        command
    }

    fn prefixed(&self, program: &Path) -> Command {
        let Some((first, more)) = self.before.split_first() else { return self.command(program) };
        let mut command = self.command(first);
        command.args(more).arg(program);
        command
    }

    /// Another program, ready to be started here.
    #[expect(clippy::disallowed_methods, reason = "the rigs start programs, as users do")]
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.place)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.dir.path())
            .env("TZ", "UTC")
            .env(MARK, self.dir.path());
        command
    }

    /// Starts `command`; what it says on stderr goes into a file.
    pub(crate) fn start(&self, command: &mut Command) -> Result<Child> {
        let said = File::options().append(true).create(true).open(self.said_path())?;
        command.stderr(said);
        command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))
    }

    fn said_path(&self) -> PathBuf {
        self.dir.path().join("said")
    }

    /// The last of what its processes said.
    pub(crate) fn said(&self) -> String {
        let said = std::fs::read(self.said_path()).unwrap_or_default();
        let from = said.len().saturating_sub(600);
        String::from_utf8_lossy(said.get(from..).unwrap_or_default()).into_owned()
    }

    /// The processes of this world that are alive.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let folders = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = folders.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter_map(|pid| self.process(pid)).collect()
    }

    /// How long its processes were ready to run and did not: of each the thread that waited longest, since a
    /// step is done by one, and of all of them together, since a step of one waits for that of another.
    pub(crate) fn queued(&self) -> Duration {
        self.processes().iter().map(|process| queued(process.pid)).sum()
    }

    fn process(&self, pid: i32) -> Option<Process> {
        if !self.is_marked(pid) {
            return None;
        }
        let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        // Asked again through the handle's time: the number may have become another process's.
        let still = self.is_marked(pid);
        let mut words = line.split(|byte| *byte == 0);
        let (program, word) = (words.next()?, words.next().unwrap_or_default());
        let role = match word {
            b"wrap" => Role::Wrapper,
            b"build" | b"run" | b"serve" if program.ends_with(b"databuild") => Role::Executor,
            b"saver" if program.ends_with(b"databuild") => Role::Saver,
            b"job" => Role::Job,
            _ => Role::Other,
        };
        still.then_some(Process { role, pid, handle })
    }

    fn is_marked(&self, pid: i32) -> bool {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mark = format!("{MARK}={}", self.dir.path().display());
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    }

    /// The account of all runs in the store.
    ///
    /// # Errors
    /// A promise was broken.
    pub(crate) fn balance(&self) -> Result<Vec<(JobRunId, Account)>> {
        let reader = ledger::reader(&self.logs_dir());
        let mut balances = Vec::new();
        for run in reader.list_available_jobs(None)? {
            let label = reader.run_info(&run)?.job_label;
            let seed = label.as_ref().and_then(|label| label.as_str().strip_prefix("talk-"));
            let Some(seed) = seed.and_then(|seed| seed.parse().ok()) else { continue };
            let balance = ledger::balance(&reader, &run, &self.told(), seed);
            let balance = balance.with_context(|| format!("run {run} of seed {seed}"))?;
            balances.push((run, balance));
        }
        Ok(balances)
    }

    /// Runs for which a job told how far it came.
    pub(crate) fn told_runs(&self) -> Result<Vec<String>> {
        let names = std::fs::read_dir(self.told())?.flatten().map(|entry| entry.file_name());
        Ok(names.filter_map(|name| name.into_string().ok()).collect())
    }
}

/// The longest that a thread of a process was ready to run and did not.
fn queued(pid: i32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let waited = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split_whitespace().nth(1)?.parse().ok()
    });
    Duration::from_nanos(waited.max().unwrap_or(0))
}

impl Drop for World {
    /// Nothing of it is left behind.
    fn drop(&mut self) {
        self.kill_all();
    }
}

impl World {
    /// Kills all its processes, and waits until they are gone.
    pub(crate) fn kill_all(&self) {
        for _ in 0..20 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            left.iter().for_each(Process::kill);
            left.iter().for_each(|process| drop(wait_fd(&process.handle, Duration::from_secs(2))));
        }
    }
}

impl Process {
    /// Stops it where it is.
    pub(crate) fn halt(&self) {
        pidfd_send_signal(&self.handle, Signal::STOP).ok();
    }

    /// Kills it, if it is still there.
    pub(crate) fn kill(&self) {
        pidfd_send_signal(&self.handle, Signal::KILL).ok();
    }
}

/// Waits for the end of a child; nothing if it takes longer than `patience`.
pub(crate) fn wait(child: &mut Child, patience: Duration) -> Result<Option<ExitStatus>> {
    let watch = Stopwatch::start();
    let pid = Pid::from_raw(i32::try_from(child.id())?).context("no process")?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = patience.saturating_sub(watch.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        wait_fd(&pidfd_open(pid, PidfdFlags::empty())?, left)?;
    }
}

fn wait_fd(handle: &OwnedFd, patience: Duration) -> Result<()> {
    let mut fds = [PollFd::new(handle, PollFlags::IN)];
    match poll(&mut fds, Some(&Timespec::try_from(patience)?)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Runs a command that must end well within `patience`.
pub(crate) fn must_end(child: &mut Child, world: &World, patience: Duration) -> Result<ExitStatus> {
    let status = wait(child, patience)?;
    ensure!(status.is_some(), "it does not end within {patience:?}; it said {:?}", world.said());
    status.context("no status")
}

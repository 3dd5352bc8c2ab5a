//! A hermetic world for one test: own folder, own home, an environment with nothing in it but what is
//! set here.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A world of its own. Everything in it is gone when it is dropped.
pub(crate) struct TestEnv {
    dir: TempDir,
}

impl TestEnv {
    /// An empty world.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("databuild-it-").tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("home")).expect("a home");
        std::fs::create_dir(dir.path().join("here")).expect("a place to work");
        TestEnv { dir }
    }

    /// The folder that commands start in.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("here")
    }

    /// The folder above, which no output may name.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file below the working folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    /// The program, ready to be started in this world.
    pub(crate) fn databuild(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_databuild"))
    }

    /// Runs a line of shell in which `databuild` is the program.
    pub(crate) fn sh(&self, line: &str) -> Output {
        self.shell(line).output().expect("a shell")
    }

    /// The same, ready to be started.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = self.command("/bin/sh");
        command.args(["-c", line]);
        command
    }

    #[expect(clippy::disallowed_methods, reason = "tests start the program as users do")]
    fn command(&self, program: &str) -> Command {
        let ours = Path::new(env!("CARGO_BIN_EXE_databuild")).parent().expect("a folder");
        let mut command = Command::new(program);
        command
            .current_dir(self.work())
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", ours.display()))
            .env("HOME", self.dir.path().join("home"))
            .env("TMPDIR", self.dir.path())
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("GIT_CEILING_DIRECTORIES", self.dir.path())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }
}

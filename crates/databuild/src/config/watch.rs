//! Whether the project file still says what a process that lives long has in use. Reads and checks it
//! when it was changed; what it says then is not put into use here.

use super::env::Environment;
use super::{Config, check, read, report};
use crate::config::problem::Severity;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The file, and what is in use of it.
pub(crate) struct ConfigWatch {
    path: PathBuf,
    in_use: Config,
    env: Environment,
    seen: Option<Stamp>,
    says: ConfigNow,
}

/// What the file says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigNow {
    /// Whether it could be used; if not, why.
    pub(crate) usable: Result<(), String>,
    /// Whether it is what is in use.
    pub(crate) in_use: bool,
}

/// What is another one when the file was written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl ConfigWatch {
    /// On the file of `config`, which is in use; nothing to look at without a file.
    pub(crate) fn new(config: &Config, env: Environment) -> Option<ConfigWatch> {
        let says = ConfigNow { usable: Ok(()), in_use: true };
        let path = config.file.clone()?;
        // Where a warning stands is no setting.
        let in_use = Config { warnings: Vec::new(), ..config.clone() };
        Some(ConfigWatch { path, in_use, env, seen: None, says })
    }

    /// What it says now. Costs a look at the file's times as long as nobody changes it.
    pub(crate) fn look(&mut self) -> &ConfigNow {
        let seen = stamp(&self.path).ok();
        if seen.is_none() || seen != self.seen {
            self.says = self.read();
            self.seen = seen;
        }
        &self.says
    }

    fn read(&self) -> ConfigNow {
        let unusable = |why: String| ConfigNow { usable: Err(why), in_use: false };
        let folder = self.path.parent().unwrap_or(&self.path);
        let source = match read(folder, Some(&self.path)) {
            Ok(source) => source,
            Err(problem) => return unusable(problem.message),
        };
        match check(&source, &self.env) {
            (Some(config), _) => {
                let config = Config { warnings: Vec::new(), ..config };
                ConfigNow { usable: Ok(()), in_use: is_same(&config, &self.in_use) }
            }
            (None, problems) => {
                let errors = report::count(&problems, Severity::Error);
                let first = problems.iter().find(|problem| problem.severity == Severity::Error);
                let first = first.map_or("", |problem| problem.message.as_str());
                let more =
                    if 1 < errors { format!(", and {} more", errors - 1) } else { String::new() };
                unusable(format!("{}: {first}{more}; see databuild check", source.name))
            }
        }
    }
}

/// Compiled patterns cannot be compared; what they were made of is part of how they are shown.
fn is_same(one: &Config, other: &Config) -> bool {
    // Pipelines are read again while the service runs.
    let shown = |config: &Config| format!("{:?}", Config { saver: Vec::new(), ..config.clone() });
    shown(one) == shown(other)
}

fn stamp(path: &PathBuf) -> io::Result<Stamp> {
    let found = std::fs::metadata(path)?;
    let changed = (found.ctime(), found.ctime_nsec());
    Ok(Stamp { file: found.ino(), bytes: found.len(), changed })
}

#[cfg(test)]
mod tests {
    use super::ConfigWatch;
    use crate::config::env::Environment;
    use crate::config::load;

    #[test]
    fn a_change_is_seen_and_judged() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("databuild.toml");
        let good = "[jobs.clean]\nout = \"clean/date={date}\"\nrun = \"true\"\n";
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write(good);
        let env = Environment::default();
        let config = load(folder.path(), None, &env).expect("sound");
        let mut watch = ConfigWatch::new(&config, env).expect("a file");
        assert_eq!((watch.look().usable.clone(), watch.look().in_use), (Ok(()), true));

        write(&format!("# a remark changes nothing\n{good}"));
        assert!(watch.look().in_use);
        write(&good.replace("true", "false"));
        assert_eq!((watch.look().usable.clone(), watch.look().in_use), (Ok(()), false));
        write(&good.replace("run", "ron"));
        let why = watch.look().usable.clone().expect_err("not sound");
        assert!(why.contains("has no command") && why.contains("databuild check"), "{why}");
        std::fs::remove_file(&path).expect("removed");
        assert!(watch.look().usable.is_err());
        write(good);
        assert_eq!((watch.look().usable.clone(), watch.look().in_use), (Ok(()), true));
    }
}

//! `build --show-output all`: what the jobs print, as it is stored, among the lines of the build.

use super::super::outcome::Failure;
use crate::progress::display::{Display, Said};
use crate::render::entry::EntryStyle;
use databuild_graph::plan::RunNumber;
use databuild_logs::read::{Cursor, Follower, LogReader, ReadError, Step};
use databuild_model::entry::Kind;
use databuild_model::json;
use databuild_model::query::{KindSet, LogFilter};
use databuild_model::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one wait for the rest of a run takes that has ended; the next one follows at once.
const WAIT: Duration = Duration::from_secs(1);

/// How long a run that was started has to make its file.
const PATIENCE: Duration = Duration::from_secs(60);

/// Follows the runs of a build. The lines of the build go through it, so that a run's last words stand
/// before the line that says how it ended.
pub(in crate::cli) struct JobOutput {
    reader: LogReader,
    style: EntryStyle,
    begun: usize,
    running: BTreeMap<RunNumber, Followed>,
}

struct Followed {
    follower: Follower,
    prefix: String,
}

impl JobOutput {
    /// Output of the runs that begin from now on.
    pub(super) fn new(reader: LogReader, style: EntryStyle) -> Self {
        JobOutput { reader, style, begun: 0, running: BTreeMap::new() }
    }

    /// Writes what was said since the last look. Never waits for a run that goes on.
    pub(in crate::cli) fn write(&mut self, display: &Display) -> Result<(), Failure> {
        for said in display.take_said() {
            match said {
                Said::Started { run, id, name } => {
                    let filter = LogFilter {
                        kinds: Some(KindSet::of(&[Kind::Log])),
                        ..LogFilter::default()
                    };
                    let follower = self.reader.follow(&id, filter, Cursor::START);
                    let follower = follower.with_patience(PATIENCE);
                    let prefix =
                        self.style.paint.name(self.begun, &format!("{} │", name.trim_end()));
                    self.begun += 1;
                    self.running.insert(run, Followed { follower, prefix: format!("{prefix} ") });
                }
                Said::Ended(run) => {
                    if let Some(followed) = self.running.remove(&run) {
                        let Followed { follower, prefix } = followed;
                        // It has ended: a file that is not there by now will not come.
                        let follower = follower.with_patience(Duration::ZERO);
                        self.rest(display, Followed { follower, prefix })?;
                    }
                }
                Said::Line(line) => display.print(&line),
            }
        }
        for followed in self.running.values_mut() {
            if let Step::Lines(found) = followed.follower.next(Duration::ZERO)? {
                print(&self.style, display, &followed.prefix, found.lines.iter());
            }
        }
        Ok(())
    }

    fn rest(&self, display: &Display, mut followed: Followed) -> Result<(), Failure> {
        loop {
            match followed.follower.next(WAIT) {
                Ok(Step::Lines(found)) => {
                    print(&self.style, display, &followed.prefix, found.lines.iter());
                }
                Ok(Step::Idle) => {}
                Ok(Step::End(_)) | Err(ReadError::RunNotFound { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn print<'a>(
    style: &EntryStyle,
    display: &Display,
    prefix: &str,
    lines: impl Iterator<Item = &'a [u8]>,
) {
    let mut text = String::new();
    for line in lines {
        if let Ok((entry, _problems)) = json::read_entry(line) {
            style.render(&entry, prefix, Timestamp::MIN, &mut text);
        }
    }
    display.print(text.trim_end_matches('\n'));
}

//! `scale`: as many runs at once as is promised, for somebody who is not root and may have 20,000
//! descriptors: wrappers of a build, streams into one collector, and jobs one after another. Nothing is
//! broken here but the usual size of things; every byte is looked at all the same.

mod streams;
mod wrappers;

pub(crate) use streams::{CollectArguments, SpeakArguments, collect, speak};

use crate::report::Figures;
use crate::world::World;
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Wrappers at once.
    wrappers: u64,
    /// Streams into one collector.
    streams: u64,
    /// Descriptors that a process may have.
    descriptors: u64,
    /// How long the streams speak.
    seconds: u64,
    /// Jobs that do nothing.
    jobs: u64,
    /// Whether times are judged: only with a machine to ourselves is a late line a broken promise.
    judges_times: bool,
}

impl Size {
    /// What is promised.
    pub(crate) const FULL: Size = Size {
        wrappers: 1_000,
        streams: 10_000,
        descriptors: 20_000,
        seconds: 30,
        jobs: 800,
        judges_times: true,
    };

    /// The tenth of it, on a tenth of the descriptors; what the gate has time for.
    pub(crate) const SMALL: Size = Size {
        wrappers: 50,
        streams: 1_000,
        descriptors: 2_000,
        seconds: 4,
        jobs: 40,
        judges_times: false,
    };
}

/// Between the moment at which a line is due and the one at which readers can see it.
const LAG_MAX: Duration = Duration::from_secs(1);

type Part = fn(&World, Size, &mut Figures) -> Result<()>;

/// One look at all of it.
pub(crate) fn all(program: &Path, size: Size) -> Figures {
    let mut figures = Figures { exhausted: true, ..Figures::default() };
    let parts: [(&str, Part); 3] =
        [("streams", streams::many), ("wrappers", wrappers::many), ("jobs", wrappers::one_by_one)];
    for (name, part) in parts {
        match World::for_nobody(program, size.descriptors) {
            Ok(Ok(world)) => {
                figures.cycles += 1;
                if let Err(error) = part(&world, size, &mut figures) {
                    figures.find(0, &error.context(name));
                }
            }
            Ok(Err(why)) => {
                figures.skipped.push(format!("scale, {name}: {why}"));
            }
            Err(error) => figures.find(0, &error),
        }
    }
    figures
}

/// A number of `VmRSS` and its like in a file of a process, in bytes.
fn memory(path: &str, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kibibytes.unwrap_or(0) * 1024)
}

/// The value below which so many thousandths of `values` are, weighted.
fn quantile(values: &mut [(Duration, u64)], thousandths: u64) -> Duration {
    values.sort_unstable();
    let all: u64 = values.iter().map(|(_, weight)| weight).sum();
    let mut seen = 0;
    for (value, weight) in values.iter() {
        seen += weight;
        if all * thousandths <= seen * 1000 {
            return *value;
        }
    }
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::quantile;
    use std::time::Duration;

    #[test]
    fn a_quantile_counts_by_weight() {
        let ms = Duration::from_millis;
        let mut values = [(ms(30), 1), (ms(10), 98), (ms(20), 1)];
        assert_eq!(
            [500, 980, 990, 1000].map(|q| quantile(&mut values, q)),
            [10, 10, 20, 30].map(ms)
        );
        assert_eq!(quantile(&mut [], 990), ms(0));
    }
}

//! `databuild saver tap`: events of a pipeline as they pass.

use super::super::args::{Output, TapStage};
use super::super::context::Context;
use super::super::outcome::{Exit, Failure};
use super::clean;
use crate::project::Project;
use databuild_io::bus::{BusError, Start};
use databuild_saver::settings::PipelineSettings;
use databuild_saver::tap::{Tap, Tapped};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// One wait for events; nothing else happens meanwhile, and Ctrl-C ends it.
const WAIT: Duration = Duration::from_secs(60);

pub(super) fn run(
    settings: &PipelineSettings,
    (number, stage, start): (Option<u64>, TapStage, Start),
    context: &Context,
    project: &Project,
) -> Result<Exit, Failure> {
    let name = project.config().spec.name.as_str();
    let bus = Box::new(project.saver_world().bus());
    let mut tap = Tap::open(name, settings, bus, start)?;
    let mut left = number.unwrap_or(u64::MAX);
    while 0 < left {
        let tapped = tap.next(WAIT)?;
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(tapped.len());
        let mut out = std::io::stdout().lock();
        for it in tapped.iter().take(count) {
            print(it, stage, context.global.output, &mut out)?;
        }
        out.flush()?;
        left -= count as u64;
    }
    Ok(Exit::Done)
}

fn print(
    it: &Tapped,
    stage: TapStage,
    output: Output,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let text = match (stage, &it.written) {
        (TapStage::Out, Some(written)) => written.text.as_slice(),
        (TapStage::In, _) | (TapStage::Out, None) => it.entry.as_slice(),
    };
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    match output {
        Output::Json | Output::Jsonl => {
            let path = it.written.as_ref().map(|it| it.path.as_str());
            let value = serde_json::json!({
                "run": &*it.run,
                "place": it.place,
                "path": path,
                "text": String::from_utf8_lossy(text),
            });
            writeln!(out, "{value}")
        }
        Output::Human if std::io::stdout().is_terminal() => {
            writeln!(out, "{}", clean(&String::from_utf8_lossy(text)))
        }
        Output::Human | Output::Raw => {
            out.write_all(text)?;
            out.write_all(b"\n")
        }
    }
}

impl From<BusError> for Failure {
    fn from(error: BusError) -> Self {
        let remedy = error.remedy();
        Failure::new(Exit::State, error).remedy(remedy)
    }
}

//! `databuild saver import`: a configuration of logback becomes sections of a project file.

use crate::cli::args::{CompatChoice, ImportArgs};
use crate::cli::context::Context;
use crate::cli::outcome::{Exit, Failure};
use crate::config::report::{self, Named};
use crate::import::{Options, import};
use databuild_policy::layout::Compat;
use databuild_policy::roll::period;
use std::io::Write;
use std::path::Path;

/// Largest configuration that is read, in bytes: people write hundreds of lines, not more.
const FILE_BYTES_MAX: u64 = 4 << 20;

pub(super) fn run(args: &ImportArgs, context: &Context) -> Result<Exit, Failure> {
    let path = context.start_folder().join(&args.file);
    let name = args.file.display().to_string();
    let text = read(&path, &name)?;
    let toml = import(&name, &text, &options(args)?).map_err(|problems| {
        let mut told = report::human(Named::of(&name, &text), &problems);
        told.push_str(&report::summary(&problems));
        Failure::text(Exit::Config, format!("{name} cannot be imported as it is")).remedy(told)
    })?;
    match &args.out {
        None => std::io::stdout().lock().write_all(toml.as_bytes())?,
        Some(out) => write(&context.start_folder().join(out), out, &toml)?,
    }
    Ok(Exit::Done)
}

fn read(path: &Path, name: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        let error = anyhow::Error::new(error).context(format!("{name} cannot be read"));
        Failure::new(Exit::Nothing, error).remedy("name a file that can be read")
    };
    if FILE_BYTES_MAX < std::fs::metadata(path).map_err(failed)?.len() {
        let message = format!("{name} has more than {FILE_BYTES_MAX} bytes");
        return Err(Failure::text(Exit::Config, message).remedy("is it the right file?"));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// Writes a new file: one that is there may hold what somebody wrote by hand.
fn write(path: &Path, name: &Path, toml: &str) -> Result<(), Failure> {
    let name = name.display();
    match std::fs::File::create_new(path) {
        Ok(mut file) => Ok(file.write_all(toml.as_bytes())?),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let failure = Failure::text(Exit::Usage, format!("{name} is there already"));
            Err(failure.remedy("name another file, or look at the result without -o first"))
        }
        Err(error) => {
            let error = anyhow::Error::new(error).context(format!("{name} cannot be written"));
            Err(Failure::new(Exit::State, error).remedy("name a file that can be written"))
        }
    }
}

fn options(args: &ImportArgs) -> Result<Options, Failure> {
    let usage = |message: String, remedy: &str| Failure::text(Exit::Usage, message).remedy(remedy);
    let mut options = Options {
        without: args.without.iter().cloned().collect(),
        zone: args.zone.clone(),
        compat: args.compat.map(|choice| match choice {
            CompatChoice::Logback12 => Compat::Logback12,
            CompatChoice::Logback15 => Compat::Logback15,
        }),
        ..Options::default()
    };
    if let Some(zone) = args.zone.as_ref().filter(|zone| period::zone(zone).is_none()) {
        let message = format!("`{zone}` is not a time zone");
        return Err(usage(message, "name it as in Europe/Berlin, UTC or GMT+2"));
    }
    for pair in &args.set {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(usage(format!("--set {pair} has no value"), "write --set NAME=VALUE"));
        };
        options.set.insert(name.to_owned(), value.to_owned());
    }
    Ok(options)
}

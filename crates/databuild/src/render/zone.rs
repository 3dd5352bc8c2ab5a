//! The time zone of this machine, from an environment that may say anything.

use jiff::tz::TimeZone;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Largest file of a zone that is read: those that there are have a few kilobytes.
const ZONE_BYTES_MAX: u64 = 1 << 20;

/// Where zones are, beside `TZDIR` and the place that a path means by itself.
const FOLDERS: [&str; 4] = ["", "/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];

/// What `TZ` says, then `/etc/localtime`; UTC if that is no zone. Where `TZ` means a device, a pipe or
/// something large, it is not read at all: that might never end.
pub(crate) fn local() -> TimeZone {
    let is_safe = match variable("TZ") {
        Some(zone) => files(&zone, variable("TZDIR").as_deref()).all(|file| is_safe(&file)),
        None => true,
    };
    if is_safe { TimeZone::system() } else { TimeZone::UTC }
}

fn variable(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "the zone is a setting of the machine")]
    std::env::var_os(name)
}

/// The files that `zone` may mean.
fn files(zone: &OsStr, folder: Option<&OsStr>) -> impl Iterator<Item = PathBuf> {
    let bytes = zone.as_bytes();
    let name = OsStr::from_bytes(bytes.strip_prefix(b":").unwrap_or(bytes)).to_owned();
    let folders = FOLDERS.map(OsStr::new).into_iter().chain(folder);
    let folders: Vec<PathBuf> = folders.map(PathBuf::from).collect();
    folders.into_iter().map(move |folder| folder.join(&name))
}

/// Whether reading `path` comes to an end. What has no size may be made as it is read.
fn is_safe(path: &Path) -> bool {
    let Ok(about) = std::fs::metadata(path) else { return true };
    about.is_dir() || about.is_file() && (1..=ZONE_BYTES_MAX).contains(&about.len())
}

#[cfg(test)]
mod tests;

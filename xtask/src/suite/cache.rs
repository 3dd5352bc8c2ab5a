//! Where the gates compile: outside the checkout, so that a fresh clone finds what an earlier one
//! compiled, and kept from growing for ever.

use anyhow::{Context, Result};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Size at which the cache is thrown away. One complete run leaves 3 to 4 GiB; old artifacts are never
/// collected by cargo, so three generations of them are the sign to begin anew.
const BYTES_MAX: u64 = 12 << 30;

/// The folder to compile in, there and not too large.
///
/// # Errors
/// It cannot be made.
#[expect(clippy::disallowed_methods, reason = "a program, and the only place where it asks")]
pub(crate) fn prepare() -> Result<PathBuf> {
    let folder = place(
        env::var_os("DATABUILD_TARGET_DIR").map(PathBuf::from),
        env::var_os("XDG_CACHE_HOME").map(PathBuf::from),
        env::var_os("HOME").map(PathBuf::from),
    );
    let bytes = size_of(&folder);
    if bytes > BYTES_MAX {
        println!("{} holds {} GiB: removing it", folder.display(), bytes >> 30);
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder).with_context(|| {
        format!("cannot make {}; DATABUILD_TARGET_DIR names another place", folder.display())
    })?;
    Ok(folder)
}

/// The cache's folder, from what the environment says.
pub(super) fn place(
    own: Option<PathBuf>,
    cache: Option<PathBuf>,
    home: Option<PathBuf>,
) -> PathBuf {
    let below = |base: PathBuf| base.join("databuild/target");
    own.or_else(|| cache.map(below))
        .or_else(|| home.map(|home| below(home.join(".cache"))))
        .unwrap_or_else(|| PathBuf::from("target/suite"))
}

/// Bytes of all files below `folder`; what cannot be read counts nothing.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let about = entry.metadata().ok()?;
            Some(if about.is_dir() { size_of(&entry.path()) } else { about.len() })
        })
        .sum()
}

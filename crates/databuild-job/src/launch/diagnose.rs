//! From the error number of a failed start to what is wrong and what to do about it.

use super::LaunchFailure;
use crate::exit::{NOT_EXECUTABLE, NOT_FOUND, OUR_FAULT};
use crate::limits::PATH_NAMES_MAX;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Says why `name` could not be started in `cwd`.
pub(super) fn diagnose(
    name: &str,
    cwd: Option<&Path>,
    search_path: Option<&OsStr>,
    error: &io::Error,
) -> LaunchFailure {
    let errno = error.raw_os_error().unwrap_or(0);
    let file = find(name, cwd, search_path);
    let (reason, hint, code) = match (errno, &file) {
        (libc::ENOENT | libc::ENOTDIR, None) if name.contains('/') => (
            format!("{name}: not found"),
            format!("relative paths begin at {}", shown(cwd)),
            NOT_FOUND,
        ),
        (libc::ENOENT | libc::ENOTDIR, None) => not_on_path(name, search_path),
        (libc::ENOENT, Some(file)) => bad_interpreter(name, file),
        (libc::EACCES, Some(file)) => not_executable(name, file),
        (libc::EACCES, None) => (
            format!("{name}: no permission to look for it"),
            "a folder on the way to it cannot be searched".to_owned(),
            NOT_EXECUTABLE,
        ),
        (libc::ENOEXEC, _) => (
            format!("{name}: not a program of this machine"),
            "begin a script with a line such as #!/bin/sh; a binary must be of this architecture"
                .to_owned(),
            NOT_EXECUTABLE,
        ),
        (libc::E2BIG, _) => (
            format!("{name}: arguments and environment are too long"),
            "pass long lists in a file".to_owned(),
            NOT_EXECUTABLE,
        ),
        (libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE, _) => (
            format!("{name}: no more processes, memory or files ({error})"),
            "run fewer jobs at once, or raise the limit".to_owned(),
            OUR_FAULT,
        ),
        _ => (
            format!("{name}: cannot be started ({error})"),
            "try the same command by hand".to_owned(),
            NOT_EXECUTABLE,
        ),
    };
    LaunchFailure { reason, hint, errno: errno_name(errno), code }
}

/// A fault of ours before the command had its turn.
pub(super) fn ours(what: &str, error: &io::Error) -> LaunchFailure {
    LaunchFailure {
        reason: format!("{what} ({error})"),
        hint: "run fewer jobs at once, or raise the limit on open files".to_owned(),
        errno: errno_name(error.raw_os_error().unwrap_or(0)),
        code: OUR_FAULT,
    }
}

/// Says what is wrong with a working folder, if something is.
pub(super) fn bad_cwd(cwd: &str) -> Option<LaunchFailure> {
    let error = match fs::metadata(cwd) {
        Ok(found) if found.is_dir() => return None,
        Ok(_) => io::Error::from_raw_os_error(libc::ENOTDIR),
        Err(error) => error,
    };
    Some(LaunchFailure {
        reason: format!("{cwd}: cannot be the working folder ({error})"),
        hint: "make the folder, or change cwd".to_owned(),
        errno: errno_name(error.raw_os_error().unwrap_or(0)),
        code: OUR_FAULT,
    })
}

fn shown(cwd: Option<&Path>) -> String {
    cwd.map_or_else(|| "the folder of the wrapper".to_owned(), |cwd| cwd.display().to_string())
}

fn folders(search_path: Option<&OsStr>) -> Vec<PathBuf> {
    // What execvp(3) takes if there is no PATH.
    let path = search_path.unwrap_or(OsStr::new("/bin:/usr/bin"));
    path.as_bytes()
        .split(|&byte| byte == b':')
        .map(|folder| {
            PathBuf::from(OsStr::from_bytes(if folder.is_empty() { b"." } else { folder }))
        })
        .collect()
}

/// The file that a command means, if there is one.
fn find(name: &str, cwd: Option<&Path>, search_path: Option<&OsStr>) -> Option<PathBuf> {
    let base = cwd.unwrap_or(Path::new("."));
    if name.contains('/') {
        let file = base.join(name);
        // Also a link that leads nowhere is there.
        return fs::symlink_metadata(&file).is_ok().then_some(file);
    }
    folders(search_path)
        .into_iter()
        .map(|folder| base.join(folder).join(name))
        .find(|it| it.is_file())
}

fn not_on_path(name: &str, search_path: Option<&OsStr>) -> (String, String, i32) {
    let searched = search_path.unwrap_or(OsStr::new("/bin:/usr/bin")).to_string_lossy();
    let hint = match nearest(name, search_path) {
        Some(near) => format!("did you mean {near}? PATH is {searched}"),
        None if Path::new(name).is_file() => {
            format!("there is a file of that name here: write ./{name}; PATH is {searched}")
        }
        None => format!("install it, or give its whole path; PATH is {searched}"),
    };
    (format!("{name}: command not found"), hint, NOT_FOUND)
}

/// The command on the path whose name is nearest to `name`.
fn nearest(name: &str, search_path: Option<&OsStr>) -> Option<String> {
    let far = 1 + name.len() / 4;
    folders(search_path)
        .into_iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(Result::ok)
        .take(PATH_NAMES_MAX)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .map(|candidate| (distance(name, &candidate, far), candidate))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be added, taken away, changed or swapped; more than `far` is `far + 1`.
fn distance(a: &str, b: &str, far: usize) -> usize {
    if far < a.len().abs_diff(b.len()) {
        return far + 1;
    }
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(far + 1);
            let mut least =
                (at(&row, j) + usize::from(x != *y)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            if let (Some(previous), Some(k)) = (last, j.checked_sub(1))
                && previous == *y
                && b.get(k) == Some(&x)
            {
                least = least.min(at(&before, k) + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(x);
    }
    row.last().copied().unwrap_or(far + 1)
}

/// The file is there, and still something was not found: what is to run it.
fn bad_interpreter(name: &str, file: &Path) -> (String, String, i32) {
    let mut start = vec![0_u8; 256];
    let read = fs::File::open(file).and_then(|mut it| io::Read::read(&mut it, &mut start));
    start.truncate(read.unwrap_or(0));
    if let Some(line) = start.strip_prefix(b"#!") {
        let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let text = String::from_utf8_lossy(line);
        let interpreter = text.trim_start().split([' ', '\t']).next().unwrap_or_default();
        let hint = if line.ends_with(b"\r") {
            "the #! line ends in a carriage return: save the file with Unix line ends".to_owned()
        } else {
            format!("install {interpreter}, or change the first line of {}", file.display())
        };
        let shown = interpreter.trim_end_matches('\r');
        return (format!("{name}: its interpreter {shown} was not found"), hint, NOT_EXECUTABLE);
    }
    if start.starts_with(b"\x7fELF") {
        return (
            format!("{name}: its loader was not found"),
            "the program was built for another system or C library".to_owned(),
            NOT_EXECUTABLE,
        );
    }
    (format!("{name}: not found"), "it may be a link that leads nowhere".to_owned(), NOT_FOUND)
}

fn not_executable(name: &str, file: &Path) -> (String, String, i32) {
    let found = fs::metadata(file);
    let hint = match found {
        Ok(found) if found.is_dir() => "it is a folder".to_owned(),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            format!("chmod +x {}", file.display())
        }
        Ok(_) => {
            "its file system may be mounted noexec, or its interpreter is not executable".to_owned()
        }
        Err(_) => "a folder on the way to it cannot be searched".to_owned(),
    };
    (format!("{name}: not executable"), hint, NOT_EXECUTABLE)
}

fn errno_name(errno: i32) -> &'static str {
    match errno {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::EIO => "EIO",
        libc::E2BIG => "E2BIG",
        libc::ENOEXEC => "ENOEXEC",
        libc::EAGAIN => "EAGAIN",
        libc::ENOMEM => "ENOMEM",
        libc::EACCES => "EACCES",
        libc::ENOTDIR => "ENOTDIR",
        libc::EISDIR => "EISDIR",
        libc::EINVAL => "EINVAL",
        libc::ENFILE => "ENFILE",
        libc::EMFILE => "EMFILE",
        libc::ETXTBSY => "ETXTBSY",
        libc::ENAMETOOLONG => "ENAMETOOLONG",
        libc::ELOOP => "ELOOP",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests;

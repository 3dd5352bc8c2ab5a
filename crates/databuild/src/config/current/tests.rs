//! Files of a project that change under a process that lives on.

use super::{Current, Origin};
use crate::clock::SystemClock;
use crate::config::env::Environment;
use crate::config::{FILE_NAME, load_or_empty};
use std::sync::{Arc, Mutex};

const FIRST: &str = "[jobs.a]\nout = \"a\"\nrun = \"true\"\n";

struct World {
    dir: tempfile::TempDir,
    current: Arc<Current>,
    taken: Arc<Mutex<Vec<usize>>>,
}

impl World {
    fn new(text: &str) -> World {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join(FILE_NAME), text).expect("written");
        World::at(dir)
    }

    fn at(dir: tempfile::TempDir) -> World {
        let env = Environment::default();
        let began = load_or_empty(dir.path(), None, &env).expect("right");
        let taken = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&taken);
        let origin = Origin { start: dir.path().to_owned(), file: None, env };
        let clock = Arc::new(SystemClock::new());
        let take = move |config: &crate::config::Config| {
            told.lock().expect("whole").push(config.spec.jobs.len());
        };
        let current = Current::new(origin, began, clock, None, Box::new(take));
        let world = World { dir, current, taken };
        world.look();
        world.taken.lock().expect("whole").clear();
        world
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    /// What a look says: what is wrong, or what waits.
    fn look(&self) -> String {
        let says = self.current.look();
        assert!(self.current.says().is_none_or(|it| it == says), "the same is told");
        let waits = says.remedy();
        says.usable.err().or(waits).unwrap_or_else(|| "in use".to_owned())
    }

    /// The number of jobs each time that settings were taken.
    fn taken(&self) -> Vec<usize> {
        std::mem::take(&mut *self.taken.lock().expect("whole"))
    }
}

fn job(name: &str) -> String {
    format!("[jobs.{name}]\nout = \"{name}\"\nrun = \"true\"\n")
}

#[test]
fn a_changed_file_is_taken_once_and_one_that_did_not_change_is_not_read() {
    let world = World::new(FIRST);
    assert_eq!((world.look().as_str(), world.taken()), ("in use", vec![]));
    world.write(FILE_NAME, &(FIRST.to_owned() + &job("b")));
    assert_eq!((world.look().as_str(), world.taken()), ("in use", vec![2]));
    assert_eq!((world.look().as_str(), world.taken()), ("in use", vec![]));
}

#[test]
fn a_bad_file_changes_nothing_and_says_so_until_it_is_right() {
    let world = World::new(FIRST);
    let since = world.current.look().since;
    world.write(FILE_NAME, &format!("{FIRST}rum = 1\n"));
    let why = "databuild.toml:4: unknown key `rum` in [jobs.a] (did you mean `run`?)";
    assert_eq!((world.look().as_str(), world.taken()), (why, vec![]));
    assert_eq!(world.current.look().since, since);
    std::fs::remove_file(world.dir.path().join(FILE_NAME)).expect("there");
    assert!(world.look().contains("cannot be read"), "{}", world.look());
    world.write(FILE_NAME, FIRST);
    assert_eq!((world.look().as_str(), world.taken()), ("in use", vec![1]));
}

#[test]
fn included_files_are_looked_at_too_and_new_ones_are_found() {
    let world = World::new(FIRST);
    world.write(FILE_NAME, &format!("include = [\"apps/*.toml\"]\n{FIRST}"));
    assert!(world.look().contains("no file is called `apps/*.toml`"), "{}", world.look());
    world.write("apps/b.toml", &job("b"));
    assert_eq!((world.look().as_str(), world.taken()), ("in use", vec![2]));
    world.write("apps/c.toml", &job("c"));
    assert_eq!((world.look().as_str(), world.taken()), ("in use", vec![3]));
    world.write("apps/c.toml", &(job("c") + "rum = 1\n"));
    assert!(world.look().starts_with("apps/c.toml:4: unknown key `rum`"), "{}", world.look());
    world.write("apps/c.toml", &(job("c") + &job("d")));
    assert_eq!((world.look().as_str(), world.taken()), ("in use", vec![4]));
    std::fs::remove_file(world.dir.path().join("apps/c.toml")).expect("there");
    assert_eq!((world.look().as_str(), world.taken()), ("in use", vec![2]));
}

#[test]
fn what_is_read_at_the_start_is_named_until_it_is_as_it_was() {
    let world = World::new(FIRST);
    world.write(
        FILE_NAME,
        &format!("{FIRST}[logs]\ncache_runs = 7\n[serve]\nlisten = \"[::1]:1\"\n"),
    );
    let waits = "start the service again for logs.cache_runs, serve.listen";
    assert_eq!((world.look().as_str(), world.taken()), (waits, vec![1]));
    world.write(FILE_NAME, FIRST);
    assert_eq!(world.look(), "in use");
}

#[test]
fn a_project_that_is_begun_later_is_taken() {
    let world = World::at(tempfile::tempdir().expect("a folder"));
    assert!(world.current.says().is_none());
    world.write(FILE_NAME, FIRST);
    assert_eq!((world.look().as_str(), world.taken()), ("in use", vec![1]));
}

//! What others do to the files of a pipeline, and what their disk does: it is told, everything that the logs
//! have is written, and nobody has to do anything for that but mend what was broken.

use super::{Saver, pipeline, said, stdout, until};
use crate::env::TestEnv;
use std::fs;
use std::path::Path;

/// One pipeline whose files are in a folder of their own.
const PROJECT: &str = r#"
[project]
name = "shop"

[saver]
order_window   = "200ms"
flush_interval = "100ms"

[saver.files.all]
path   = "saved/{app}/all.log"
layout = "%msg%n"
"#;

/// Says one thing as a job of the application, the `nth` one, and waits until the file ends with it and a
/// record says so.
fn say(env: &TestEnv, folder: &Path, nth: u64, what: &str) {
    assert!(env.sh(&format!("databuild run -q --app orders -- echo {what}")).status.success());
    until(what, || {
        let found = fs::read_to_string(folder.join("all.log")).unwrap_or_default();
        if found.ends_with(&format!("{what}\n")) { Ok(()) } else { Err(found + &said(env)) }
    });
    until("its record", || {
        let it = pipeline(env, "all");
        if it["events_out"].as_u64() == Some(nth) { Ok(()) } else { Err(it.to_string()) }
    });
}

#[test]
fn what_others_do_to_the_files_is_told_and_nothing_else_is_lost() {
    let env = TestEnv::new();
    env.write("databuild.toml", PROJECT);
    let saver = Saver::start(&env);
    let folder = env.work().join("saved/orders");
    let file = folder.join("all.log");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let lost = || pipeline(&env, "all")["lost_files"].as_u64();
    say(&env, &folder, 1, "one");
    stdout(&env, "mv saved/orders/all.log saved/orders/theirs.log");
    assert!(env.sh("databuild run -q --app orders -- echo two").status.success());
    // It takes what comes until it is found to have another name.
    let both = || read(&folder.join("theirs.log")) + &read(&file);
    until("two", || if both() == "one\ntwo\n" { Ok(()) } else { Err(both()) });
    say(&env, &folder, 3, "three");
    assert_eq!((both().as_str(), lost()), ("one\ntwo\nthree\n", Some(0)));

    fs::remove_file(&file).expect("removed");
    say(&env, &folder, 4, "four");
    until("a word of it", || if lost() == Some(1) { Ok(()) } else { Err(said(&env)) });
    fs::write(&file, "").expect("shortened");
    say(&env, &folder, 5, "five");
    until("a word of it", || if lost() == Some(2) { Ok(()) } else { Err(said(&env)) });
    fs::remove_dir_all(env.work().join("saved")).expect("the folder is removed");
    say(&env, &folder, 6, "six");
    until("a word of it", || if lost() == Some(3) { Ok(()) } else { Err(said(&env)) });
    assert_eq!(read(&file), "six\n");

    let it = pipeline(&env, "all");
    let shown = file.display();
    let what = format!("{shown} had 5 bytes and has 0: somebody else has removed");
    assert!(it["last_loss"]["what"].as_str().is_some_and(|it| it.starts_with(&what)), "{it}");
    let table = stdout(&env, "databuild saver status -q");
    assert!(
        table.contains(&format!("{what}, renamed or shortened it, and 2 more files")),
        "{table}"
    );
    assert_eq!(it["state"], "running", "{it}");
    assert_eq!(saver.stop(&env), Some(0));
    let said = said(&env);
    assert_eq!(said.matches("saver: pipeline all: ").count(), 3, "{said}");
    assert!(said.contains("databuild saver replay all --since TIME"), "{said}");
}

/// The pipeline once it has failed for want of something, with what it says.
fn failed(env: &TestEnv, why: &str) -> serde_json::Value {
    until(why, || {
        let it = pipeline(env, "all");
        let says = it["last_error"]["what"].as_str().is_some_and(|what| what.contains(why));
        let waits = matches!(it["state"].as_str(), Some("retrying" | "open"));
        if says && waits { Ok(it) } else { Err(it.to_string()) }
    })
}

#[test]
fn a_right_that_was_taken_is_told_and_it_goes_on_when_it_is_given_back() {
    let env = TestEnv::new();
    env.write("databuild.toml", PROJECT);
    // Root may write everywhere, unless it is told that it may not.
    let root = stdout(&env, "id -u").trim() == "0";
    let without = "setpriv --bounding-set=-dac_override,-dac_read_search";
    let command = format!("exec {} databuild saver run", if root { without } else { "" });
    let saver = Saver::of(&env, env.shell(&command));
    let folder = env.work().join("saved/orders");
    say(&env, &folder, 1, "one");
    stdout(&env, "chmod 500 saved");
    assert!(env.sh("databuild run -q --app stock -- echo two").status.success());
    assert!(env.sh("databuild run -q --app orders -- echo three").status.success());
    let it = failed(&env, "Permission denied");
    let remedy = "give the saver's user the right to write there";
    assert_eq!(it["last_error"]["remedy"], remedy, "{it}");
    stdout(&env, "chmod 750 saved");
    until("all of it", || {
        let it = pipeline(&env, "all");
        let done = it["events_out"].as_u64() == Some(3) && it["state"] == "running";
        if done { Ok(()) } else { Err(it.to_string()) }
    });
    assert_eq!(stdout(&env, "cat saved/orders/all.log saved/stock/all.log"), "one\nthree\ntwo\n");
    assert_eq!(saver.stop(&env), Some(0));
    assert!(said(&env).contains("pipeline all runs again"), "{}", said(&env));
}

/// The ways into a mount name space, and in after somebody.
const WAYS: [(&str, &str); 2] = [("-Urm", "-U -m --preserve-credentials"), ("-m", "-m")];

#[test]
fn a_disk_that_is_full_is_waited_for_and_each_line_is_there_once() {
    let env = TestEnv::new();
    env.write("databuild.toml", PROJECT);
    env.write("saved/none", "");
    let mount = "mount -t tmpfs -o size=128k none saved";
    let may = |way: &str| env.sh(&format!("unshare {way} {mount}")).status.success();
    // Where no file system may be mounted there is none to be filled.
    let Some((way, enter)) = WAYS.into_iter().find(|(way, _)| may(way)) else { return };
    let ballast = "head -c 100000 /dev/zero >saved/ballast";
    let line =
        format!("exec unshare {way} sh -c '{mount} && {ballast} && exec databuild saver run'");
    let saver = Saver::of(&env, env.shell(&line));
    let there = |line: &str| {
        let id = saver.0.id();
        stdout(
            &env,
            &format!("nsenter -t {id} {enter} sh -c 'cd {} && {line}'", env.work().display()),
        )
    };
    let say = "seq -f \"line %07g of many\" 4000";
    assert!(env.sh(&format!("databuild run -q --app orders -- {say}")).status.success());
    let it = failed(&env, "No space left on device");
    let remedy = "free space there; the pipeline goes on by itself";
    assert_eq!(it["last_error"]["remedy"], remedy, "{it}");
    there("rm saved/ballast");
    until("all of it", || {
        let it = pipeline(&env, "all");
        if it["events_out"].as_u64() == Some(4_000) { Ok(()) } else { Err(it.to_string()) }
    });
    let expected: String = (1..=4_000).map(|n| format!("line {n:07} of many\n")).collect();
    assert_eq!(there("cat saved/orders/all.log"), expected);
    assert_eq!(saver.stop(&env), Some(0));
}

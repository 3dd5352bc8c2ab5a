//! What `plugin new` writes is a plugin: it compiles, and `plugin test` has nothing to say against it. And what
//! a plugin complains about is kept.

use crate::env::TestEnv;
use std::process::{Output, Stdio};
use std::time::Duration;

fn text(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned());
    texts.concat()
}

/// Runs the suite on a plugin in `folder`; every claim has to hold.
fn check(env: &TestEnv, folder: &str, command: &str) {
    let line = format!("cd {folder} && databuild plugin test --setting path=test.jsonl {command}");
    let output = env.sh(&line);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("ok    acknowledgements keep the order"), "{said}");
    assert!(!said.contains("FAIL"), "{said}");
}

#[test]
fn a_new_plugin_in_python_passes() {
    let env = TestEnv::new();
    assert!(env.sh("databuild plugin new --lang python mask").status.success());
    check(&env, "mask", "python3 processor.py");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "cargo needs what it has downloaded already")]
fn a_new_plugin_in_rust_compiles_and_passes() {
    let env = TestEnv::new();
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let new = format!(
        "databuild plugin new --lang rust --sdk {workspace}/libs/databuild-plugin-sdk mask"
    );
    let made = env.sh(&new);
    assert!(made.status.success(), "{}", text(&made));
    // The versions that were downloaded for us.
    let lock = std::fs::read(format!("{workspace}/Cargo.lock")).expect("our versions");
    std::fs::write(env.work().join("mask/Cargo.lock"), lock).expect("written");
    let mut build = env.shell("cd mask && exec \"$CARGO\" build --offline --quiet");
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "PATH"] {
        if let Some(value) = std::env::var_os(name) {
            build.env(name, value);
        }
    }
    // Compiled once for all runs of this test.
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/plugins");
    let built = build.env("CARGO", env!("CARGO")).env("CARGO_TARGET_DIR", target).output();
    let built = built.expect("cargo");
    assert!(built.status.success(), "{}", text(&built));
    check(&env, "mask", &format!("{target}/debug/mask"));
}

#[test]
fn what_a_plugin_complains_about_is_kept() {
    let env = TestEnv::new();
    env.write(
        "databuild.toml",
        "[saver.plugins.broken]\ncommand = [\"sh\", \"-c\", \"echo it does not work >&2; exit 3\"]\n",
    );
    let mut saver = env.databuild();
    saver.args(["saver", "run", "-q"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut saver = saver.spawn().expect("a saver");
    let kept = env.work().join(".databuild/saver/broken/plugin.log");
    let found = (0..1_200).any(|_| {
        let there =
            std::fs::read_to_string(&kept).is_ok_and(|it| it.contains("it does not work\n"));
        if !there {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        there
    });
    saver.kill().expect("killed");
    saver.wait().expect("an end");
    assert!(found, "{}", kept.display());
}

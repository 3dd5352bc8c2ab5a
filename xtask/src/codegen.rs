//! `cargo xtask codegen`: the Rust types of `proto/`, written to one committed file, so that building
//! the product needs neither `protoc` nor a build script. Output goes through rustfmt, so that it is
//! held to the same form as what we write.

use crate::process::command;
use anyhow::{Context, Result, bail, ensure};
use prost_build::Module;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

/// The contract, below `proto/`.
const CONTRACT: &str = "databuild/v1/databuild.proto";
/// Where the generated types go.
const GENERATED: &str = "crates/databuild-model/src/proto/generated.rs";
const HEADER: &str = "//! Generated from `proto/databuild/v1/databuild.proto` by `cargo xtask codegen`; edit that file, not\n\
                      //! this one. Only `crate::proto` may use these types.\n\n";

/// Writes the generated file, or with `check` compares it.
///
/// # Errors
/// The contract does not compile, rustfmt is missing, or `check` found a difference.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let wanted = generate(root)?;
    let path = root.join(GENERATED);
    if check {
        let have = fs::read_to_string(&path).unwrap_or_default();
        ensure!(
            have == wanted,
            "{GENERATED} is not what proto/{CONTRACT} says; run `cargo xtask codegen`"
        );
        println!("{GENERATED} is what proto/{CONTRACT} says");
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, wanted).with_context(|| format!("cannot write {GENERATED}"))?;
    println!("wrote {GENERATED}");
    Ok(())
}

fn generate(root: &Path) -> Result<String> {
    let files = protox::compile([CONTRACT], [root.join("proto")])
        .with_context(|| format!("proto/{CONTRACT} does not compile"))?;
    let mut config = prost_build::Config::new();
    config.btree_map(["."]);
    let requests = files
        .file
        .into_iter()
        .map(|file| (Module::from_protobuf_package_name(file.package()), file))
        .collect();
    let mut modules: Vec<String> = config.generate(requests)?.into_values().collect();
    let (Some(code), true) = (modules.pop(), modules.is_empty()) else {
        bail!("proto/{CONTRACT} has to be one package");
    };
    format(root, &format!("{HEADER}{code}"))
}

fn format(root: &Path, code: &str) -> Result<String> {
    let mut child = command("rustfmt", root)
        .args(["--edition", "2024", "--emit", "stdout", "--config-path"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start rustfmt; `rustup component add rustfmt` installs it")?;
    let mut stdin = child.stdin.take().context("rustfmt has no stdin")?;
    // rustfmt reads all of its input before it writes.
    stdin.write_all(code.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "rustfmt refused the generated code");
    Ok(String::from_utf8(output.stdout)?)
}

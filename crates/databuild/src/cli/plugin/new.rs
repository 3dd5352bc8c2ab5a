//! `databuild plugin new`: a plugin that works, to be made one's own. What is written are the examples of
//! the kits, which the tests of the kits run.

use crate::cli::args::{PluginLanguage, PluginNewArgs};
use crate::cli::context::Context;
use crate::cli::outcome::{Exit, Failure};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const PYTHON_KIT: &str = include_str!("../../../../../plugins/python/databuild_plugin.py");
const PYTHON_EXAMPLE: &str = include_str!("../../../../../plugins/python/mask.py");
const PYTHON_README: &str = include_str!("template/python.md");
const RUST_EXAMPLE: &str =
    include_str!("../../../../../libs/databuild-plugin-sdk/examples/mask.rs");
const RUST_MANIFEST: &str = include_str!("template/rust.toml");
const RUST_README: &str = include_str!("template/rust.md");
const EVENTS: &str = include_str!("template/events.jsonl");

/// Longest name: it becomes a folder of the saver and a metric label.
const NAME_BYTES_MAX: usize = 64;

/// Writes the plugin.
pub(super) fn run(args: &PluginNewArgs, context: &Context) -> Result<Exit, Failure> {
    let dir: PathBuf = context.start_folder().join(&args.dir).components().collect();
    let name = name(&dir)?;
    let files = match args.lang {
        PluginLanguage::Python => vec![
            ("databuild_plugin.py", PYTHON_KIT.to_owned()),
            ("processor.py", renamed(PYTHON_EXAMPLE, name).replace("mask.py", "processor.py")),
            ("README.md", renamed(PYTHON_README, name)),
            ("events.jsonl", EVENTS.to_owned()),
        ],
        PluginLanguage::Rust => {
            let sdk = dependency(args.sdk.as_deref(), &context.start_folder())?;
            vec![
                ("Cargo.toml", renamed(RUST_MANIFEST, name).replace("{sdk}", &sdk)),
                ("src/main.rs", renamed(RUST_EXAMPLE, name).replace("examples/mask", name)),
                ("README.md", renamed(RUST_README, name)),
                ("events.jsonl", EVENTS.to_owned()),
                (".gitignore", "/target\n".to_owned()),
            ]
        }
    };
    write(&dir, &files)?;
    let (shown, program) = (args.dir.display(), context.program());
    let try_it = match args.lang {
        PluginLanguage::Python => format!("{program} plugin test python3 processor.py"),
        PluginLanguage::Rust => {
            format!("cargo build && {program} plugin test target/debug/{name}")
        }
    };
    let mut err = io::stderr().lock();
    writeln!(err, "✔ {shown}  a plugin that masks card numbers")?;
    writeln!(err, "next: cd {shown} && {try_it}")?;
    Ok(Exit::Done)
}

fn name(dir: &Path) -> Result<&str, Failure> {
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(plain);
    if fits {
        return Ok(name);
    }
    Err(Failure::text(Exit::Usage, format!("{name:?} cannot be the name of a plugin"))
        .remedy("a name begins with a-z, then has a-z 0-9 - and _, at most 64 in all"))
}

/// What stands behind the name of the kit in a manifest.
fn dependency(sdk: Option<&str>, start: &Path) -> Result<String, Failure> {
    let wanted = "--sdk libs/databuild-plugin-sdk of a checkout of databuild, or the URL of its git repository";
    let Some(sdk) = sdk else {
        return Err(Failure::text(Exit::Usage, "a plugin in Rust needs the kit").remedy(wanted));
    };
    // A JSON string is a TOML string.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    if sdk.contains("://") || sdk.starts_with("git@") {
        return Ok(format!("git = {}", quoted(sdk)));
    }
    let path = start.join(sdk);
    if !path.join("Cargo.toml").is_file() {
        return Err(
            Failure::text(Exit::Usage, format!("no kit in {}", path.display())).remedy(wanted)
        );
    }
    let path = path.canonicalize()?;
    Ok(format!("path = {}", quoted(&path.display().to_string())))
}

fn renamed(text: &str, name: &str) -> String {
    text.replace("{name}", name)
        .replace("\"mask\"", &format!("\"{name}\""))
        .replace("plugins.mask]", &format!("plugins.{name}]"))
}

fn write(dir: &Path, files: &[(&str, String)]) -> Result<(), Failure> {
    let exists = |error: io::Error| {
        let error = anyhow::Error::new(error).context(format!("cannot write {}", dir.display()));
        Failure::new(Exit::State, error)
    };
    if dir.read_dir().is_ok_and(|mut inside| inside.next().is_some()) || dir.is_file() {
        return Err(Failure::text(Exit::Usage, format!("{} exists already", dir.display()))
            .remedy("take a folder that is empty, or not there yet"));
    }
    for (file, text) in files {
        let path = dir.join(file);
        let folder = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(folder).map_err(exists)?;
        std::fs::write(&path, text).map_err(exists)?;
    }
    Ok(())
}

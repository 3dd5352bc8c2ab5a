//! The pages of the documentation, followed word for word: every `console` block of the README and of
//! `docs/` is typed into a world of its own, page by page, and what comes out is compared.
//!
//! `$ ` begins a command; the lines below it are what it prints, with `…` for what differs from run to
//! run (alone on a line: any lines). A block with a file name behind its language is that file. `cd`
//! lasts to the end of the page, and so does a command that ends with ` &`.

mod page;

use crate::env::TestEnv;
use page::{Step, agree, steps};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// Where the service listens on a page; in the test it gets a port that is free.
const PAGE_ADDRESS: &str = "127.0.0.1:8440";

/// Seconds that one command may take.
const COMMAND_SECONDS_MAX: u32 = 120;

#[test]
fn every_page_can_be_followed_word_for_word() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    find_pages(&root.join("docs"), &mut pages);
    pages.sort();
    let mut wrong = Vec::new();
    for page in pages.iter().filter(|page| page.exists()) {
        let text = fs::read_to_string(page).expect("a page");
        let name = page.strip_prefix(&root).unwrap_or(page).display().to_string();
        wrong.extend(Follower::new().follow(&name, &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn find_pages(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            find_pages(&path, pages);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            pages.push(path);
        }
    }
}

/// Somebody who does what a page says.
struct Follower {
    env: TestEnv,
    /// Where they are, below the working folder.
    folder: String,
    address: String,
    background: Vec<String>,
}

impl Follower {
    fn new() -> Follower {
        // The port is free again when the page uses it; nothing else here takes one by number.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        Follower {
            env: TestEnv::new(),
            folder: String::new(),
            address: address.expect("a port").to_string(),
            background: Vec::new(),
        }
    }

    /// What is not as the page says.
    fn follow(&mut self, page: &str, text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for step in steps(text) {
            match step {
                Step::File { name, text } => {
                    self.env.write(&format!("{}{name}", self.folder), &text);
                }
                Step::Command { line, command, expected } => {
                    let Some(said) = self.type_in(&command) else { continue };
                    if !agree(&expected, &said) {
                        wrong.push(format!(
                            "{page}:{line}: $ {command}\n--- the page\n{expected}--- the program\n{said}\n"
                        ));
                    }
                }
            }
        }
        wrong
    }

    /// What a command prints, with the addresses of the page; nothing for one that is not for here.
    fn type_in(&mut self, command: &str) -> Option<String> {
        if let Some(folder) = command.strip_prefix("cd ") {
            self.folder = format!("{}{}/", self.folder, folder.trim());
            return Some(String::new());
        }
        // The suite is what runs this test, and the clone is the tree that it runs in.
        if command.starts_with("cargo xtask") || command.starts_with("git clone") {
            return None;
        }
        let command = command.replace("cargo run -- ", "databuild ");
        let said = match command.strip_suffix(" &") {
            Some(command) => self.start(command),
            None => self.run(&command),
        };
        Some(said.replace(&self.address, PAGE_ADDRESS))
    }

    fn run(&self, command: &str) -> String {
        self.write_script(command);
        self.shell(&format!("timeout {COMMAND_SECONDS_MAX} sh ../step.sh 2>&1"))
    }

    /// Starts a command that stays, and waits for its first words.
    fn start(&mut self, command: &str) -> String {
        self.write_script(&format!("exec {command}"));
        let number = self.background.len();
        let process = self.shell(&format!(
            "sh ../step.sh >../said-{number} 2>&1 & echo $!; \
             for i in $(seq 200); do [ -s ../said-{number} ] && break; sleep 0.05; done"
        ));
        self.background.push(process.trim().to_owned());
        self.shell(&format!("cat ../said-{number}"))
    }

    fn write_script(&self, command: &str) {
        let command = command.replace(PAGE_ADDRESS, &self.address);
        let folder = if self.folder.is_empty() { "." } else { &self.folder };
        let script =
            format!("cd '{folder}' || exit\nexport DATABUILD_LISTEN={}\n{command}\n", self.address);
        fs::write(self.env.root().join("step.sh"), script).expect("written");
    }

    fn shell(&self, line: &str) -> String {
        String::from_utf8_lossy(&self.env.sh(line).stdout).into_owned()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        for process in &self.background {
            self.shell(&format!("kill {process}"));
        }
    }
}

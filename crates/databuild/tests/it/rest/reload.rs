//! A service whose project files change under it.

use super::client::Client;
use super::rig::Service;
use crate::env::TestEnv;
use rustix::process::Signal;

fn job(name: &str) -> String {
    format!("[jobs.{name}]\nout = \"{name}\"\nrun = \"echo made > {name}\"\n")
}

/// What a check of `/readyz?verbose` says.
fn check(client: &Client, name: &str) -> String {
    let told = client.get("/readyz?verbose").text();
    let line = told.lines().find(|line| line.get(4..).is_some_and(|rest| rest.starts_with(name)));
    line.unwrap_or_else(|| panic!("no {name} in {told}")).to_owned()
}

/// Plans `want`; the status of the answer.
fn plan(client: &Client, want: &str) -> u16 {
    client.post("/api/v1/plan", &format!(r#"{{"want":["{want}"]}}"#)).status
}

#[test]
fn a_build_goes_by_the_project_file_as_it_is_and_a_bad_one_changes_nothing() {
    let env = TestEnv::new();
    env.write("databuild.toml", &job("first"));
    let service = Service::start(&env, &[]);
    let client = &service.client;
    assert_eq!((plan(client, "first"), plan(client, "second")), (200, 422));
    assert_eq!(check(client, "config"), "[+] config ok");

    env.write("databuild.toml", &(job("first") + &job("second")));
    assert_eq!(plan(client, "second"), 200);

    env.write("databuild.toml", &(job("first") + &job("second") + "rum = 1\n"));
    let begun = client.post("/api/v1/builds", r#"{"want":["second"]}"#);
    assert_eq!(begun.status, 202, "{}", begun.text());
    let why = "databuild.toml:7: unknown key `rum` in [jobs.second] (did you mean `run`?)";
    assert_eq!(check(client, "config"), format!("[-] config cannot be used as it is now: {why}"));

    env.write("databuild.toml", &("include = [\"apps/*.toml\"]\n".to_owned() + &job("third")));
    env.write("apps/more.toml", &job("fourth"));
    assert_eq!((plan(client, "first"), plan(client, "fourth")), (422, 200));
    env.write("apps/more.toml", &job("fifth"));
    assert_eq!((plan(client, "fourth"), plan(client, "fifth")), (422, 200));
    assert_eq!(check(client, "config"), "[+] config ok");
}

#[test]
fn a_signal_has_pipelines_read_again_and_tells_what_waits_for_a_start() {
    let env = TestEnv::new();
    let pipeline = |level: &str| {
        let files =
            format!("level = \"{level}\"\npath = \"saved/{{app}}.log\"\nlayout = \"%msg%n\"");
        format!("[saver.files.all]\n{files}\n")
    };
    env.write("databuild.toml", &(job("first") + &pipeline("info")));
    let service = Service::start(&env, &[]);
    assert_eq!(check(&service.client, "config"), "[+] config ok");
    env.write("databuild.toml", &(job("first") + &pipeline("error") + "[logs]\ncache_runs = 7\n"));
    assert_eq!(plan(&service.client, "first"), 200);
    let restart = "start the service again for logs.cache_runs";
    assert_eq!(
        check(&service.client, "config"),
        format!(
            "[-] config is not all in use: {restart}; send it a SIGHUP for the pipelines of [saver]"
        )
    );
    service.signal(Signal::HUP);
    let waits = format!("[-] config is not all in use: {restart}");
    let applied = (0..5_000).any(|_| check(&service.client, "config") == waits);
    assert!(applied, "{}", check(&service.client, "config"));
    let (_, said) = service.stop(Signal::TERM);
    assert!(said.contains("saver: the configuration was read again: changed all"), "{said}");
    assert!(said.contains(&format!("the settings were read again; {restart}\n")), "{said}");
}

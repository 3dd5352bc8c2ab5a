//! What a process is allowed, as the process itself sees it.

use crate::rig::{Rig, SH_HELLO, said};
use expect_test::{Expect, expect};
use std::time::Duration;

/// What a plugin in sh says on standard error when it starts.
fn check(text: &str, expected: Expect) {
    let mut rig = Rig::sh(&format!("{SH_HELLO} {{ {text}; }} >&2; read -r stop"), |settings| {
        settings.memory_bytes_max = 64 << 20;
        settings.open_files_max = 20;
        settings.file_bytes_max = 1 << 20;
        settings.environment.insert("GREETING".to_owned(), "hello".to_owned());
    });
    rig.start().unwrap();
    assert_eq!(said(&rig.destroy(Duration::from_secs(10))), "ok");
    let said = rig.complaints.lock().unwrap().join("\n") + "\n";
    expected.assert_eq(&said);
}

#[test]
fn limits_are_those_of_the_settings() {
    check(
        "grep -E 'data size|open files|core file|Max file size' /proc/self/limits | tr -s ' ' | sed 's/ $//'",
        expect![[r#"
            Max file size 1048576 1048576 bytes
            Max data size 67108864 67108864 bytes
            Max core file size 0 0 bytes
            Max open files 20 20 files
        "#]],
    );
}

#[test]
fn its_privileges_cannot_grow() {
    check(
        "grep NoNewPrivs /proc/self/status",
        expect![[r#"
        NoNewPrivs:	1
    "#]],
    );
}

#[test]
fn its_environment_is_what_is_set() {
    check(
        "env | grep -E '^(GREETING|HOME|CARGO|USER)'",
        expect![[r#"
        GREETING=hello
    "#]],
    );
}

#[test]
fn it_leads_a_group_of_its_own_in_its_folder() {
    check(
        r#"[ "$(ps -o pgid= -p $$ | tr -d ' ')" = $$ ] && echo leader; basename "$PWD" | cut -c1-4"#,
        expect![[r#"
            leader
            .tmp
        "#]],
    );
}

#[test]
fn the_number_of_its_processes_is_limited() {
    check(
        r#"[ "$(grep 'Max processes' /proc/self/limits | tr -s ' ' | cut -d' ' -f3)" -lt 30000 ] && echo limited"#,
        expect![[r#"
            limited
        "#]],
    );
}

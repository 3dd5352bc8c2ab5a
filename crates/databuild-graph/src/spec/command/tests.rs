//! Commands: braces that are ours, braces that are not, and words for a shell.

use super::*;
use crate::spec::pattern::Pattern;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn shell(text: &str) -> CommandDraft {
    CommandDraft::Shell(text.to_owned())
}

fn list(args: &[&str]) -> CommandDraft {
    CommandDraft::Direct(args.iter().map(|&arg| arg.to_owned()).collect())
}

#[track_caller]
fn check(draft: &CommandDraft, expected: Expect) {
    let keys = Keys::default();
    let out = Pattern::parse("out/{date}", &keys).expect("a pattern");
    let own = out.binds();
    let told = match Command::parse(draft, &keys, &own) {
        Ok(command) => {
            let binding = out.bind(&keys, "out/2025-03-01").expect("a run");
            let inputs = ["in/a b".to_owned(), "in/c".to_owned()];
            let outputs = ["s3://b/it's".to_owned()];
            let values =
                Values { keys: &keys, binding: &binding, inputs: &inputs, outputs: &outputs };
            format!("{:?}", command.render(&values))
        }
        Err(errors) => {
            let told: Vec<_> = errors
                .iter()
                .map(|error| format!("{:?} {:?} {}", error.item, error.at, error.fault))
                .collect();
            told.join("; ")
        }
    };
    expected.assert_eq(&told);
}

#[test]
fn values_are_quoted_for_the_shell() {
    check(
        &shell("x {in} > {out} # {date} {date-1d}"),
        expect![[r#"["sh", "-c", "x 'in/a b' in/c > 's3://b/it'\\''s' # 2025-03-01 2025-02-28"]"#]],
    );
}

#[test]
fn arguments_repeat_for_each_partition() {
    check(
        &list(&["x", "{in}", "--to={out}", "{date}-{date+1d}"]),
        expect![[r#"["x", "in/a b", "in/c", "--to=s3://b/it's", "2025-03-01-2025-03-02"]"#]],
    );
}

#[test]
fn braces_that_are_not_ours_stay() {
    check(
        &shell("awk '{ print $1 }' ${HOME} {a,b} {} {1..3} {{date}} { date } ${date} {x-y}"),
        expect![[
            r#"["sh", "-c", "awk '{ print $1 }' ${HOME} {a,b} {} {1..3} {date} { date } ${date} {x-y}"]"#
        ]],
    );
}

#[test]
fn what_cannot_be_a_command() {
    check(&shell(" "), expect!["None 0..0 there is no command"]);
    check(&list(&[]), expect!["None 0..0 there is no command"]);
    check(&list(&["", "x"]), expect!["None 0..0 there is no command"]);
    check(
        &list(&["x", "a {dat} {print}"]),
        expect![
            "Some(1) 2..7 `{dat}` is not a key of this job; Some(1) 8..15 `{print}` is not a key of this job"
        ],
    );
    check(
        &shell("{date-1h} \0"),
        expect![
            "None 10..11 a command cannot have a NUL character; None 0..9 `{date-1h}` has no meaning"
        ],
    );
}

#[test]
fn the_program_of_a_list_is_known() {
    let keys = Keys::default();
    let program = |draft: CommandDraft| {
        Command::parse(&draft, &keys, &[]).expect("a command").program().map(str::to_owned)
    };
    assert_eq!(program(list(&["python", "{in}"])), Some("python".to_owned()));
    assert_eq!(program(list(&["{in}"])), None);
    assert_eq!(program(shell("python x")), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A shell takes a quoted word as that word.
    #[test]
    fn any_text_survives_the_quotes(text in "[^\0]{0,20}") {
        #[expect(clippy::disallowed_methods, reason = "the test asks a real shell")]
        let mut shell = std::process::Command::new("sh");
        let out = shell.arg("-c").arg(format!("printf %s {}", quoted(&text))).output().expect("a shell");
        prop_assert_eq!(String::from_utf8(out.stdout).expect("text"), text);
    }

    #[test]
    fn no_text_panics(text in "(\\PC|[{}$]|in|date){0,30}") {
        let keys = Keys::default();
        let own = [keys.find("date").expect("a key")];
        drop(Command::parse(&shell(&text), &keys, &own));
    }
}

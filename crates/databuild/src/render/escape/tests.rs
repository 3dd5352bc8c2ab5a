//! A corpus of hostile lines, and the property that nothing forbidden ever comes out.

use super::{Escapes, is_harmful, neutralise, neutralise_json};
use proptest::prelude::*;

#[track_caller]
fn check(text: &str, on_terminal: &str, elsewhere: &str) {
    let of = |escapes| {
        let mut out = String::new();
        neutralise(text, escapes, &mut out);
        out
    };
    assert_eq!(of(Escapes::Colours), on_terminal, "on a terminal");
    assert_eq!(of(Escapes::Nothing), elsewhere, "elsewhere");
}

#[track_caller]
fn check_shown(text: &str, shown: &str) {
    check(text, shown, shown);
}

#[test]
fn plain_text_of_any_script_is_untouched() {
    for text in ["", "rows=12\tof 30", "日本語 🙂 👩\u{200d}🚀 می\u{200c}خواهم", "a\nb"]
    {
        check_shown(text, text);
    }
}

#[test]
fn colours_act_on_a_terminal_and_are_closed() {
    check("\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m\u{1b}[0m", "red");
    check("\u{1b}[1;38;5;208mwarm", "\u{1b}[1;38;5;208mwarm\u{1b}[0m", "warm");
    check("\u{1b}[48;2;1;2;255mdeep", "\u{1b}[48;2;1;2;255mdeep\u{1b}[0m", "deep");
    check("\u{1b}[mreset", "\u{1b}[mreset\u{1b}[0m", "reset");
}

#[test]
fn what_is_not_a_colour_is_shown() {
    // Conceal, blink, colour numbers that are none, a sequence without end, and one too long.
    check_shown("\u{1b}[8mhidden", "\\x1b[8mhidden");
    check_shown("\u{1b}[5mblink", "\\x1b[5mblink");
    check_shown("\u{1b}[38;5;999mx", "\\x1b[38;5;999mx");
    check_shown("\u{1b}[38mx", "\\x1b[38mx");
    check_shown("\u{1b}[31", "\\x1b[31");
    check_shown("\u{1b}[>4;2m", "\\x1b[>4;2m");
    let long = format!("\u{1b}[{}m", "1;".repeat(40));
    check_shown(&long, &long.replace('\u{1b}', "\\x1b"));
}

#[test]
fn a_terminal_is_not_told_to_do_anything() {
    check_shown("\u{1b}]52;c;ZXZpbA==\u{7}", "\\x1b]52;c;ZXZpbA==\\x07"); // clipboard
    check_shown("\u{1b}]0;title\u{1b}\\", "\\x1b]0;title\\x1b\\"); // window title
    check_shown("\u{1b}]8;;http://x\u{1b}\\", "\\x1b]8;;http://x\\x1b\\"); // link
    check_shown("\u{1b}P$q\"p\u{1b}\\", "\\x1bP$q\"p\\x1b\\"); // device control
    check_shown("\u{1b}[6n\u{1b}[c\u{5}", "\\x1b[6n\\x1b[c\\x05"); // questions it would answer
    check_shown("\u{1b}[2J\u{1b}[1;1H", "\\x1b[2J\\x1b[1;1H"); // clear the screen
    check_shown("\u{1b}[?1049h\u{1b}c", "\\x1b[?1049h\\x1bc"); // other screen, reset
    check_shown("\u{9b}31m\u{9d}0;t\u{9c}", "\\x9b31m\\x9d0;t\\x9c"); // the same in eight bits
    check_shown("ok\u{8}\u{8}no\rover\u{7f}\0", "ok\\x08\\x08no\\rover\\x7f\\x00");
}

#[test]
fn text_cannot_be_turned_round_or_hidden() {
    check_shown("user\u{202e}nimda", "user\\u{202e}nimda");
    check_shown("a\u{2066}b\u{2069}c\u{200f}", "a\\u{2066}b\\u{2069}c\\u{200f}");
    check_shown("pay\u{200b}pal\u{feff}\u{e0041}", "pay\\u{200b}pal\\u{feff}\\u{e0041}");
    check_shown("one\u{2028}two", "one\\u{2028}two");
}

/// Text with many escapes, cut at any place.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[\u{0}-\u{9f}]{0,4}",
        "\u{1b}\\[[0-9;:?>]{0,12}[a-zA-Z]?",
        "\u{1b}[\\]P_^X][a-z0-9;]{0,8}(\u{7}|\u{1b}\\\\)?",
        "[\u{2000}-\u{2070}\u{61c}\u{feff}]{0,3}",
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

/// Takes the colour sequences out again, by a rule of its own.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((codes, rest)) if codes.chars().all(|c| c.is_ascii_digit() || c == ';') => {
                plain.push_str(rest);
            }
            _ => {
                plain.push('\u{1b}');
                plain.push_str(part);
            }
        }
    }
    plain
}

proptest! {
    #[test]
    fn nothing_forbidden_comes_out(text in hostile()) {
        let mut out = String::new();
        neutralise(&text, Escapes::Nothing, &mut out);
        prop_assert!(!out.contains(is_harmful), "{out:?}");

        let mut out = String::new();
        neutralise(&text, Escapes::Colours, &mut out);
        prop_assert!(!without_colours(&out).contains(is_harmful), "{out:?}");
        let closed = out.ends_with("\u{1b}[0m");
        prop_assert!(closed || !out.contains(char::from(0x1b)));
    }

    #[test]
    fn json_keeps_its_meaning(text in hostile()) {
        let json = serde_json::to_string(&text).expect("a string");
        let mut out = String::new();
        neutralise_json(&json, &mut out);
        prop_assert!(!out.contains(is_harmful));
        prop_assert_eq!(serde_json::from_str::<String>(&out).expect("still JSON"), text);
    }
}

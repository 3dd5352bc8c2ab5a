//! The picture at the top of the README: a build that fails, and the fix, as a terminal shows them. It is
//! drawn from what the program prints here, with times of day and durations that do not change.

use crate::env::TestEnv;
use expect_test::expect_file;
use std::fmt::Write as _;

const PROJECT: &str = r#"
[jobs.clean]
in  = "raw/date={date}.csv"
out = "clean/date={date}.csv"
run = "sh clean.sh {in} {out}"

[jobs.report]
in  = "clean/date={date-2d..date}.csv"
out = "report/date={date}.txt"
run = "sh report.sh {out} {in}"

[keys]
date = { every = "day", from = "2025-01-01" }
"#;

const CLEAN: &str = r#"
echo "reading $1"
mkdir -p clean
awk -F, '
  $3 !~ /^[0-9.]+$/ { print "WARN: line " NR ": " $3 " is no amount" > "/dev/stderr"; bad++; next }
  { print > out }
  END { if (bad) { print "ERROR: " bad " of " NR " lines are unusable" > "/dev/stderr"; exit 3 } }
' out="$2" "$1" || exit 3
databuild emit metric rows_total "$(wc -l < "$2")"
"#;

const REPORT: &str = r#"
out=$1; shift
mkdir -p report
cat "$@" | awk -F, '{ sum += $3 } END { print "sum " sum }' > "$out"
"#;

/// What is typed. The second is not the program's.
const TYPED: [&str; 3] = [
    "databuild build report/date=2025-01-26.txt",
    "sed -i 's/,n\\/a$/,51/; s/,twelve$/,12/' raw/date=2025-01-25.csv",
    "databuild build --retry 1",
];

#[test]
fn the_picture_of_a_failing_build_is_what_the_program_prints() {
    let env = TestEnv::new();
    env.write("databuild.toml", PROJECT);
    env.write("clean.sh", CLEAN);
    env.write("report.sh", REPORT);
    for day in 24..=26 {
        let mut rows: Vec<String> = (1..=200).map(|n| format!("o{n},a,{}", n * 3)).collect();
        if day == 25 {
            rows[16] = "o17,a,n/a".to_owned();
            rows[39] = "o40,a,twelve".to_owned();
        }
        env.write(&format!("raw/date=2025-01-{day}.csv"), &(rows.join("\n") + "\n"));
    }
    let mut shown = String::new();
    for line in TYPED {
        // One job at a time, so that lines come in one order.
        let quiet = line.replace(" build ", " --color always build -j 1 ");
        let output = env.sh(&format!("{quiet} 2>&1"));
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        write!(shown, "\x1b[1m$ {line}\x1b[0m\n{said}\n").expect("written");
    }
    let shown = shown.trim_end();
    assert!(shown.contains("is no amount") && shown.contains("ok after"), "{shown}");
    expect_file!["../../../../docs/failing-build.svg"].assert_eq(&svg(&still(shown)));
}

/// The text with times that do not change: of day, and how long something took.
fn still(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = from.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.');
        let (number, after) = from.split_at(end.unwrap_or(from.len()));
        let is_time = number.len() >= 8 && number.chars().filter(|c| *c == ':').count() == 2;
        let unit = after.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
        let is_span = unit == "ms" || unit == "s" && number.contains('.');
        rest = after;
        out.push_str(match (is_time, is_span) {
            (true, _) if number.contains('.') => "09:30:01.204",
            (true, _) => "09:30:01",
            (false, true) => {
                rest = after.strip_prefix(unit).unwrap_or(after);
                "0.2s"
            }
            (false, false) => number,
        });
    }
    out + rest
}

const CELL_WIDTH: f64 = 8.4;
const LINE_HEIGHT: usize = 19;

/// A terminal with this text in it, whose colours are those of the program.
fn svg(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let columns = lines.iter().map(|line| plain(line).chars().count()).max().unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "some dozens of columns")]
    let width = (columns as f64).mul_add(CELL_WIDTH, 32.0).ceil();
    let height = lines.len() * LINE_HEIGHT + 60;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"A build that fails, with its cause and what to do next, and the build after the fix\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#16191f\"/>\n\
         <circle cx=\"20\" cy=\"19\" r=\"6\" fill=\"#e0605e\"/><circle cx=\"40\" cy=\"19\" r=\"6\" fill=\"#e2b35a\"/>\
         <circle cx=\"60\" cy=\"19\" r=\"6\" fill=\"#5fb56f\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"14\" fill=\"#d6dae2\" xml:space=\"preserve\">\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let y = 54 + number * LINE_HEIGHT;
        let length = plain(line).chars().count();
        if length == 0 {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "some dozens of columns")]
        let wide = length as f64 * CELL_WIDTH;
        writeln!(out, "<text x=\"16\" y=\"{y}\" textLength=\"{wide:.1}\">{}</text>", spans(line))
            .expect("written");
    }
    out + "</g>\n</svg>\n"
}

/// The line without its escapes.
fn plain(line: &str) -> String {
    pieces(line).into_iter().map(|(_, text)| text).collect()
}

/// What is shown in one style each: the number of the style, and the text.
fn pieces(line: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut style = "0";
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        found.push((style, before));
        (style, rest) = after.split_once('m').expect("a whole escape");
    }
    found.push((style, rest));
    found.retain(|(_, text)| !text.is_empty());
    found
}

fn spans(line: &str) -> String {
    let look = |style: &str| match style {
        "0" => None,
        "1" => Some("font-weight=\"bold\" fill=\"#ffffff\""),
        "2" => Some("fill=\"#8a92a0\""),
        "31" => Some("fill=\"#f07a78\""),
        "32" => Some("fill=\"#7fcf8e\""),
        "33" => Some("fill=\"#e8c06d\""),
        other => panic!("no colour for the style {other}"),
    };
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let one = |(style, text): (&str, &str)| match look(style) {
        Some(look) => format!("<tspan {look}>{}</tspan>", escaped(text)),
        None => escaped(text),
    };
    pieces(line).into_iter().map(one).collect()
}

//! Every conversion word of logback, by each of its names: what it prints here, or why it is refused. With the
//! other tests of layouts these are the rows of what has to be the same:
//!
//! | what | test |
//! |---|---|
//! | words and their other names; colours; what has no meaning for a job | here |
//! | modifiers: width, cut, in UTF-16 units; composites | `words_and_widths`, `groups`, `oracle` |
//! | quoting, options, escapes, and everything that logback does silently wrong | `what_logback_does_silently_wrong_is_refused_with_its_column` |
//! | dates: zones, fractions, letters of both versions | `dates_have_zones_and_fractions`, `oracle` |
//! | `%logger{n}` and its boundaries; `%d{SS}`; null messages; both versions byte by byte | `oracle` |
//! | tracebacks: depth, root first, causes, other languages | `tracebacks_…`, `oracle` |
//! | patterns that CDAP ships | here |

use super::{event, rendered};
use crate::layout::{Layout, LayoutEvent, LayoutOptions, Scratch};
use expect_test::expect;
use std::fmt::Write as _;

/// Words with all their names; those of one line are one word.
const WORDS: &str = "
    d date
    ms
    micros
    ep epoch
    epoch{seconds} ep{seconds}
    r relative
    level le p
    t thread
    lo logger c
    lo{8} logger{8} c{8}
    m msg message
    rawmsg
    C class
    M method
    L line
    F file
    X mdc
    X{user} mdc{user}
    X{no:-none} mdc{no:-none}
    ex exception throwable xEx xException xThrowable
    ex{short} throwable{short}
    rEx rootException
    nopex nopexception
    cn contextName app
    marker
    kvp kvp{DOUBLE}
    kvp{SINGLE}
    kvp{NONE}
    maskedKvp{user}
    maskedKvp{SINGLE,user}
    property{region}
    n
    sn sequenceNumber seq
    job
    run
    partition
    stream
    lsn
    caller{2}
    prefix(%level)
    black(%p)
    red(%p)
    green(%p)
    yellow(%p)
    blue(%p)
    magenta(%p)
    cyan(%p)
    white(%p)
    gray(%p)
    boldRed(%p)
    boldGreen(%p)
    boldYellow(%p)
    boldBlue(%p)
    boldMagenta(%p)
    boldCyan(%p)
    boldWhite(%p)
    highlight(%p)
    replace(%p){'A','4'}
    (%p)
";

/// Each line of words with what its words print, which is the same for all of them.
fn shown() -> String {
    let properties = [("region".to_owned(), "eu".to_owned())].into();
    let options = LayoutOptions { properties, ..LayoutOptions::default() };
    let mut shown = String::new();
    for line in WORDS.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let texts: Vec<String> = line
            .split(' ')
            .map(|word| rendered(&format!("[%{word}]%nopex"), "hello", &options))
            .collect();
        let one = texts.first().unwrap();
        assert!(texts.iter().all(|text| text == one), "{line}: {texts:?}");
        writeln!(shown, "{line}: {}", one.trim_end().escape_debug()).unwrap();
    }
    shown
}

#[test]
fn every_word_of_logback_prints_something_or_is_refused() {
    expect![[r#"
        d date: [2025-01-27 10:30:46,123]
        ms: [123]
        micros: [456]
        ep epoch: [1737973846123]
        epoch{seconds} ep{seconds}: [1737973846]
        r relative: [?]
        level le p: [WARN]
        t thread: [main]
        lo logger c: [audit.shop.Orders]
        lo{8} logger{8} c{8}: [a.s.Orders]
        m msg message: [hello]
        rawmsg: [hello]
        C class: [?]
        M method: [?]
        L line: [?]
        F file: [?]
        X mdc: [user=ada, rows=12]
        X{user} mdc{user}: [ada]
        X{no:-none} mdc{no:-none}: [none]
        ex exception throwable xEx xException xThrowable: []
        ex{short} throwable{short}: []
        rEx rootException: []
        nopex nopexception: []
        cn contextName app: [shop]
        marker: []
        kvp kvp{DOUBLE}: [user=\"ada\" rows=\"12\"]
        kvp{SINGLE}: [user=\'ada\' rows=\'12\']
        kvp{NONE}: [user=ada rows=12]
        maskedKvp{user}: [user=\"XXX\" rows=\"12\"]
        maskedKvp{SINGLE,user}: [user=\'XXX\' rows=\'12\']
        property{region}: [eu]
        n: [\n]
        sn sequenceNumber seq: [7]
        job: [clean]
        run: [r1]
        partition: [clean/date=2025-01-26]
        stream: [stderr]
        lsn: column 2: `%lsn` counts from the start of a process, which says nothing of a job; use %seq, the number of the entry within its run
        caller{2}: column 2: `%caller` needs the stack of a Java program; use %file, %line and %method, which print the fields of these names
        prefix(%level): [level=WARN]
        black(%p): [\u{1b}[30mWARN\u{1b}[0;39m]
        red(%p): [\u{1b}[31mWARN\u{1b}[0;39m]
        green(%p): [\u{1b}[32mWARN\u{1b}[0;39m]
        yellow(%p): [\u{1b}[33mWARN\u{1b}[0;39m]
        blue(%p): [\u{1b}[34mWARN\u{1b}[0;39m]
        magenta(%p): [\u{1b}[35mWARN\u{1b}[0;39m]
        cyan(%p): [\u{1b}[36mWARN\u{1b}[0;39m]
        white(%p): [\u{1b}[37mWARN\u{1b}[0;39m]
        gray(%p): [\u{1b}[1;30mWARN\u{1b}[0;39m]
        boldRed(%p): [\u{1b}[1;31mWARN\u{1b}[0;39m]
        boldGreen(%p): [\u{1b}[1;32mWARN\u{1b}[0;39m]
        boldYellow(%p): [\u{1b}[1;33mWARN\u{1b}[0;39m]
        boldBlue(%p): [\u{1b}[1;34mWARN\u{1b}[0;39m]
        boldMagenta(%p): [\u{1b}[1;35mWARN\u{1b}[0;39m]
        boldCyan(%p): [\u{1b}[1;36mWARN\u{1b}[0;39m]
        boldWhite(%p): [\u{1b}[1;37mWARN\u{1b}[0;39m]
        highlight(%p): [\u{1b}[31mWARN\u{1b}[0;39m]
        replace(%p){'A','4'}: [W4RN]
        (%p): [WARN]
    "#]]
    .assert_eq(&shown());
}

#[test]
fn patterns_that_cdap_ships_are_rendered() {
    let text = |pattern: &str| {
        let layout = Layout::parse(pattern, &LayoutOptions::default()).unwrap();
        let (mut scratch, mut out) = (Scratch::default(), Vec::new());
        let fields = [("line", "42"), ("relative", "7")];
        let event = LayoutEvent { fields: fields.as_slice().into(), ..event("hello") };
        layout.render(&event, &mut scratch, &mut out);
        String::from_utf8(out).unwrap()
    };
    expect![[r#"
        2025-01-27 10:30:46,123 - WARN  [main:?@42] - hello
    "#]]
    .assert_eq(&text("%d{ISO8601} - %-5p [%t:%C{1}@%L] - %m%n"));
    expect![[r#"
        ?    [main] WARN  audit.shop.Orders - hello
    "#]]
    .assert_eq(&text("%-4relative [%thread] %-5level %logger{35} - %msg%n"));
}

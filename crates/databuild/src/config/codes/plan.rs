//! `DB03…`: what was asked for, and what that needs.

use super::{Explanation, told};

pub(super) const ALL: &[Explanation] = &[
    told(
        "DB0301",
        "a text that names no partition",
        "A partition is written as its job's `out` says, with values for the keys. Sets: date=2025-01-20..2025-01-26,\nregion={eu,us}, region=*, date=today, date=yesterday, date=last-7d. A name alone is its newest\npartition that is due.",
        "$ databuild build ../report/date=2025-01-26",
        "$ databuild build report/date=2025-01-26",
    ),
    told(
        "DB0302",
        "a set that has no meaning for its key",
        "Ranges and words such as `today` are of time keys, with the earlier end first. `*` needs a key\nwhose values are known: a list, or a time key with a start.",
        "$ databuild build 'report/date=2025-01-26..2025-01-20'",
        "$ databuild build 'report/date=2025-01-20..2025-01-26'",
    ),
    told(
        "DB0303",
        "a value that the key does not have",
        "The value is not in the list of the key, is no such period, or lies before `from` or after\n`until`.",
        "$ databuild build report/date=2025-02-30",
        "$ databuild build report/date=2025-02-28",
    ),
    told(
        "DB0304",
        "a key that must be given a value",
        "A name alone stands for its newest partition, with all values of keys that have a list. A key\nwith free values has neither, so it is given.",
        "$ databuild build invoice",
        "$ databuild build invoice/customer=acme",
    ),
    told(
        "DB0305",
        "nothing makes the partition",
        "No job's `out` fits the name, and there is no such file. Either the name has a slip in it, or a\nfile that a job reads is not where it should be, or the job that makes it is missing.",
        "$ databuild build repotr/date=2025-01-26",
        "$ databuild build report/date=2025-01-26",
    ),
    told(
        "DB0306",
        "more partitions than a plan can hold",
        "A plan holds up to two million partitions. More than that in one request is most likely a slip\nin a range; if it is not, ask for a part after the other.",
        "$ databuild build 'report/hour=0001-01-01T00..9999-12-31T23'",
        "$ databuild build 'report/hour=2025-01-01T00..2025-12-31T23'",
    ),
    told(
        "DB0311",
        "a partition that two jobs make",
        "The patterns of two jobs fit the name. `databuild check` finds most of such pairs; this one only\nshows with certain values.",
        "[jobs.a]\nout = \"x/a{version}\"\n[jobs.b]\nout = \"x/{version}b\"        # x/ab fits both",
        "[jobs.a]\nout = \"x/a/{version}\"\n[jobs.b]\nout = \"x/b/{version}\"",
    ),
    told(
        "DB0312",
        "partitions that need one another in a circle",
        "None of them could begin. The way of the circle is told. `databuild check` finds circles of\npatterns; this one comes from what a `needs` command printed, or from offsets that go both ways.",
        "[jobs.a]\nin = \"b/date={date-1d}\"\n[jobs.b]\nin = \"a/date={date+1d}\"",
        "[jobs.a]\nin = \"b/date={date-1d}\"\n[jobs.b]\nin = \"a/date={date}\"",
    ),
    told(
        "DB0313",
        "a `needs` command that failed",
        "The command that prints what a run needs did not end with 0. Without its answer there is no plan.",
        "needs = \"python needs.py {out}\"       # ends with 1",
        "$ python needs.py report/date=2025-01-26   # try it by hand",
    ),
    told(
        "DB0314",
        "a `needs` command that printed something else",
        "The command prints one partition a line and nothing else on its standard output. Messages go to\nits standard error.",
        "print(\"reading the catalogue …\")",
        "print(\"reading the catalogue …\", file=sys.stderr)",
    ),
    told(
        "DB0315",
        "the state of a partition cannot be read",
        "The build event log of the project (.databuild/bel.sqlite), or a file that was to be looked at,\nrefused. The cause is told below the message.",
        "$ ls -l .databuild/bel.sqlite        # belongs to someone else",
        "$ sudo chown -R $USER .databuild",
    ),
    told(
        "DB0316",
        "an input that cannot be",
        "A pattern of `in` stands for more partitions than one run can read, or for a name longer than a\npartition may be.",
        "in = \"raw/hour={hour-100y..hour}\"",
        "in = \"raw/hour={hour-30d..hour}\"",
    ),
];

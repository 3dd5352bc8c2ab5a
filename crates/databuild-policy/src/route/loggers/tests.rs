//! Names and levels in, what is taken out.

use super::*;

#[test]
fn the_longest_name_counts() {
    let of = |pairs: &[(&str, Option<Level>)]| {
        LoggerLevels::new(pairs.iter().map(|(name, level)| ((*name).to_owned(), *level)))
    };
    let levels = of(&[
        ("*", Some(Level::Info)),
        ("shop", Some(Level::Warn)),
        ("shop.audit", Some(Level::Trace)),
        ("shop.noise", None),
    ]);
    for (logger, level, taken) in [
        ("", Level::Info, true),
        ("other", Level::Debug, false),
        ("shop", Level::Info, false),
        ("shop", Level::Warn, true),
        ("shopping", Level::Info, true),
        ("shop.audit", Level::Trace, true),
        ("shop.audit.deep$1", Level::Debug, true),
        ("shop.auditor", Level::Debug, false),
        ("shop.noise.x", Level::Fatal, false),
        ("shop$inner", Level::Info, false),
    ] {
        assert_eq!(levels.takes(logger, level), taken, "{logger} {level:?}");
    }
    assert_eq!(levels.least(), Some(Level::Trace));
    let only = of(&[("shop", Some(Level::Info))]);
    assert!(only.takes("shop.x", Level::Info) && !only.takes("x", Level::Fatal));
    assert_eq!(of(&[("*", None)]).least(), None);
}

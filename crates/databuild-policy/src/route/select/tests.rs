//! Names that patterns mean, and events that selectors take.

use super::*;
use databuild_model::time::Timestamp;

#[test]
fn stars_stand_for_any_text() {
    let means = |pattern: &str, name: &str| NamePattern::new(pattern).matches(name);
    assert!(means("clean", "clean") && !means("clean", "cleaner") && !means("clean", "unclean"));
    assert!(means("clean/date=*", "clean/date=2025-01-26"));
    assert!(means("a*b*c", "a-b-b-c") && !means("a*b*c", "a-c") && !means("ab*b", "ab"));
    assert!(means("*", "") && means("", "") && !means("", "x"));
    assert!(!means("audit.*", "audit"));
    assert!(NamePattern::of_levels("audit.*").matches("audit"));
    assert!(!NamePattern::of_levels("audit.*").matches("auditor"));
}

#[test]
fn all_that_is_said_has_to_be_true() {
    let event = LayoutEvent {
        app: "shop",
        logger: "audit.orders",
        fields: [("user", "ada")].as_slice().into(),
        ..LayoutEvent::saying(Timestamp::from_nanos(0), Level::Warn, "card refused")
    };
    let whole = Selector {
        levels: Some(LevelSet::at_least(Level::Warn)),
        logger: vec![NamePattern::of_levels("audit.*")],
        app: vec![NamePattern::new("bank"), NamePattern::new("sh*")],
        text: Some("refused".to_owned()),
        matches: Some(Regex::new("^card").unwrap()),
        fields: vec![("user".to_owned(), NamePattern::new("a*"))],
        ..Selector::default()
    };
    assert!(whole.takes(Kind::Log, &event));
    assert!(!whole.takes(Kind::Metric, &event), "log lines alone, unless kinds are named");
    let broken: [fn(&mut Selector); 6] = [
        |it| it.levels = Some(LevelSet::at_least(Level::Error)),
        |it| it.logger = vec![NamePattern::of_levels("shop.*")],
        |it| it.app = vec![NamePattern::new("bank")],
        |it| it.text = Some("accepted".to_owned()),
        |it| it.fields.push(("no".to_owned(), NamePattern::new("*"))),
        |it| it.stream = Some("stderr".to_owned()),
    ];
    for change in broken {
        let mut selector = whole.clone();
        change(&mut selector);
        assert!(!selector.takes(Kind::Log, &event), "{selector:?}");
    }
    assert!(!whole.takes_nothing());
}

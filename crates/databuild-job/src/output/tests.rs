//! The lines as text. That the wrapper understands them is tested in `structured/tests.rs`.

use super::{EventNameError, event_line, log_line, metric_line, progress_line};
use databuild_model::entry::Fields;
use databuild_model::level::Level;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().copied().collect()
}

#[test]
fn a_metric_has_what_it_was_given_and_nothing_else() {
    assert_eq!(
        metric_line("rows", 1000.0, &fields(&[("stage", "clean")]), "rows"),
        r#"__DATABUILD_METRIC__::{"name":"rows","value":1000,"labels":{"stage":"clean"},"unit":"rows"}"#
    );
    assert_eq!(
        metric_line("ratio", 0.5, &fields(&[]), ""),
        r#"__DATABUILD_METRIC__::{"name":"ratio","value":0.5}"#
    );
    assert_eq!(
        metric_line("odd", f64::NEG_INFINITY, &fields(&[]), ""),
        r#"__DATABUILD_METRIC__::{"name":"odd","value":"-Infinity"}"#
    );
}

#[test]
fn text_cannot_break_out_of_its_line() {
    assert_eq!(
        log_line(Level::Warn, "a\nb\"", &fields(&[("k", "\u{0}")])),
        r#"{"level":"WARN","message":"a\nb\"","fields":{"k":"\u0000"}}"#
    );
}

#[test]
fn progress_and_events() {
    assert_eq!(
        progress_line(3.0, Some(10.0), "orders_0007.csv"),
        r#"{"progress":{"done":3,"total":10,"message":"orders_0007.csv"}}"#
    );
    assert_eq!(
        event_line("checkpoint", &fields(&[("at", "7")])),
        Ok(r#"{"databuild_event":"checkpoint","metadata":{"at":"7"}}"#.to_owned())
    );
    assert_eq!(
        event_line("run_end", &fields(&[])),
        Err(EventNameError::Reserved("run_end".to_owned()))
    );
}

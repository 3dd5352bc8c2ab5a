//! What a scrape shows of a log saver.

use super::{PipelineState, PipelineStats, SaverStats};
use crate::expose::{Format, expose};
use crate::own::{Moment, OwnHealth};
use databuild_model::ids::PipelineName;
use databuild_model::time::Timestamp;
use expect_test::expect;

fn pipeline(name: &str) -> PipelineStats {
    PipelineStats::new(PipelineName::parse(name).unwrap())
}

fn shown(saver: Option<SaverStats>) -> String {
    let moment = Moment { saver, ..Moment::default() };
    let registry = OwnHealth::new("1.2.3").at(&moment, Timestamp::from_nanos(1));
    let text = expose(&[&registry], Format::Classic);
    let lines = text.lines().filter(|line| line.starts_with("databuild_saver"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_pipeline_has_every_family_and_one_state() {
    let errors = PipelineStats {
        state: PipelineState::Waiting,
        events_in: 10,
        events_out: 6,
        events_rejected: 3,
        lag_seconds: 12.5,
        queue_bytes: 4096,
        errors: 2,
        late_events: 1,
        missing_events: 6,
        lost_files: 7,
        rotations: 4,
        dead_letters: 5,
        checkpoint_age_seconds: Some(0.5),
        ..pipeline("errors")
    };
    expect![[r#"
        databuild_saver_events_total{pipeline="errors",stage="in"} 10
        databuild_saver_events_total{pipeline="errors",stage="out"} 6
        databuild_saver_events_total{pipeline="errors",stage="rejected"} 3
        databuild_saver_lag_seconds{pipeline="errors"} 12.5
        databuild_saver_queue_bytes{pipeline="errors"} 4096
        databuild_saver_errors_total{pipeline="errors"} 2
        databuild_saver_state{pipeline="errors",state="fenced"} 0
        databuild_saver_state{pipeline="errors",state="paused"} 0
        databuild_saver_state{pipeline="errors",state="running"} 0
        databuild_saver_state{pipeline="errors",state="stopped"} 0
        databuild_saver_state{pipeline="errors",state="waiting"} 1
        databuild_saver_late_events_total{pipeline="errors"} 1
        databuild_saver_missing_events_total{pipeline="errors"} 6
        databuild_saver_lost_files_total{pipeline="errors"} 7
        databuild_saver_rotations_total{pipeline="errors"} 4
        databuild_saver_dead_letters_total{pipeline="errors"} 5
        databuild_saver_checkpoint_age_seconds{pipeline="errors"} 0.5
    "#]]
    .assert_eq(&shown(Some(SaverStats { pipelines: vec![errors] })));
}

#[test]
fn a_pipeline_that_has_done_nothing_is_there_with_zeros_and_no_checkpoint() {
    let idle = shown(Some(SaverStats { pipelines: vec![pipeline("idle"), pipeline("other")] }));
    assert!(idle.contains("databuild_saver_dead_letters_total{pipeline=\"idle\"} 0\n"), "{idle}");
    assert!(!idle.contains("checkpoint_age"), "{idle}");
    let states = idle.lines().filter(|line| line.starts_with("databuild_saver_state{"));
    let sum: f64 =
        states.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum();
    assert_eq!(sum, 2.0, "one state each: {idle}");
    assert_eq!(shown(None), "");
}

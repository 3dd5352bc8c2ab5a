//! Tokens: a round trip for the same question, a refusal for every other.

use super::{Cursor, PageToken, TokenError};
use databuild_model::ids::JobRunId;
use databuild_model::level::Level;
use databuild_model::query::{LevelSet, LogFilter, TextMatch};
use databuild_model::request::{JobLogsRequest, Order};
use databuild_model::time::Timestamp;
use proptest::prelude::*;

fn ask(run: &str, filter: LogFilter) -> JobLogsRequest {
    JobLogsRequest { filter, ..JobLogsRequest::all_of(JobRunId::parse(run).unwrap()) }
}

fn questions() -> Vec<JobLogsRequest> {
    let time = |nanos| Some(Timestamp::from_nanos(nanos));
    let text = |text| Some(TextMatch::contains(text).unwrap());
    let regex = |text, case| Some(TextMatch::regex(text, case).unwrap());
    let none = LogFilter::default();
    let filters = vec![
        none.clone(),
        LogFilter { since: time(0), ..none.clone() },
        LogFilter { since: time(1), ..none.clone() },
        LogFilter { until: time(0), ..none.clone() },
        LogFilter { levels: Some(LevelSet::at_least(Level::Warn)), ..none.clone() },
        LogFilter { levels: Some(LevelSet::default()), ..none.clone() },
        LogFilter { include: text("a.b"), ..none.clone() },
        LogFilter { include: regex("a.b", true), ..none.clone() },
        LogFilter { include: regex("a.b", false), ..none.clone() },
        LogFilter { exclude: text("a.b"), ..none.clone() },
    ];
    let mut all: Vec<_> = filters.into_iter().map(|filter| ask("run-1", filter)).collect();
    all.push(ask("run-2", none.clone()));
    all.push(JobLogsRequest { order: Order::Desc, ..ask("run-1", none.clone()) });
    all.push(JobLogsRequest { tail: Some(5), ..ask("run-1", none) });
    all
}

#[test]
fn a_token_is_good_for_its_question_alone() {
    let token = PageToken { cursor: Cursor::from_offset(77), remaining: Some(3) };
    let questions = questions();
    for (at, asked) in questions.iter().enumerate() {
        let text = token.encode(asked);
        for (other, request) in questions.iter().enumerate() {
            let expected = if at == other { Ok(token) } else { Err(TokenError::OtherRequest) };
            assert_eq!(PageToken::decode(&text, request), expected, "{at} {other}");
        }
    }
}

proptest! {
    #[test]
    fn places_survive_and_changed_tokens_do_not(
        offset in any::<u64>(),
        remaining in prop::option::of(0..1_000_000_u64),
        at in 0..34_usize,
        with in "[A-Za-z0-9_-]",
    ) {
        let request = ask("run-1", LogFilter::default());
        let token = PageToken { cursor: Cursor::from_offset(offset), remaining };
        let text = token.encode(&request);
        prop_assert_eq!(PageToken::decode(&text, &request), Ok(token));
        let mut changed = text.clone();
        changed.replace_range(at..=at, &with);
        prop_assert!(changed == text || PageToken::decode(&changed, &request).is_err());
    }

    #[test]
    fn any_text_is_refused_without_harm(text in ".{0,60}") {
        let refused = PageToken::decode(&text, &ask("run-1", LogFilter::default()));
        prop_assert!(refused.is_err());
    }
}

//! The list of problems is complete, and a problem looks as documented.

use super::{Fault, Problem, Slug};
use expect_test::expect;

#[test]
fn every_kind_has_a_name_of_its_own_a_status_and_a_remedy() {
    for (at, slug) in Slug::ALL.iter().copied().enumerate() {
        assert_eq!(Slug::parse(slug.as_str()), Some(slug));
        assert_eq!(Slug::ALL.iter().position(|other| *other == slug), Some(at));
        let status = slug.status();
        assert!(status.is_client_error() || status.is_server_error(), "{status}");
        assert!(slug.page().trim_end().ends_with('.'), "{}", slug.page());
    }
}

#[test]
fn looks_as_documented() {
    let problem = Problem::parameter(
        "query",
        "since",
        "1737973845",
        "RFC 3339 | age | ns",
        "since=1737973845 looks like seconds",
    )
    .with_fault(Fault {
        place: "query",
        name: "levle".into(),
        value: None,
        expected: "level".into(),
    })
    .at("/api/v1/jobs/x/logs", "1f-2");
    let text: serde_json::Value = serde_json::from_slice(&problem.to_json()).expect("JSON");
    expect![[r#"
        {
          "detail": "since=1737973845 looks like seconds",
          "errors": [
            {
              "expected": "RFC 3339 | age | ns",
              "in": "query",
              "name": "since",
              "value": "1737973845"
            },
            {
              "expected": "level",
              "in": "query",
              "name": "levle"
            }
          ],
          "instance": "/api/v1/jobs/x/logs",
          "remedy": "Correct what `errors` names; the parameters of each path are in /api/v1/openapi.json.",
          "request_id": "1f-2",
          "status": 400,
          "title": "A parameter is not valid",
          "type": "/api/v1/problems/invalid-parameter"
        }"#]]
    .assert_eq(&format!("{text:#}"));
}

#[test]
fn a_long_value_does_not_make_a_long_answer() {
    let problem = Problem::parameter("query", "q", &"ü".repeat(100_000), "text", "too long");
    assert!(problem.to_json().len() < 2_000);
}

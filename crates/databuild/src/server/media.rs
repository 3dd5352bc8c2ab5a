//! Which form of an answer a client wants, by its `Accept` header.

use crate::server::problem::{Problem, Slug};
use axum::http::{HeaderMap, header};

/// The forms in which log entries are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A JSON array.
    Json,
    /// One entry a line, streamed.
    Ndjson,
    /// Server-sent events: a tail.
    Sse,
    /// `JobLogsResponse`.
    Protobuf,
    /// For people.
    Text,
}

impl Form {
    const TYPES: [(&'static str, Form); 8] = [
        ("application/json", Form::Json),
        ("application/x-ndjson", Form::Ndjson),
        ("application/jsonl", Form::Ndjson),
        ("text/event-stream", Form::Sse),
        ("application/x-protobuf", Form::Protobuf),
        ("application/protobuf", Form::Protobuf),
        ("application/vnd.google.protobuf", Form::Protobuf),
        ("text/plain", Form::Text),
    ];

    /// The media type that is answered.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Ndjson => "application/x-ndjson",
            Form::Sse => "text/event-stream",
            Form::Protobuf => "application/x-protobuf",
            Form::Text => "text/plain; charset=utf-8",
        }
    }

    /// The one of `offered` that the client likes best; the first of them if it does not care.
    pub(crate) fn negotiate(headers: &HeaderMap, offered: &[Form]) -> Result<Form, Problem> {
        let mut accepts = headers.get_all(header::ACCEPT).iter().peekable();
        let mut best: Option<(f32, Form)> = None;
        if accepts.peek().is_none() {
            best = offered.first().map(|form| (1.0, *form));
        }
        let ranges = accepts.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
        for range in ranges {
            let Some((weight, form)) = wanted(range, offered) else {
                continue;
            };
            // The first of equals wins: that is the order in which the client wrote them.
            if 0.0 < weight && best.is_none_or(|(other, _)| other < weight) {
                best = Some((weight, form));
            }
        }
        best.map(|(_, form)| form).ok_or_else(|| {
            let types: Vec<&str> = Form::TYPES
                .iter()
                .filter(|(_, form)| offered.contains(form))
                .map(|(name, _)| *name)
                .collect();
            Problem::new(Slug::NotAcceptable, format!("this can be given as {}", types.join(", ")))
        })
    }
}

fn wanted(range: &str, offered: &[Form]) -> Option<(f32, Form)> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let weight =
        parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok())?;
    let form = match media.as_str() {
        "*/*" => offered.first().copied(),
        "application/*" => offered.iter().copied().find(|form| matches!(form, Form::Json)),
        "text/*" => offered.iter().copied().find(|form| matches!(form, Form::Text)),
        exact => Form::TYPES.iter().find(|(name, _)| *name == exact).map(|(_, form)| *form),
    };
    form.filter(|form| offered.contains(form)).map(|form| (weight, form))
}

#[cfg(test)]
mod tests {
    use super::Form;
    use axum::http::{HeaderMap, HeaderValue, header};

    #[track_caller]
    fn check(accept: Option<&str>, expect: Option<Form>) {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).expect("a value"));
        }
        let all = [Form::Json, Form::Ndjson, Form::Sse, Form::Protobuf, Form::Text];
        assert_eq!(Form::negotiate(&headers, &all).ok(), expect, "{accept:?}");
    }

    #[test]
    fn takes_what_the_client_likes_best() {
        check(None, Some(Form::Json));
        check(Some("*/*"), Some(Form::Json));
        check(Some("text/event-stream"), Some(Form::Sse));
        check(Some("application/jsonl"), Some(Form::Ndjson));
        check(Some("Application/Protobuf"), Some(Form::Protobuf));
        check(Some("text/html, application/xhtml+xml, */*;q=0.8"), Some(Form::Json));
        check(Some("application/json;q=0.5, text/plain"), Some(Form::Text));
        check(Some("application/json, text/plain"), Some(Form::Json));
        check(Some("text/html"), None);
        check(Some("application/json;q=0"), None);
        check(Some("application/json;q=x"), None);
    }
}

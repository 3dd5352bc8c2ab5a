//! Query strings, read strictly: decoded once, each name known and given once, each value checked. A
//! misspelt filter must not silently mean "everything".

use crate::server::limits;
use crate::server::problem::{Fault, Problem, Slug};
use crate::wire::when;
use databuild_model::time::Timestamp;
use percent_encoding::percent_decode;

/// The decoded parameters of a query.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads `raw`, the part of the URL after `?`. A name that is not in `known` is a problem.
    pub(crate) fn parse(raw: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut params = Params::default();
        for part in raw.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !known.contains(&name.as_str()) {
                return Err(unknown(&name, known));
            }
            if params.get(&name).is_some() {
                return Err(twice(&name, &value));
            }
            params.pairs.push((name, value));
        }
        Ok(params)
    }

    /// The value of a parameter, if it was given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Reads a value with `read`; its error is what is expected.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| {
            let detail = format!("{name}={value:?} is not valid, expected is {expected}");
            Problem::parameter("query", name, value, expected, detail)
        })
    }

    /// Reads a value whose type says itself what is wrong with a text.
    pub(crate) fn try_read<T, E: std::fmt::Display>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        read(value).map(Some).map_err(|error| {
            Problem::parameter("query", name, value, expected, format!("{name}: {error}"))
        })
    }

    /// A moment; see [`when`].
    pub(crate) fn when(&self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
        self.try_read(name, when::EXPECTED, |value| when::parse(value, now))
    }

    /// A whole number from `lowest` to `highest`.
    pub(crate) fn number(
        &self,
        name: &str,
        lowest: u64,
        highest: u64,
    ) -> Result<Option<u64>, Problem> {
        self.read(name, &format!("a whole number from {lowest} to {highest}"), |value| {
            value.parse().ok().filter(|number| (lowest..=highest).contains(number))
        })
    }

    /// How many items of a list are wanted.
    pub(crate) fn items(&self) -> Result<usize, Problem> {
        let items = self.number("limit", 1, u64::from(limits::ITEMS_MAX))?;
        let items = items.unwrap_or(u64::from(limits::ITEMS_DEFAULT));
        Ok(usize::try_from(items).unwrap_or(usize::MAX))
    }

    /// `true` or `false`; a name without a value is `true`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        let flag = self.read(name, "true | false", |value| match value {
            "" | "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })?;
        Ok(flag.unwrap_or(false))
    }
}

/// Decodes once. `+` is a blank, as in every query that a form or a library wrote.
fn decoded(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes()).decode_utf8().map(String::from).map_err(|_| {
        Problem::parameter("query", text, text, "percent-encoded UTF-8", "the query is not UTF-8")
    })
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    let near = nearest(name, known.iter().copied());
    let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let detail = match near.first() {
        Some(near) => format!("there is no parameter {name:?} here, did you mean {near:?}?"),
        None => format!("there is no parameter {name:?} here; known are: {list}"),
    };
    Problem::new(Slug::InvalidParameter, detail).with_near(near).with_fault(Fault {
        place: "query",
        name: name.chars().take(200).collect(),
        value: None,
        expected: list,
    })
}

fn twice(name: &str, value: &str) -> Problem {
    Problem::parameter("query", name, value, "one value", format!("{name} is given twice"))
}

/// The names most like `name`, best first; none that shares little with it.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    const LIKENESS_MIN: f64 = 0.75;
    // Comparing is quadratic in the length, and a long wrong name is not a misspelling.
    let name: String = name.chars().take(200).collect();
    let mut scored: Vec<(f64, &str)> = known
        .map(|other| (strsim::jaro_winkler(&name, other), other))
        .filter(|(likeness, _)| LIKENESS_MIN <= *likeness)
        .collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.into_iter().take(limits::NEAR_MAX).map(|(_, other)| other.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::Params;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(query: &str, expect: &Expect) {
        let said = Params::parse(Some(query), &["since", "level", "limit"])
            .and_then(|params| Ok((params.number("limit", 1, 10)?, params.pairs)));
        let said = match said {
            Ok((limit, pairs)) => format!("{limit:?} {pairs:?}"),
            Err(problem) => {
                let json: serde_json::Value =
                    serde_json::from_slice(&problem.to_json()).expect("JSON");
                json["detail"].as_str().unwrap_or_default().to_owned()
            }
        };
        expect.assert_eq(&said);
    }

    #[test]
    fn decodes_once() {
        check("since=a%20b+c", &expect![[r#"None [("since", "a b c")]"#]]);
        check("since=%252e", &expect![[r#"None [("since", "%2e")]"#]]);
        check("", &expect!["None []"]);
    }

    #[test]
    fn refuses_what_would_silently_do_nothing() {
        check(
            "levle=warn",
            &expect![[r#"there is no parameter "levle" here, did you mean "level"?"#]],
        );
        check(
            "xyz=1",
            &expect![[r#"there is no parameter "xyz" here; known are: since, level, limit"#]],
        );
        check("level=a&level=b", &expect!["level is given twice"]);
        check("level=%ff", &expect!["the query is not UTF-8"]);
        check(
            "limit=11",
            &expect![[r#"limit="11" is not valid, expected is a whole number from 1 to 10"#]],
        );
        check(
            "limit=-1",
            &expect![[r#"limit="-1" is not valid, expected is a whole number from 1 to 10"#]],
        );
    }
}

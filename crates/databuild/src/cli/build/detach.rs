//! `build --detach`: asks a running service to make it, and returns at once.
//!
//! One request and one answer of a few kilobytes: a client by hand weighs less than one more library.

use super::super::args::{BuildArgs, ForceChoice, Output};
use super::super::context::Context;
use super::super::outcome::{Exit, Failure};
use crate::project::Project;
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long a service on this machine may take to accept, and to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Most bytes of an answer: a build as JSON takes about one kilobyte.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Hands the build over and says how to follow it.
pub(super) fn run(args: &BuildArgs, context: &Context, project: &Project) -> Result<Exit, Failure> {
    let authority = authority(args, project)?;
    let (path, body) = match &args.retry {
        Some(text) => {
            let build = super::to_retry(text, project.bel()?.as_ref())?;
            (format!("/api/v1/builds/{build}/retry"), how(args)?)
        }
        None => {
            super::patterns(&args.refs)?;
            let mut body = how(args)?;
            if let Value::Object(body) = &mut body {
                body.insert("want".to_owned(), json!(args.refs));
            }
            ("/api/v1/builds".to_owned(), body)
        }
    };
    let (status, answer) = post(&authority, &path, &body.to_string())
        .map_err(|error| unreachable(&authority, error))?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    if status != 202 {
        return Err(refused(&authority, status, &answer));
    }
    match context.global.output {
        Output::Json | Output::Jsonl => writeln!(io::stdout(), "{answer}")?,
        Output::Human | Output::Raw => {}
    }
    if !context.global.quiet {
        let number = answer.get("number").map(ToString::to_string).unwrap_or_default();
        let program = context.program();
        writeln!(
            io::stderr(),
            "build {number} was handed to {authority} · follow it: {program} logs -f {number}"
        )?;
    }
    Ok(Exit::Done)
}

fn how(args: &BuildArgs) -> Result<Value, Failure> {
    let force = match args.force {
        None => "nothing",
        Some(ForceChoice::Wanted) => "wanted",
        Some(ForceChoice::All) => "all",
    };
    let mut how = json!({"force": force, "jobs": args.jobs, "fail_fast": args.fail_fast});
    if let Value::Object(how) = &mut how {
        // Only where asked for: an older service refuses what it does not know.
        if let Some(text) = &args.max_age {
            super::super::when::duration("--max-age", text)?;
            how.insert("max_age".to_owned(), json!(text.trim()));
        }
        if args.changed {
            how.insert("changed".to_owned(), json!(true));
        }
    }
    Ok(how)
}

/// `127.0.0.1:8440`: from the flag, else where the project's service listens.
fn authority(args: &BuildArgs, project: &Project) -> Result<String, Failure> {
    let Some(server) = &args.server else {
        return Ok(project.config().listen.to_string());
    };
    let rest = server.strip_prefix("http://").unwrap_or(server).trim_end_matches('/');
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let is_plain = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-[]".contains(&b));
    if has_port && is_plain {
        return Ok(rest.to_owned());
    }
    Err(Failure::text(Exit::Usage, format!("--server: {server:?} is no address of a service"))
        .remedy("give it as `databuild serve` prints it: http://127.0.0.1:8440"))
}

/// Sends the body; the status and the body of the answer.
fn post(authority: &str, path: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
    let address = authority
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nAccept: application/json\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    parse(&answer)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

/// Status and body of a whole answer, whose body ends with the connection.
fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, answer.get(end + 4..)?.to_vec()))
}

fn unreachable(authority: &str, error: io::Error) -> Failure {
    let error = anyhow::Error::new(error).context(format!("no service answers at {authority}"));
    Failure::new(Exit::Unreachable, error).remedy(
        "start one with `databuild serve`, name another with --server, or leave --detach away",
    )
}

/// What the service said, in its own words.
fn refused(authority: &str, status: u16, answer: &Value) -> Failure {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
    let detail = text("detail").unwrap_or_else(|| format!("it answered with status {status}"));
    let exit = match status {
        404 => Exit::Nothing,
        400..=499 => Exit::Usage,
        _ => Exit::Unreachable,
    };
    let failure = Failure::text(exit, format!("the service at {authority} refused: {detail}"));
    match text("remedy") {
        Some(remedy) => failure.remedy(remedy),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_answer_is_taken_apart_and_anything_else_is_refused() {
        let body = |text: &str| parse(text.as_bytes()).map(|(status, body)| (status, body.len()));
        assert_eq!(body("HTTP/1.1 202 Accepted\r\nx: y\r\n\r\n{}"), Some((202, 2)));
        assert_eq!(body("HTTP/1.1 404 Not Found\r\n\r\n"), Some((404, 0)));
        for text in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 202 cut"] {
            assert_eq!(body(text), None, "{text:?}");
        }
    }
}

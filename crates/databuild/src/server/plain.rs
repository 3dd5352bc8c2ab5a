//! Answers before there is a request: to what is not HTTP, or has a head without end, hyper answers a
//! bare status by itself. Here that leaves as a problem, as every other error does. Knows bytes and
//! connections, no routes.

use crate::server::frame::REQUEST_ID;
use crate::server::limits;
use crate::server::problem::{MEDIA_TYPE, Problem, Slug};
use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode};
use hyper::body::{Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Gives a refusal its number and counts it: what the frame does for requests.
pub(crate) type Number = Arc<dyn Fn(&Problem) -> String + Send + Sync>;

/// A whole answer that says `problem`, after which the connection is closed.
pub(crate) fn answer(problem: Problem, number: &Number) -> Vec<u8> {
    let id = number(&problem);
    let status = problem.slug().status();
    let retry = if status == StatusCode::TOO_MANY_REQUESTS { "Retry-After: 2\r\n" } else { "" };
    let body = problem.numbered(&id).to_json();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {MEDIA_TYPE}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\n{REQUEST_ID}: {id}\r\n{retry}Connection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    answer
}

/// The problem in the place of what hyper says by itself; nothing if `bytes` are something else.
///
/// An answer of ours has more headers than these, whatever its status.
fn problem_of(bytes: &[u8]) -> Option<Problem> {
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let (version, status) = lines.next()?.split_once(' ')?;
    let bare = |line: &str| {
        let name = line.split_once(':').map_or(line, |(name, _)| name);
        ["content-length", "date", "connection"].iter().any(|ours| ours.eq_ignore_ascii_case(name))
    };
    if !version.starts_with("HTTP/1.") || !lines.all(bare) {
        return None;
    }
    Some(match status.get(..3)? {
        "400" => {
            Problem::new(Slug::MalformedRequest, "what came is not the head of an HTTP/1.1 request")
        }
        "414" | "431" => Problem::new(
            Slug::HeadersTooLarge,
            format!("more than {} bytes came before the body", limits::HEADER_BYTES_MAX),
        ),
        _ => return None,
    })
}

/// The requests of one connection whose answers are not given to hyper in full.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    /// One more, until the answer is over.
    pub(crate) fn begin(&self) -> Place {
        self.0.fetch_add(1, Ordering::AcqRel);
        Place(self.clone())
    }

    fn is_empty(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct Place(UnderWay);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Place {
    /// Keeps the place as long as there is more of the answer.
    pub(crate) fn keep(self, answer: Response<Body>) -> Response<Kept> {
        answer.map(|body| Kept { body, _place: self })
    }
}

/// The body of an answer that keeps its request's place.
#[derive(Debug)]
pub(crate) struct Kept {
    body: Body,
    _place: Place,
}

impl hyper::body::Body for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream on which hyper's own answers are put into our words.
pub(crate) struct Worded<S> {
    stream: S,
    under_way: UnderWay,
    number: Number,
    /// The last write was taken whole, so that the next one begins where hyper has begun something.
    whole: bool,
    /// What is still to be written of our words.
    rest: Vec<u8>,
    /// Our words were the last: what the client still sends is read for so long, because a connection
    /// that is closed before may take the answer with it.
    last: Option<Linger>,
}

struct Linger {
    bytes_left: usize,
    deadline: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Worded<S> {
    /// Words on `stream`, where these requests are under way.
    pub(crate) fn new(stream: S, under_way: UnderWay, number: Number) -> Self {
        Worded { stream, under_way, number, whole: true, rest: Vec::new(), last: None }
    }

    /// Takes a bare answer and puts a problem in its place; `false` if `bytes` are none.
    #[expect(clippy::disallowed_methods, reason = "a deadline beside a read, not a pause")]
    fn reword(&mut self, bytes: &[u8], linger: Duration) -> bool {
        if !self.whole || !self.under_way.is_empty() {
            return false;
        }
        let Some(problem) = problem_of(bytes) else { return false };
        self.rest = answer(problem, &self.number);
        let deadline = Box::pin(tokio::time::sleep(linger));
        self.last = Some(Linger { bytes_left: limits::LINGER_BYTES_MAX, deadline });
        true
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let wrote = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.rest))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.drain(..wrote);
        }
        Poll::Ready(Ok(()))
    }

    fn note(&mut self, wrote: &Poll<io::Result<usize>>, len: usize) {
        self.whole = matches!(wrote, Poll::Ready(Ok(wrote)) if *wrote == len);
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(linger) = &mut self.last else { return Poll::Ready(()) };
        let mut space = [0; 4 << 10];
        while linger.bytes_left != 0 && linger.deadline.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf));
            let got = buf.filled().len();
            if read.is_err() || got == 0 {
                break;
            }
            linger.bytes_left = linger.bytes_left.saturating_sub(got);
        }
        self.last = None;
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Worded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Worded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(cx))?;
        if self.reword(bytes, limits::LINGER_WAIT) {
            // What cannot be written now is written with the flush.
            if let Poll::Ready(Err(error)) = self.poll_rest(cx) {
                return Poll::Ready(Err(error));
            }
            return Poll::Ready(Ok(bytes.len()));
        }
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(&wrote, bytes.len());
        wrote
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut full = parts.iter().filter(|part| !part.is_empty());
        if let (Some(only), None) = (full.next(), full.next()) {
            return self.poll_write(cx, only);
        }
        ready!(self.poll_rest(cx))?;
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(&wrote, parts.iter().map(|part| part.len()).sum());
        wrote
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(cx))?;
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        ready!(self.poll_linger(cx));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::problem_of;

    #[track_caller]
    fn said(answer: &str) -> Option<&'static str> {
        problem_of(answer.as_bytes()).map(|problem| problem.slug().as_str())
    }

    #[test]
    fn a_bare_answer_has_a_problem_and_an_answer_of_ours_has_none() {
        let bare = "\r\ncontent-length: 0\r\nconnection: close\r\ndate: Mon, 27 Jan 2025 10:30:45 GMT\r\n\r\n";
        let check = |first: &str, expect: Option<&str>| {
            assert_eq!(said(&format!("{first}{bare}")), expect, "{first}");
        };
        check("HTTP/1.1 400 Bad Request", Some("malformed-request"));
        check("HTTP/1.0 400 Bad Request", Some("malformed-request"));
        check("HTTP/1.1 431 Request Header Fields Too Large", Some("headers-too-large"));
        check("HTTP/1.1 414 URI Too Long", Some("headers-too-large"));
        check("HTTP/1.1 200 OK", None);
        check("HTTP/1.1 500 Internal Server Error", None);
        check("SPDY 400 Bad Request", None);
        assert_eq!(said(""), None);
        assert_eq!(said("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n"), None, "no end");
        let ours = format!("HTTP/1.1 400 Bad Request\r\nx-content-type-options: nosniff{bare}");
        assert_eq!(said(&ours), None);
        assert_eq!(said(&format!("HTTP/1.1 400 Bad Request{bare}x")), None, "something follows");
    }
}

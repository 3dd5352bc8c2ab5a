//! A plain HTTP/1.1 client over a socket: what a test sends is exactly what is on the wire, hostile
//! bytes included.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Where requests go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
}

impl Client {
    pub(crate) fn connect(self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the service listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        stream
    }

    pub(crate) fn get(self, target: &str) -> Answer {
        self.send("GET", target, &[], b"")
    }

    pub(crate) fn get_as(self, target: &str, accept: &str) -> Answer {
        self.send("GET", target, &[("Accept", accept)], b"")
    }

    pub(crate) fn post(self, target: &str, body: &str) -> Answer {
        self.send("POST", target, &[("Content-Type", "application/json")], body.as_bytes())
    }

    /// One request on a connection of its own. `Host` is ours unless `headers` has one.
    pub(crate) fn send(
        self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut stream = self.connect();
        let head = self.head(method, target, headers, body.len());
        // A service that refuses early may close before all was sent; its answer counts.
        stream.write_all(&head).and_then(|()| stream.write_all(body)).ok();
        answer(BufReader::new(stream))
    }

    fn head(self, method: &str, target: &str, headers: &[(&str, &str)], len: usize) -> Vec<u8> {
        use std::fmt::Write as _;
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            write!(head, "Host: localhost:{}\r\n", self.address.port()).expect("written");
        }
        if len != 0 {
            write!(head, "Content-Length: {len}\r\n").expect("written");
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("written");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Sends bytes as they are and reads whatever comes back until the end.
    pub(crate) fn raw(self, bytes: &[u8]) -> Option<Answer> {
        let mut stream = self.connect();
        stream.write_all(bytes).ok();
        let mut reader = BufReader::new(stream);
        match reader.fill_buf() {
            Ok([]) | Err(_) => None,
            Ok(_) => Some(answer(reader)),
        }
    }

    /// Opens a stream of server-sent events.
    pub(crate) fn events(self, target: &str, headers: &[(&str, &str)]) -> Events {
        let mut all = vec![("Accept", "text/event-stream")];
        all.extend_from_slice(headers);
        let mut stream = self.connect();
        stream.write_all(&self.head("GET", target, &all, 0)).expect("sent");
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader);
        assert_eq!(status, 200, "{headers:?}");
        assert_eq!(headers.get("content-type").map(String::as_str), Some("text/event-stream"));
        Events { lines: BufReader::new(Box::new(Chunked { reader, left: 0, ended: false })) }
    }
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) name: String,
    pub(crate) data: String,
    /// Comments that came before it.
    pub(crate) comments: Vec<String>,
}

/// The events of a stream, in order; ends with the stream.
pub(crate) struct Events {
    lines: BufReader<Box<dyn Read>>,
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                let only_comments = event.name.is_empty() && !event.comments.is_empty();
                return only_comments.then_some(event);
            }
            let line = line.trim_end_matches('\n');
            match line.split_once(": ") {
                Some(("", comment)) => event.comments.push(comment.to_owned()),
                Some(("id", id)) => event.id = id.parse().ok(),
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("data", data)) => event.data.push_str(data),
                Some(_) => {}
                None if !event.name.is_empty() => return Some(event),
                None => {}
            }
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> (u16, BTreeMap<String, String>) {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).unwrap_or(0);
        let line = line.trim_end();
        if read == 0 || line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let status = lines.first().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let headers = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
    (status, headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect())
}

fn answer(mut reader: BufReader<TcpStream>) -> Answer {
    let (status, headers) = read_head(&mut reader);
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
        Chunked { reader, left: 0, ended: false }.read_to_end(&mut body).ok();
    } else {
        reader.read_to_end(&mut body).ok();
    }
    Answer { status, headers, body }
}

/// The bytes of a chunked body.
struct Chunked {
    reader: BufReader<TcpStream>,
    left: usize,
    ended: bool,
}

impl Read for Chunked {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        if self.left == 0 {
            let mut line = String::new();
            // The empty line is the end of the chunk before.
            while line.trim().is_empty() {
                line.clear();
                if self.reader.read_line(&mut line)? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
            self.left = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            if self.left == 0 {
                self.ended = true;
                return Ok(0);
            }
        }
        let want = out.len().min(self.left);
        let read = self.reader.read(&mut out[..want])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        Ok(read)
    }
}

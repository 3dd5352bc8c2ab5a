//! What a connection may do, seen from its other end.

use super::{Bounds, Number, listen, stop_channel};
use axum::Router;
use axum::routing::get;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A service with one path, `/`, and a thread that is joined when the test ends.
struct Rig {
    address: SocketAddr,
    stop: Arc<watch::Sender<bool>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Rig {
    #[expect(clippy::disallowed_methods, reason = "joined in drop")]
    fn start(bounds: Bounds) -> Rig {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = stop_channel();
        let large = || async { "x".repeat(64 << 20) };
        let router = Router::new().route("/", get(|| async { "ok" })).route("/large", get(large));
        let number: Number = Arc::new(|_| "7".to_owned());
        let serve = listen(listener, router, number, bounds, stopped);
        let thread = std::thread::spawn(move || runtime.block_on(serve));
        Rig { address, stop, thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the service ends in order");
        }
    }
}

fn all_of(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is an end too.
    stream.read_to_end(&mut bytes).ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn quick() -> Bounds {
    Bounds {
        header_wait: Duration::from_millis(200),
        write_stall: Duration::from_millis(200),
        stop_grace: Duration::from_millis(500),
        ..Bounds::default()
    }
}

#[test]
fn a_client_that_never_ends_its_headers_is_cut_and_others_are_served() {
    let rig = Rig::start(quick());
    let mut slow = rig.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: loc").expect("sent");
    let mut other = rig.connect();
    other.write_all(REQUEST).expect("sent");
    assert!(all_of(other).ends_with("ok"));
    assert_eq!(all_of(slow), "", "no answer, the connection is closed");
}

#[test]
fn an_idle_connection_is_cut() {
    let rig = Rig::start(quick());
    let mut kept = rig.connect();
    kept.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    assert!(all_of(kept).ends_with("ok"), "ends although nobody asked for it");
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let rig = Rig::start(Bounds { stop_grace: Duration::from_secs(60), ..quick() });
    let mut deaf = rig.connect();
    deaf.write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    rig.stop.send_replace(true);
    // Ends long before the grace time: only the stall can have cut it.
    drop(rig);
    assert!(all_of(deaf).len() < 64 << 20);
}

#[test]
fn one_connection_too_many_is_told_why() {
    let rig = Rig::start(Bounds { per_address_max: 1, ..Bounds::default() });
    let mut held = rig.connect();
    held.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut first = [0; 12];
    held.read_exact(&mut first).expect("answered, so it is counted");
    let answer = all_of(rig.connect());
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(answer.contains("/api/v1/problems/too-many-requests"), "{answer}");
}

#[test]
fn endless_headers_are_refused() {
    let rig = Rig::start(Bounds::default());
    let mut large = rig.connect();
    let request =
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    large.write_all(request.as_bytes()).expect("taken, so that the answer is not lost");
    let answer = all_of(large);
    assert!(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{answer}");
    assert!(answer.contains("\"type\":\"/api/v1/problems/headers-too-large\""), "{answer}");
}

#[test]
fn what_is_not_http_is_answered_by_a_problem() {
    let rig = Rig::start(Bounds::default());
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n";
    let foreign: [&[u8]; 4] =
        [hello, b"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0\0\0\r\n", b"GET\r\n\r\n"];
    for bytes in foreign {
        let mut stream = rig.connect();
        stream.write_all(bytes).expect("sent");
        let answer = all_of(stream);
        let told = String::from_utf8_lossy(bytes);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{told}: {head}");
        assert!(head.contains("\r\nContent-Type: application/problem+json\r\n"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["type"], "/api/v1/problems/malformed-request", "{told}");
        assert_eq!(body["request_id"], "7");
    }
}

#[test]
fn a_bad_request_after_a_good_one_is_answered_by_a_problem_too() {
    let rig = Rig::start(Bounds::default());
    let mut kept = rig.connect();
    kept.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut first = [0; 15];
    kept.read_exact(&mut first).expect("answered");
    kept.write_all(b"nonsense\r\n\r\n").expect("sent");
    let rest = all_of(kept);
    assert!(rest.contains("okHTTP/1.1 400 Bad Request\r\n"), "{rest}");
    assert!(rest.contains("/api/v1/problems/malformed-request"), "{rest}");
}

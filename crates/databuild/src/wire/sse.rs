//! Server-sent events: the text of one event, comment or retry hint (WHATWG HTML, section 9.2).

/// How long a client waits before it connects again, in milliseconds.
///
/// Long enough that a service that restarts is not hit by every open tab at once, short enough that a
/// person does not notice.
pub(crate) const RETRY_MS: u64 = 2_000;

/// The beginning of a stream.
pub(crate) fn opening() -> Vec<u8> {
    format!("retry: {RETRY_MS}\n\n").into_bytes()
}

/// Appends one event. `name` is ours and has no newline; newlines in `data` become several `data`
/// lines, which a client joins again.
pub(crate) fn event(id: Option<u64>, name: &str, data: &[u8], out: &mut Vec<u8>) {
    if let Some(id) = id {
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// Appends a comment, which clients skip: it keeps proxies from closing a quiet stream, and tells a
/// reader of the raw stream why it ends.
pub(crate) fn comment(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::{comment, event};
    use expect_test::{Expect, expect};

    fn check(write: impl Fn(&mut Vec<u8>), expect: &Expect) {
        let mut out = Vec::new();
        write(&mut out);
        expect.assert_eq(&String::from_utf8_lossy(&out));
    }

    #[test]
    fn an_event_has_an_id_a_name_and_its_data() {
        check(
            |out| event(Some(7), "log", b"{\"a\":1}", out),
            &expect![[r#"
                id: 7
                event: log
                data: {"a":1}

            "#]],
        );
    }

    #[test]
    fn a_newline_in_the_data_cannot_end_the_event() {
        check(
            |out| event(None, "end", b"one\n\nevent: forged", out),
            &expect![[r#"
                event: end
                data: one
                data: 
                data: event: forged

            "#]],
        );
    }

    #[test]
    fn a_comment_is_a_line_of_its_own() {
        check(
            |out| comment("keep-alive", out),
            &expect![[r#"
                : keep-alive

            "#]],
        );
    }
}

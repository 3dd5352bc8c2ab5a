//! Messages as the job wrote them: bytes that are not UTF-8 come back, pieces of a line become one.

use base64::Engine;
use databuild_model::entry::{LogMessage, field};

/// Appends the message's bytes, without a newline.
pub(crate) fn exactly(log: &LogMessage, out: &mut Vec<u8>) {
    let bytes = log
        .fields
        .get(field::RAW_BASE64)
        .and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    match bytes {
        Some(bytes) => out.extend_from_slice(&bytes),
        None => out.extend_from_slice(log.message.as_bytes()),
    }
}

/// Whether a line of the job ended here: not after a piece of an overlong line, but after its last.
pub(crate) fn ends_line(log: &LogMessage) -> bool {
    log.fields.get(field::FRAGMENT).is_none()
        || log.fields.get(field::FRAGMENT_LAST) == Some("true")
}

//! The proof that we read the request: RFC 6455 4.2.2(5)(4).
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`: base64 of the SHA-1 of the key and the GUID.
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut text = [0; 28];
    let written = STANDARD.encode_slice(hash, &mut text);
    // 20 bytes are always 28 in base64.
    debug_assert_eq!(written, Ok(28));
    text
}

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_one_of_the_rfc() {
        // 1.3
        let accept = super::accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(&accept, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}

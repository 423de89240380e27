//! Bytes by the register: unmasking and UTF-8. Knows no WebSocket.

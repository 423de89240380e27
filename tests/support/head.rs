//! Heads of HTTP, line by line.

#![allow(unreachable_pub)]

pub fn head(line: &str, fields: &[impl AsRef<str>]) -> Vec<u8> {
    let mut text = format!("{line}\r\n");
    for field in fields {
        text += field.as_ref();
        text += "\r\n";
    }
    (text + "\r\n").into_bytes()
}

/// Those that have another name.
pub fn others(fields: &[&'static str], name: &str) -> Vec<&'static str> {
    let named = |field: &&&str| field.split_once(':').unwrap().0 != name;
    fields.iter().filter(named).copied().collect()
}

//! A server in small, to which requests are played in every segmentation.

use ws4rs::proto::handshake::{
    AcceptError, Acceptance, Fields, HeadLimits, Opening, Refusal, Request, Response,
};

#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Answer {
    pub(super) refused: Option<Refusal>,
    pub(super) out: Vec<u8>,
    pub(super) behind: Vec<u8>,
}

impl Answer {
    pub(super) fn of_response(response: &Response) -> Self {
        let mut answer = Answer::default();
        response.write(false, &mut answer.out);
        answer
    }

    pub(super) fn text(&self) -> &str {
        core::str::from_utf8(&self.out).unwrap()
    }

    pub(super) fn status(&self) -> &str {
        self.text()
            .lines()
            .next()
            .unwrap()
            .strip_prefix("HTTP/1.1 ")
            .unwrap()
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.text()
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Whole, cut at each byte, and byte by byte.
pub(super) fn play(bytes: &[u8]) -> Answer {
    let limits = HeadLimits::default();
    let whole = play_whole(bytes);
    for at in 1..bytes.len() {
        assert_same(
            &play_parts([&bytes[..at], &bytes[at..]], &limits),
            &whole,
            at,
        );
    }
    assert_same(&play_cut(bytes, &limits, 1), &whole, 0);
    whole
}

/// The same for long ones: cut near both ends and near every limit.
pub(super) fn play_long(bytes: &[u8]) -> Answer {
    let limits = HeadLimits::default();
    let whole = play_whole(bytes);
    let near = |at: usize| at.saturating_sub(2)..at + 3;
    let cuts = [0, limits.line, limits.bytes, bytes.len()]
        .into_iter()
        .flat_map(near);
    for at in cuts.filter(|&at| at < bytes.len()) {
        assert_same(
            &play_parts([&bytes[..at], &bytes[at..]], &limits),
            &whole,
            at,
        );
    }
    for size in [1, 1448] {
        assert_same(&play_cut(bytes, &limits, size), &whole, size);
    }
    whole
}

fn assert_same(cut: &Answer, whole: &Answer, at: usize) {
    assert_eq!(cut.text(), whole.text(), "cut at {at}");
    assert_eq!(cut.refused, whole.refused, "cut at {at}");
    assert_eq!(cut.behind, whole.behind, "cut at {at}");
}

pub(super) fn play_whole(bytes: &[u8]) -> Answer {
    play_parts([bytes], &HeadLimits::default())
}

pub(super) fn play_cut(bytes: &[u8], limits: &HeadLimits, size: usize) -> Answer {
    play_parts(bytes.chunks(size), limits)
}

/// A server in small: nothing chosen, nothing added, plain requests refused.
pub(super) fn play_parts<'p>(
    parts: impl IntoIterator<Item = &'p [u8]>,
    limits: &HeadLimits,
) -> Answer {
    let mut parts = parts.into_iter();
    let mut opening = Opening::default();
    let mut answer = Answer::default();
    while let Some(part) = parts.next() {
        let mut part = part.to_vec();
        match opening.receive(&mut part, limits) {
            Ok(None) => continue,
            Ok(Some((head, behind))) => {
                answer.behind = behind.to_vec();
                let mut fields = Fields::new();
                let told = Request::parse(head, &mut fields)
                    .and_then(|request| accept(&request, &mut answer.out));
                answer.refused = told.err();
            }
            // How far it had looked when it refused depends on the cut, and is nobody's business.
            Err(refusal) => {
                answer.refused = Some(refusal);
                parts.by_ref().for_each(drop);
            }
        }
        answer.behind.extend(parts.flatten());
        if let Some(refusal) = answer.refused {
            refusal.response().write(false, &mut answer.out);
        }
        return answer;
    }
    answer
}

pub(super) fn accept(request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    match Acceptance::new().write(request, out) {
        Err(AcceptError::NotAskedFor) => Err(request.refusal()),
        other => {
            other.unwrap();
            Ok(())
        }
    }
}

/// Parses these bytes as a whole head and asks it something.
pub(super) fn read<T>(bytes: &[u8], ask: impl FnOnce(&Request<'_>) -> T) -> Result<T, Refusal> {
    let mut bytes = bytes.to_vec();
    let mut fields = Fields::new();
    Request::parse(&mut bytes, &mut fields).map(|request| ask(&request))
}

pub(super) fn accept_with(accept: &Acceptance, bytes: &[u8]) -> Result<String, AcceptError> {
    let mut out = Vec::new();
    let told = read(bytes, |request| accept.write(request, &mut out)).unwrap();
    assert!(told.is_ok() || out.is_empty());
    told.map(|()| String::from_utf8(out).unwrap())
}

#[track_caller]
pub(super) fn assert_taken(bytes: &[u8]) {
    assert_accepted(&play(bytes));
}

#[track_caller]
pub(super) fn assert_plain(bytes: &[u8]) {
    assert_upgrade_required(&play(bytes), Refusal::UpgradeRequired);
}

#[track_caller]
pub(super) fn assert_refused(bytes: &[u8], refusal: Refusal) {
    let answer = play(bytes);
    let sent = String::from_utf8_lossy(bytes);
    assert_eq!(answer.refused, Some(refusal), "{sent:?}");
    assert!(answer.status().starts_with(refusal.status().as_str()));
    assert_eq!(answer.field("Content-Length"), Some("0"));
    assert_eq!(answer.field("Connection"), Some("close"));
}

#[track_caller]
pub(super) fn assert_accepted(answer: &Answer) {
    assert_eq!(answer.refused, None);
    assert_eq!(answer.status(), "101 Switching Protocols");
}

#[track_caller]
pub(super) fn assert_upgrade_required(answer: &Answer, why: Refusal) {
    assert_eq!(answer.refused, Some(why));
    assert_eq!(answer.status(), "426 Upgrade Required");
    assert_eq!(answer.field("Upgrade"), Some("websocket"));
    assert_eq!(answer.field("Sec-WebSocket-Version"), Some("13"));
    assert_eq!(answer.field("Content-Length"), Some("0"));
    assert_eq!(answer.field("Connection"), Some("close"));
}

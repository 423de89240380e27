//! The opening handshake through the whole server. What a request may look like is in
//! `tests/handshake/`; this is what becomes of it.

mod support;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use http::{HeaderName, HeaderValue, StatusCode};
use support::*;
use ws4rs::internal::reactor::{Close, Driver, Event, Source, Token, Waker};
use ws4rs::{Accept, Chunks, Config, Deferred, OriginPolicy, Response, Verdict};

/// Where a handler puts what it will decide later.
type Later = Rc<RefCell<Vec<Deferred<Recorder>>>>;

fn deferring(later: &Later) -> Recorder {
    let later = later.clone();
    Recorder::echo().decide(move |_| {
        let later = later.clone();
        Verdict::defer(move |deferred| later.borrow_mut().push(deferred))
    })
}

fn accept() -> Accept<Guest> {
    Accept::new(Guest::default())
}

fn assert_accepted(answer: &[u8]) -> &[u8] {
    let (code, behind) = status(answer);
    assert_eq!(code, 101);
    let head = String::from_utf8_lossy(&answer[..answer.len() - behind.len()]).to_lowercase();
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="));
    behind
}

// S14, H26: in any segmentation, the bytes behind the request are frames.
#[test]
fn bytes_behind_the_request_are_frames() {
    let bytes = [REQUEST, &text("early"), &ping(b"x"), &close(1000, "")].concat();
    let played = play_request(Recorder::echo, &Config::default(), &bytes);
    let behind = assert_accepted(&played.bytes);
    assert_eq!(
        said(behind),
        [
            Said::Text("early".into()),
            Said::Pong(b"x".into()),
            Said::Close(1000, String::new())
        ]
    );
    assert_eq!(played.told[0], Told::Open);
}

// S13
#[test]
fn nothing_behind_a_refused_request_is_treated_as_frames() {
    let handler = || Recorder::echo().decide(|_| Verdict::refuse(StatusCode::FORBIDDEN));
    let bytes = [REQUEST, &text("early"), REQUEST].concat();
    let played = play_request(handler, &Config::default(), &bytes);
    assert_eq!(status(&played.bytes), (403, &[][..]));
    assert_eq!(played.told, []);
    assert_eq!(played.gone, Some(Gone::Finished));
    let bad = [&REQUEST[..30], b"\r\n\r\n", &text("x")[..]].concat();
    let played = play_request(Recorder::echo, &Config::default(), &bad);
    assert_eq!(status(&played.bytes).1, b"");
    assert_eq!(played.told, []);
}

// H19: a request that announces a body is refused, and its body is nobody's.
#[test]
fn a_body_belongs_to_the_request() {
    let request = request_with("Content-Length: 5\r\n");
    let bytes = [&request[..], b"Hello", &text("x")[..]].concat();
    let played = play_request(Recorder::echo, &Config::default(), &bytes);
    assert_eq!(status(&played.bytes), (400, &[][..]));
    assert_eq!(played.gone, Some(Gone::Finished));
}

#[test]
fn a_subprotocol_and_headers_go_into_the_answer() {
    let handler = Recorder::new(|peer, told| {
        if *told == Told::Open {
            let name = peer.subprotocol().unwrap_or("none").to_owned();
            peer.text(&name);
        }
    });
    let handler = handler.decide(|request| {
        assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
        let name = request.choose(&["v2", "v1"]).expect("offered");
        let trace = HeaderName::from_static("x-trace");
        let accept = accept().subprotocol(name);
        accept.header(trace, HeaderValue::from_static("7")).into()
    });
    let mut world = World::new(handler);
    let conn = world.connect();
    let request = request_with("Sec-WebSocket-Protocol: v1, v3, v2\r\n");
    world.feed(conn, &request);
    let answer = world.script.take_out(conn);
    let behind = assert_accepted(&answer);
    assert_eq!(said(behind), [Said::Text("v2".into())]);
    let head = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(
        head.contains("sec-websocket-protocol: v2\r\nx-trace: 7\r\n"),
        "{head}"
    );
}

// S9: what was not offered, and what is ours to write, is the handler's mistake.
#[test]
fn a_bad_acceptance_is_answered_with_500() {
    let bad: [fn() -> Accept<Guest>; 3] = [
        || accept().subprotocol("never-offered"),
        || accept().header(http::header::UPGRADE, HeaderValue::from_static("h2c")),
        || accept().header(http::header::CONTENT_LENGTH, HeaderValue::from_static("0")),
    ];
    for bad in bad {
        let handler = || Recorder::echo().decide(move |_| bad().into());
        let bytes = [REQUEST, &text("early")].concat();
        let played = play_request(handler, &Config::default(), &bytes);
        assert_eq!(status(&played.bytes), (500, &[][..]));
        assert_eq!(played.told, []);
        assert_eq!(played.gone, Some(Gone::Finished));
    }
}

#[test]
fn plain_http_is_answered_by_the_handler_or_refused() {
    let handler = || {
        Recorder::echo().answer(|request| {
            let healthy = Response::new(StatusCode::OK).body("fine\n");
            (request.path() == "/health").then_some(healthy)
        })
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    let played = play_request(handler, &Config::default(), &get("/health"));
    assert_eq!(status(&played.bytes), (200, &b"fine\n"[..]));
    assert_eq!(played.gone, Some(Gone::Finished));
    let played = play_request(handler, &Config::default(), &get("/"));
    assert_eq!(status(&played.bytes), (426, &[][..]));
    let head = b"HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let played = play_request(handler, &Config::default(), head);
    assert_eq!(status(&played.bytes), (200, &[][..]));
    assert!(String::from_utf8_lossy(&played.bytes).contains("Content-Length: 5"));
    let post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    let played = play_request(handler, &Config::default(), post);
    assert_eq!(status(&played.bytes), (405, &[][..]));
}

// S11
#[test]
fn a_foreign_origin_is_refused_before_the_handler_is_asked() {
    let handler = || Recorder::echo().decide(|_| panic!("not to be asked"));
    let evil = request_with("Origin: https://example.com.evil.org\r\n");
    let played = play_request(handler, &Config::default(), &evil);
    assert_eq!(status(&played.bytes), (403, &[][..]));
    let own = request_with("Origin: https://example.com\r\n");
    let played = play_request(Recorder::echo, &Config::default(), &own);
    assert_accepted(&played.bytes);
    let any = config(|config| config.origin = OriginPolicy::Any);
    assert_accepted(&play_request(Recorder::echo, &any, &evil).bytes);
    let list = vec!["https://example.org".to_owned()];
    let list = config(|config| config.origin = OriginPolicy::List(list));
    let played = play_request(Recorder::echo, &list, &own);
    assert_eq!(status(&played.bytes), (403, &[][..]));
}

// P1: the deadline is of the whole handshake; a byte now and then does not put it off.
#[test]
fn a_handshake_that_takes_too_long_is_told_408() {
    let mut world = World::new(Recorder::echo());
    let (drip, mute) = (world.connect(), world.connect());
    for byte in &REQUEST[..9] {
        world.feed(drip, &[*byte]);
        world.pass(seconds(1));
        assert_eq!(world.script.out(drip), b"");
    }
    world.pass(seconds(2));
    for conn in [drip, mute] {
        assert_eq!(status(&world.script.take_out(conn)), (408, &[][..]));
        assert_eq!(world.gone(conn), Some(Gone::Finished));
    }
    world.assert_empty();
}

#[test]
fn a_deferred_upgrade_may_be_accepted_later() {
    let later = Later::default();
    let mut world = World::new(deferring(&later));
    let conn = world.connect();
    world.feed(conn, &[REQUEST, &text("early")].concat());
    assert_eq!(world.script.out(conn), b"");
    // It is not read meanwhile.
    assert!(!world.script.is_reading(conn));
    world.feed(conn, &text("held by the kernel"));
    let deferred = later.borrow_mut().pop().expect("deferred");
    deferred.accept(accept());
    world.settle();
    let answer = world.script.take_out(conn);
    assert_eq!(
        said(assert_accepted(&answer)),
        [
            Said::Text("early".into()),
            Said::Text("held by the kernel".into())
        ]
    );
    assert!(world.script.is_reading(conn));
    assert_eq!(world.memory(), 0);
}

#[test]
fn a_deferred_upgrade_may_be_refused_or_forgotten() {
    let later = Later::default();
    let mut world = World::new(deferring(&later));
    let refuse = |deferred: Deferred<Recorder>| {
        deferred.refuse(Response::new(StatusCode::UNAUTHORIZED).body("who?"));
    };
    type Way = fn(Deferred<Recorder>);
    let ways: [(Way, u16, &[u8]); 3] = [
        (refuse, 401, b"who?"),
        (drop, 503, b""),
        (
            |deferred| deferred.accept(accept().subprotocol("never")),
            500,
            b"",
        ),
    ];
    for (way, code, body) in ways {
        let conn = world.connect();
        world.feed(conn, &[REQUEST, &text("early")].concat());
        way(later.borrow_mut().pop().expect("deferred"));
        world.settle();
        assert_eq!(status(&world.script.take_out(conn)), (code, body));
        assert_eq!(world.gone(conn), Some(Gone::Finished));
    }
    assert_eq!(world.told(), []);
    world.assert_empty();
}

#[test]
fn a_decision_from_another_thread_wakes_the_worker() {
    let later = Later::default();
    let mut world = World::new(deferring(&later));
    let conn = world.connect();
    world.feed(conn, REQUEST);
    let deferred = later.borrow_mut().pop().expect("deferred");
    std::thread::spawn(move || deferred.accept(accept()))
        .join()
        .expect("no panic");
    world.settle();
    assert_accepted(world.script.out(conn));
}

// L10: too late in three ways: the deadline has passed, the peer has gone, or has said goodbye.
#[test]
fn a_decision_that_comes_too_late_does_nothing() {
    let later = Later::default();
    let mut world = World::new(deferring(&later));
    let conns: Vec<_> = (0..3).map(|_| world.connect()).collect();
    for conn in &conns {
        world.script.polite(*conn, false);
        world.feed(*conn, REQUEST);
    }
    world.script.reset(conns[0]);
    world.script.fin(conns[1]);
    world.settle();
    world.pass(seconds(11));
    assert_eq!(status(world.script.out(conns[2])), (503, &[][..]));
    for deferred in later.borrow_mut().drain(..) {
        deferred.accept(accept());
    }
    world.settle();
    for conn in &conns {
        world.script.fin(*conn);
    }
    world.settle();
    world.pass(seconds(2));
    assert_eq!(world.told(), []);
    world.assert_empty();
    // The place of one of them is another's now, and the old decision is not its own.
    let next = world.connect();
    world.feed(next, REQUEST);
    assert_eq!(world.script.out(next), b"");
}

// Whoever opens may also be cut: a FIN behind the request is still answered.
#[test]
fn a_fin_behind_the_request_is_answered_first() {
    let mut world = World::new(Recorder::echo());
    let conn = world.connect();
    world.script.feed(conn, &[REQUEST, &text("a")].concat());
    world.script.fin(conn);
    world.settle();
    let answer = world.script.take_out(conn);
    assert_eq!(said(assert_accepted(&answer)), [Said::Text("a".into())]);
    assert_eq!(world.end().code, 1006);
    world.assert_empty();
}

// The tables of one connection are not another's: addresses.
#[test]
fn the_handler_is_told_where_the_request_came_from() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = seen.clone();
    let handler = Recorder::new(|peer, told| {
        if *told == Told::Open {
            let remote = peer.remote().to_string();
            peer.text(&remote);
        }
    });
    let mut world = World::new(handler.decide(move |request| {
        log.borrow_mut().push(request.remote().to_string());
        Verdict::accept(Guest::default())
    }));
    for from in ["203.0.113.9:1", "[2001:db8::1]:65535"] {
        let conn = world.script.connect_from(from.parse().expect("an address"));
        world.settle();
        world.feed(conn, REQUEST);
        let answer = world.script.take_out(conn);
        assert_eq!(said(assert_accepted(&answer)), [Said::Text(from.into())]);
    }
    assert_eq!(*seen.borrow(), ["203.0.113.9:1", "[2001:db8::1]:65535"]);
}

/// A driver that fails after a number of waits, and notes until when each was to wait.
struct Few<'a> {
    script: &'a mut Script,
    left: usize,
    deadlines: Vec<Option<Instant>>,
}

impl Driver for Few<'_> {
    fn open(&mut self, source: Source) -> io::Result<Token> {
        self.script.open(source)
    }

    fn send(&mut self, token: Token, chunks: Chunks) -> Option<Chunks> {
        self.script.send(token, chunks)
    }

    fn finish(&mut self, token: Token, chunks: Chunks) {
        self.script.finish(token, chunks);
    }

    fn read(&mut self, token: Token, on: bool) {
        self.script.read(token, on);
    }

    fn close(&mut self, token: Token, how: Close) {
        self.script.close(token, how);
    }

    fn wait(
        &mut self,
        deadline: Option<Instant>,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> io::Result<()> {
        self.deadlines.push(deadline);
        let left = self.left.checked_sub(1);
        self.left = left.ok_or(io::ErrorKind::Interrupted)?;
        self.script.wait(deadline, tell)
    }

    fn waker(&self) -> Waker {
        self.script.waker()
    }
}

// A socket may be handed over before the worker that gets it has a waker, or waits.
#[test]
fn a_socket_handed_over_before_the_first_wait_is_served() {
    let mut worlds = World::crew(vec![Recorder::echo(), Recorder::echo()], config(|_| {}));
    // Until one has far more than its half.
    for _ in 0..60 {
        worlds[0].connect();
    }
    let worker = &mut worlds[1];
    assert_eq!(worker.script.connections(), 0);
    let mut few = Few {
        script: &mut worker.script,
        left: 1,
        deadlines: Vec::new(),
    };
    let ended = worker.worker.run(&mut few);
    assert_eq!(
        ended.map_err(|error| error.kind()),
        Err(io::ErrorKind::Interrupted)
    );
    // It had something to do at once.
    let first = few.deadlines[0];
    assert!(first.is_some_and(|at| at <= Instant::now()), "{first:?}");
    assert!(worker.script.connections() > 0, "nobody was handed over");
    let conn = Conn(0);
    worker.feed(conn, REQUEST);
    assert_accepted(worker.script.out(conn));
}

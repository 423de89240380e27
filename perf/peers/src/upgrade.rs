//! The opening handshake for libraries that leave it to hyper.

use std::convert::Infallible;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Serves one connection until it is upgraded or ends. `answer` spawns what comes after the upgrade.
pub async fn upgrade(
    stream: TcpStream,
    answer: impl Fn(Request<Incoming>) -> Response<Empty<Bytes>>,
) {
    let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(request))));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ended = connection.with_upgrades().await;
}

/// What is answered to a request that the library does not take.
pub fn refuse() -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = hyper::StatusCode::BAD_REQUEST;
    response
}

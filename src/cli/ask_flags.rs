//! What a user may say about the request of a client.

use clap::Args;
use ws4rs::Dial;
use ws4rs::http::{HeaderName, HeaderValue};
use ws4rs::proto::handshake::Url;

/// What is asked for besides the upgrade.
#[derive(Debug, Args)]
pub(super) struct AskOptions {
    /// A field for the request: 'Name: value'. May be given more than once.
    #[arg(short = 'H', long, value_name = "FIELD", value_parser = field)]
    header: Vec<(HeaderName, HeaderValue)>,

    /// A subprotocol to offer, the favourite first. May be given more than once.
    #[arg(short, long, value_name = "NAME")]
    subprotocol: Vec<String>,

    /// The page to say we come from, as browsers do.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<HeaderValue>,
}

impl AskOptions {
    /// The request, but for compression.
    pub(super) fn dial(&self, url: &Url) -> Dial {
        let mut dial = Dial::new(url.clone());
        for (name, value) in &self.header {
            dial = dial.header(name.clone(), value.clone());
        }
        for name in &self.subprotocol {
            dial = dial.subprotocol(name.clone());
        }
        match &self.origin {
            Some(origin) => dial.origin(origin.clone()),
            None => dial,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.header.is_empty() && self.subprotocol.is_empty() && self.origin.is_none()
    }
}

fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a field is a name, a colon and a value")?;
    let name = HeaderName::try_from(name.trim()).map_err(|error| error.to_string())?;
    let value = HeaderValue::try_from(value.trim()).map_err(|error| error.to_string())?;
    Ok((name, value))
}

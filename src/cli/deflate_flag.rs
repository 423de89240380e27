//! How `--deflate` is said, to servers and to `bench`.

use clap::{Args, ValueEnum};

/// Each command has its own help for it.
#[derive(Debug, Args)]
pub(super) struct DeflateOption {
    #[arg(
        id = "deflate",
        long = "deflate",
        value_enum,
        value_name = "MODE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "shared"
    )]
    pub(super) mode: Option<DeflateMode>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DeflateMode {
    Shared,
    Takeover,
}

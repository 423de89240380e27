//! `ws4rs`: the bundled binary. Flags become a whole configuration, then something runs.

#[cfg(unix)]
mod bench;
#[cfg(unix)]
mod cli;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    cli::run(&clap::Parser::parse())
}

#[cfg(not(unix))]
fn main() {
    eprintln!("ws4rs: the server runs on Unix only");
    std::process::exit(2);
}

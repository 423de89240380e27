//! Runs a load, prints what came of it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;
use signal_hook::flag;

use super::bench_flags::BenchMode;
use super::{FAILED, NO_START, USAGE, fail, raise_descriptor_limit};
use crate::bench::{self, Failed, Plan, Report};

/// Measures, and tells.
pub(super) fn bench(mode: &BenchMode) -> ExitCode {
    let plan = match mode.plan() {
        Ok(plan) => plan,
        Err(fault) => return fail(USAGE, &fault),
    };
    if let Some(lacking) = lacks_descriptors(&plan) {
        return fail(NO_START, &lacking);
    }
    let stop = match stopped_by_interrupt() {
        Ok(stop) => stop,
        Err(error) => return fail(NO_START, &error),
    };
    let report = match bench::run(&plan, &stop) {
        Ok(report) => report,
        Err(error @ Failed::NoStart(_)) => return fail(NO_START, &error),
        Err(error @ (Failed::Fault(_) | Failed::Unread(_))) => return fail(FAILED, &error),
        Err(error @ Failed::Interrupted) => return fail(INTERRUPTED, &error),
    };
    if let Err(error) = print(&report, mode.options().json) {
        return fail(FAILED, &format!("standard output: {error}"));
    }
    match (report.fault(), report.failed.is_empty()) {
        (Some(fault), _) => fail(FAILED, &fault),
        (None, true) => ExitCode::SUCCESS,
        (None, false) => ExitCode::from(CONDITION_HELD),
    }
}

/// Why there are too few descriptors, where there are.
fn lacks_descriptors(plan: &Plan) -> Option<String> {
    let (limit, needed) = (raise_descriptor_limit()?, plan.descriptors());
    (needed > limit)
        .then(|| format!("it takes {needed} descriptors, and the limit is {limit}: see ulimit -Hn"))
}

/// A first Ctrl-C ends the run, a second one the process.
fn stopped_by_interrupt() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, i32::from(INTERRUPTED), stop.clone())?;
    flag::register(SIGINT, stop.clone())?;
    Ok(stop)
}

fn print(report: &Report, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match json {
        true => writeln!(out, "{}", report.json()),
        false => write!(out, "{report}"),
    }?;
    out.flush()
}

const CONDITION_HELD: u8 = 4;
/// As a shell tells of a process that SIGINT has ended.
const INTERRUPTED: u8 = 130;

//! A run from its first connection to its last: open all, warm up, measure, hear the answers that are
//! still to come, say goodbye.

use std::io;
use std::time::Duration;

use super::Failed;
use super::fleet::Fleet;
use super::lines::Lines;
use super::plan::Plan;
use super::process::{cpu_ns, of_all, rss_bytes};
use super::task::Task;

/// What was found in the measured time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub(super) ns: u64,
    pub(super) count: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Of the server's processes, if they are known.
    pub(super) server_ns: Option<u64>,
    pub(super) server_rss: Option<u64>,
    /// Of our own, where the kernel tells.
    pub(super) own_ns: Option<u64>,
    /// Units without an answer, at the end of it all.
    pub(super) missing: u64,
}

/// What has been counted at one time.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: u64,
    count: u64,
    sent: u64,
    received: u64,
    server_ns: Option<u64>,
    own_ns: Option<u64>,
}

/// Opens what has been called, and measures what the task does with it.
pub(super) fn measure(
    plan: &Plan,
    fleet: &mut Fleet<'_>,
    task: &mut impl Task,
) -> Result<Found, Failed> {
    open(fleet, task)?;
    task.start(&mut fleet.lines);
    let warm = fleet.run(task, plan.warm, never)?;
    if fleet.is_stopped() {
        return Err(Failed::Interrupted);
    }
    task.score().begin();
    let before = mark(plan, fleet, task, warm)?;
    let ended = fleet.run(task, plan.time, never)?;
    let after = mark(plan, fleet, task, ended)?;
    let server_rss = of_all(&plan.server, rss_bytes).map_err(Failed::no_start)?;

    task.stop();
    fleet.run(task, PATIENCE, |_, task| task.missing() == 0)?;
    let missing = task.missing();
    fleet.goodbye(task)?;
    let spent = |(after, before): (u64, u64)| after.saturating_sub(before);
    Ok(Found {
        ns: after.at - before.at,
        count: after.count - before.count,
        sent: after.sent - before.sent,
        received: after.received - before.received,
        server_ns: after.server_ns.zip(before.server_ns).map(spent),
        server_rss,
        own_ns: after.own_ns.zip(before.own_ns).map(spent),
        missing,
    })
}

/// Dials until everybody is open.
pub(super) fn open(fleet: &mut Fleet<'_>, task: &mut impl Task) -> Result<(), Failed> {
    // Each has its own time to open, so that together they may take as long as it takes.
    fleet.run(task, Duration::MAX, |lines, task| task.is_ready(lines))?;
    match fleet.is_stopped() {
        true => Err(Failed::Interrupted),
        false => Ok(()),
    }
}

fn mark(plan: &Plan, fleet: &Fleet<'_>, task: &mut impl Task, at: u64) -> Result<Mark, Failed> {
    Ok(Mark {
        at,
        count: task.score().count,
        sent: fleet.lines.sent,
        received: fleet.lines.received,
        server_ns: of_all(&plan.server, cpu_ns).map_err(Failed::no_start)?,
        own_ns: own(cpu_ns),
    })
}

fn own(what: impl Fn(&str) -> io::Result<u64>) -> Option<u64> {
    what("self").ok()
}

pub(super) fn never<T>(_: &Lines, _: &T) -> bool {
    false
}

/// 2 s: an answer that takes longer after the last question is a lost one.
const PATIENCE: Duration = Duration::from_secs(2);

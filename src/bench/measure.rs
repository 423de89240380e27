//! A run from its first connection to its last: open all, warm up, measure, hear the answers that are
//! still to come, say goodbye.

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
pub(super) struct Mark {
    pub(super) at: u64,
    count: u64,
    sent: u64,
    received: u64,
    server_ns: Option<u64>,
    own_ns: Option<u64>,
}

impl Mark {
    pub(super) fn now(
        plan: &Plan,
        fleet: &Fleet<'_>,
        task: &mut impl Task,
        at: u64,
    ) -> Result<Self, Failed> {
        Ok(Mark {
            at,
            count: task.score().count,
            sent: fleet.lines.sent,
            received: fleet.lines.received,
            server_ns: of_all(&plan.server, cpu_ns).map_err(Failed::no_start)?,
            own_ns: cpu_ns(std::process::id()).ok(),
        })
    }

    /// Bytes sent and received until `later`.
    pub(super) fn bytes_until(&self, later: &Mark) -> (u64, u64) {
        (later.sent - self.sent, later.received - self.received)
    }
}

impl Found {
    pub(super) fn between(before: Mark, after: Mark) -> Self {
        let spent = |(after, before): (u64, u64)| after.saturating_sub(before);
        let (sent, received) = before.bytes_until(&after);
        Found {
            ns: after.at - before.at,
            count: after.count - before.count,
            sent,
            received,
            server_ns: after.server_ns.zip(before.server_ns).map(spent),
            own_ns: after.own_ns.zip(before.own_ns).map(spent),
            ..Found::default()
        }
    }

    /// `None` where there was no unit.
    pub(super) fn per_unit(&self, sum: u64) -> Option<f64> {
        (self.count > 0).then(|| sum as f64 / self.count as f64)
    }

    /// How many processors are busy for so long in the measured time.
    pub(super) fn cores(&self, ns: u64) -> f64 {
        ns as f64 / self.ns.max(1) as f64
    }
}

/// Opens what has been called, and measures what the task does with it.
pub(super) fn measure(
    plan: &Plan,
    fleet: &mut Fleet<'_>,
    task: &mut impl Task,
) -> Result<Found, Failed> {
    open(fleet, task)?;
    let began = warm_up(plan, fleet, task)?;
    task.score().begin();
    task.measured();
    let before = Mark::now(plan, fleet, task, began)?;
    let count = plan.count.unwrap_or(u64::MAX);
    let enough = before.count.saturating_add(count);
    let ended = fleet.run(task, plan.time, |_, task| task.score().count >= enough)?;
    let mut found = Found::between(before, Mark::now(plan, fleet, task, ended)?);
    if found.count == 0 && fleet.is_stopped() {
        return Err(Failed::Interrupted);
    }
    found.server_rss = of_all(&plan.server, rss_bytes).map_err(Failed::no_start)?;

    task.stop(&mut fleet.lines);
    fleet.finish(task, PATIENCE)?;
    found.missing = task.missing();
    let now = fleet.now();
    for line in fleet.lines.iter_mut() {
        task.give_up(line, now);
    }
    fleet.goodbye(task)?;
    Ok(found)
}

/// Has the load begin. Tells when it has become what is measured.
fn warm_up(plan: &Plan, fleet: &mut Fleet<'_>, task: &mut impl Task) -> Result<u64, Failed> {
    task.start(&mut fleet.lines, u64::MAX);
    let mut began = fleet.run(task, plan.warm, never)?;
    if let Some(count) = plan.count {
        // What is counted is what was asked from here on: the answers from before come first.
        task.stop(&mut fleet.lines);
        fleet.finish(task, PATIENCE)?;
        began = fleet.now();
        task.start(&mut fleet.lines, count);
    }
    match fleet.is_stopped() {
        true => Err(Failed::Interrupted),
        false => Ok(began),
    }
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

pub(super) fn never<T>(_: &Lines, _: &mut T) -> bool {
    false
}

/// 2 s: an answer that takes longer after the last question is a lost one.
const PATIENCE: Duration = Duration::from_secs(2);

//! `ws4rs bench`: puts load on a server, any server, and tells what it costs and how long it takes.
//!
//! One thread on the crate's own reactor. What is said is built beforehand, and all that is heard is
//! compared with it. In the order in which a run meets them:
//!
//! ```text
//! plan                     all a run needs: target, sizes, payload, condition
//! measure                  open, warm up, measure, hear the rest, goodbye
//!   fleet ─▶ lines         a turn: dial, say everything, sleep, hear everything
//!              line        one connection, with frames or without
//!              hearing     what came is what was expected, byte for byte
//!   task                   what a mode makes of it: echo, rate, fanout, connect, idle
//!     script ─▶ wording    the messages that are answered with themselves, and their frames
//!     score                how many, how long
//! report, table            what was found; process: what it cost
//! ```

mod clock;
mod condition;
mod echo;
mod find;
mod fleet;
mod hearing;
mod line;
mod lines;
mod measure;
mod payload;
mod plan;
mod process;
mod progress;
mod report;
mod score;
mod script;
mod sizes;
mod table;
mod target;
mod task;
mod wording;

use std::fmt;
use std::sync::atomic::AtomicBool;

pub(crate) use condition::Condition;
pub(crate) use find::Goal;
pub(crate) use payload::Kind;
pub(crate) use plan::{Mode, Plan};
pub(crate) use report::Report;
pub(crate) use sizes::Sizes;
pub(crate) use target::Target;

use fleet::Fleet;
use target::Door;

/// Why there is no report.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It did not get as far as asking.
    NoStart(String),
    /// The server was wrong, or went away.
    Fault(String),
    /// Somebody stopped it before there was anything to tell.
    Interrupted,
}

impl Failed {
    fn no_start(error: impl fmt::Display) -> Self {
        Failed::NoStart(error.to_string())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::NoStart(why) | Failed::Fault(why) => f.write_str(why),
            Failed::Interrupted => f.write_str("interrupted before anything was measured"),
        }
    }
}

/// Runs what was planned, or until `stop`.
pub(crate) fn run(plan: &Plan, stop: &AtomicBool) -> Result<Report, Failed> {
    let mut report = match &plan.mode {
        Mode::Echo => echo(plan, stop)?,
        _ => return Err(Failed::no_start("this mode is not there yet")),
    };
    let held = plan
        .conditions
        .iter()
        .filter(|condition| condition.holds(&report));
    report.failed = held.map(Condition::to_string).collect();
    Ok(report)
}

fn echo(plan: &Plan, stop: &AtomicBool) -> Result<Report, Failed> {
    let mut fleet = dialled(plan, stop)?;
    let mut task = echo::Echo::new(plan);
    let found = measure::measure(plan, &mut fleet, &mut task)?;
    let times = task::Task::score(&mut task).times();
    Ok(Report::new(plan, &fleet, found, times))
}

/// A fleet that is to dial what was planned.
fn dialled<'s>(plan: &Plan, stop: &'s AtomicBool) -> Result<Fleet<'s>, Failed> {
    let mut fleet = Fleet::new(plan, stop)?;
    let many = plan.connections > PORTS || matches!(plan.mode, Mode::Connect);
    let door = Door::find(&plan.target, &plan.from, many).map_err(Failed::no_start)?;
    let door = fleet.add(door);
    fleet.call(door, plan.connections);
    Ok(fleet)
}

/// 20 000: one address of ours lends some 28 000 ports.
const PORTS: usize = 20_000;

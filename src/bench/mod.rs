//! `ws4rs bench`: puts load on a server, any server, and tells what it costs and how long it takes.
//!
//! One thread on the crate's own reactor. What is said is built beforehand, and all that is heard is
//! compared with it. In the order in which a run meets them:
//!
//! ```text
//! plan                     all a run needs: target, sizes, payload, condition
//! measure                  open, warm up, measure, hear the rest, goodbye
//!   fleet ─▶ lines         a turn: dial, say everything, sleep, hear everything
//!              line        one connection
//!              talk        a request, frames, or bytes without
//!              hearing     what came is what was expected, byte for byte
//!   task                   what a mode makes of it: echo, rate, fanout, connect, idle
//!     settling             whether all are there who are to hear
//!     script ─▶ wording    the messages that are answered with themselves, and their frames
//!     numbered ─▶ wording  those of a fan-out
//!     score                how many, how long
//! report, table            what was found; process: what it cost
//! ```

mod clock;
mod condition;
mod connect;
mod echo;
mod fanout;
mod find;
mod fleet;
mod hearing;
mod idle;
mod line;
mod lines;
mod measure;
mod numbered;
mod payload;
mod plan;
mod process;
mod progress;
mod rate;
mod report;
mod score;
mod script;
mod settling;
mod sizes;
mod table;
mod talk;
mod target;
mod task;
mod wording;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use condition::Condition;
pub(crate) use find::Goal;
pub(crate) use payload::Kind;
pub(crate) use plan::{Mode, Plan};
pub(crate) use report::Report;
pub(crate) use sizes::Sizes;
pub(crate) use target::Target;

use connect::Connect;
use echo::Echo;
use fanout::Fanout;
use fleet::{Fleet, TARGET};
use idle::Idle;
use measure::measure;
use process::{cpu_ns, of_all};
use rate::Rate;
use report::{Latency, Missed};
use target::Door;
use task::Task;

/// Why there is no report.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It did not get as far as asking.
    NoStart(String),
    /// The server was wrong, or went away.
    Fault(String),
    /// It does not read what it is asked: so many bytes wait for it.
    Unread(usize),
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
            Failed::Unread(bytes) => {
                write!(f, "the server does not read: {bytes} bytes wait for it")
            }
            Failed::Interrupted => f.write_str("interrupted before anything was measured"),
        }
    }
}

/// Runs what was planned, or until `stop`.
pub(crate) fn run(plan: &Plan, stop: &AtomicBool) -> Result<Report, Failed> {
    // A process that is not there is told before anything is done.
    of_all(&plan.server, cpu_ns).map_err(Failed::no_start)?;
    let mut report = match &plan.mode {
        Mode::Echo { outstanding } => {
            open_and_measure(plan, stop, &mut Echo::new(plan, *outstanding))?
        }
        Mode::Connect => connect(plan, stop)?,
        Mode::Rate { per_second, find } => match find {
            None => rate(plan, *per_second, stop)?,
            Some(goal) => find_highest(plan, *per_second, goal, stop)?,
        },
        Mode::Fanout {
            outstanding,
            publish,
            join,
        } => {
            let task = Fanout::new(plan, *outstanding, join.clone());
            fanout(plan, task, publish.as_ref(), stop)?
        }
        Mode::Idle => idle(plan, stop)?,
    };
    for condition in &plan.conditions {
        match condition.holds(&report) {
            Some(true) => report.failed.push(condition.to_string()),
            Some(false) => {}
            None => report.untold = Some(condition.to_string()),
        }
    }
    Ok(report)
}

fn open_and_measure(
    plan: &Plan,
    stop: &AtomicBool,
    task: &mut impl Task,
) -> Result<Report, Failed> {
    let mut fleet = fleet(plan, stop)?;
    fleet.lines.call(TARGET, plan.connections);
    measured(plan, &mut fleet, task)
}

fn connect(plan: &Plan, stop: &AtomicBool) -> Result<Report, Failed> {
    let mut task = Connect::new(plan, plan.connections);
    measured(plan, &mut fleet(plan, stop)?, &mut task)
}

fn measured(plan: &Plan, fleet: &mut Fleet<'_>, task: &mut impl Task) -> Result<Report, Failed> {
    let found = measure(plan, fleet, task)?;
    Ok(Report::new(plan, fleet, found, task.score().times()))
}

fn rate(plan: &Plan, per_second: f64, stop: &AtomicBool) -> Result<Report, Failed> {
    let mut task = Rate::new(plan, per_second);
    let mut report = open_and_measure(plan, stop, &mut task)?;
    report.behind_us = Some(Latency::of(task.behind()));
    Ok(report)
}

/// The report of the highest rate that meets the goal.
fn find_highest(plan: &Plan, first: f64, goal: &Goal, stop: &AtomicBool) -> Result<Report, Failed> {
    let (mut best, mut missed) = (None, Vec::new());
    let searched = find::highest(first, |per_second| {
        let mode = Mode::Rate {
            per_second,
            find: None,
        };
        let step = Plan {
            mode,
            ..plan.clone()
        };
        let met = match rate(&step, per_second, stop) {
            _ if stop.load(Ordering::Relaxed) => return Err(Failed::Interrupted),
            Ok(report) => goal.missed(&report).map_or(Ok(report), Err),
            // Beyond what it can take a server that has met a lower rate may let go of us, or not let us in.
            Err(failed) if best.is_some() || matches!(failed, Failed::Unread(_)) => {
                Err(Missed::failed(per_second, &failed))
            }
            Err(failed) => return Err(failed),
        };
        let is_met = met.is_ok();
        match met {
            Ok(report) => best = Some(report),
            Err(miss) => missed.push(miss),
        }
        Ok(is_met)
    });
    match (searched, best) {
        (Ok(_) | Err(Failed::Interrupted), Some(best)) => Ok(Report { missed, ..best }),
        (Err(failed), _) => Err(failed),
        (Ok(_), None) => {
            let why = missed.last().map_or("", |miss| &miss.why);
            Err(Failed::Fault(format!("no rate meets {goal}: {why}")))
        }
    }
}

fn fanout(
    plan: &Plan,
    mut task: Fanout,
    publish: Option<&Target>,
    stop: &AtomicBool,
) -> Result<Report, Failed> {
    let mut fleet = fleet(plan, stop)?;
    fleet.lines.call(TARGET, plan.connections);
    let publisher = Door::find(publish.unwrap_or(&plan.target), &plan.from, false);
    let publisher = fleet.add(publisher.map_err(Failed::no_start)?);
    debug_assert_eq!(publisher, fanout::PUBLISHER);
    fleet.lines.call(publisher, 1);
    let mut report = measured(plan, &mut fleet, &mut task)?;
    report.latency_all_us = Some(Latency::of(task.all()));
    Ok(report)
}

fn idle(plan: &Plan, stop: &AtomicBool) -> Result<Report, Failed> {
    let mut fleet = fleet(plan, stop)?;
    let mut task = Idle::new();
    let held = task.hold(plan, &mut fleet)?;
    let mut report = Report::new(plan, &fleet, held.found, task.score().times());
    report.per_second = held.opened_per_second;
    if let Some(server) = &mut report.server {
        server.bytes_per_connection = held.bytes_per_connection;
    }
    Ok(report)
}

/// A fleet that knows the door of the target, and has dialled nobody yet.
fn fleet<'s>(plan: &Plan, stop: &'s AtomicBool) -> Result<Fleet<'s>, Failed> {
    let mut fleet = Fleet::new(plan, stop)?;
    let many = plan.connections > PORTS || matches!(plan.mode, Mode::Connect);
    let door = Door::find(&plan.target, &plan.from, many).map_err(Failed::no_start)?;
    let target = fleet.add(door);
    debug_assert_eq!(target, TARGET);
    Ok(fleet)
}

/// 20 000: one address of ours lends some 28 000 ports.
const PORTS: usize = 20_000;

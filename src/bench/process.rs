//! What a process has used, as Linux counts it: time on a processor, and memory.

use std::fs;
use std::io;

/// Nanoseconds that a process has spent on a processor, kernel and user together: that of all its
/// threads, those that have ended too. Exact, where `times` would count ticks.
#[cfg(target_os = "linux")]
pub(super) fn cpu_ns(pid: u32) -> io::Result<u64> {
    use std::time::Duration;

    use nix::time::ClockId;
    use nix::unistd::Pid;

    // To the kernel, 0 is who asks.
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0);
    let pid = pid.ok_or(io::ErrorKind::NotFound)?;
    let spent = ClockId::pid_cpu_clock_id(Pid::from_raw(pid))?.now()?;
    Ok(super::clock::ns(Duration::from(spent)))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn cpu_ns(_: u32) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Bytes of memory that `pid` has in use, exact or not.
pub(super) fn rss_bytes(pid: u32) -> io::Result<u64> {
    // The sum over all mappings is exact; `status` lacks what a processor has not passed on yet.
    let (text, field) = match rollup(pid) {
        Ok(text) => (text, "Rss:"),
        Err(_) => (fs::read_to_string(format!("/proc/{pid}/status"))?, "VmRSS:"),
    };
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = number(line.and_then(|line| line.split_whitespace().next()))?;
    Ok(kilobytes << 10)
}

/// Whether [`rss_bytes`] is exact: it takes the permission to trace the process.
pub(super) fn is_rss_exact(pid: u32) -> bool {
    rollup(pid).is_ok()
}

fn rollup(pid: u32) -> io::Result<String> {
    fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
}

/// The sum of what `one` tells of each process; `None` of none.
pub(super) fn of_all(
    pids: &[u32],
    one: impl Fn(u32) -> io::Result<u64>,
) -> io::Result<Option<u64>> {
    let each = pids.iter().map(|&pid| {
        one(pid).map_err(|error| io::Error::new(error.kind(), format!("process {pid}: {error}")))
    });
    let sum = each.sum::<io::Result<u64>>()?;
    Ok((!pids.is_empty()).then_some(sum))
}

fn number(text: Option<&str>) -> io::Result<u64> {
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_memory() {
        let own = std::process::id();
        let (time, memory) = (cpu_ns(own).unwrap(), rss_bytes(own).unwrap());
        let much = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(much.iter().all(|byte| *byte == 1));
        assert!(cpu_ns(own).unwrap() > time);
        assert!(rss_bytes(own).unwrap() > memory);
    }

    #[test]
    fn the_time_of_a_thread_stays_when_it_has_ended() {
        let own = std::process::id();
        let until = cpu_ns(own).unwrap() + 50_000_000;
        let work = std::thread::spawn(move || while cpu_ns(own).unwrap() < until {});
        work.join().unwrap();
        assert!(cpu_ns(own).unwrap() >= until);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        for pid in [0, u32::MAX] {
            assert!(cpu_ns(pid).is_err() && rss_bytes(pid).is_err());
        }
        assert!(of_all(&[0], cpu_ns).is_err());
        assert_eq!(of_all(&[], cpu_ns).unwrap(), None);
    }
}

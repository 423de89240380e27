//! What a process has used, as Linux counts it in `/proc`: time on a processor, and memory.
//!
//! `/proc/PID/task/*/schedstat` has the time on a processor as its first field, kernel and user
//! together. It is exact where `times` would count ticks. Threads that have ended are not in it.

use std::fs;
use std::io;

/// Nanoseconds that `pid` (a number, or `self`) has spent on a processor.
pub(super) fn cpu_ns(pid: &str) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        sum += number(text.split_whitespace().next())?;
    }
    Ok(sum)
}

/// Bytes of memory that `pid` has in use.
pub(super) fn rss_bytes(pid: &str) -> io::Result<u64> {
    // The sum over all mappings is exact; `status` has what each processor has noted so far.
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
    let (text, field) = match maps {
        Ok(text) => (text, "Rss:"),
        Err(_) => (fs::read_to_string(format!("/proc/{pid}/status"))?, "VmRSS:"),
    };
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = number(line.and_then(|line| line.split_whitespace().next()))?;
    Ok(kilobytes << 10)
}

/// The sum of what `one` tells of each process; `None` of none.
pub(super) fn of_all(
    pids: &[u32],
    one: impl Fn(&str) -> io::Result<u64>,
) -> io::Result<Option<u64>> {
    let each = pids.iter().map(|pid| {
        let told = one(&pid.to_string());
        told.map_err(|error| io::Error::new(error.kind(), format!("process {pid}: {error}")))
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
        let (time, memory) = (cpu_ns("self").unwrap(), rss_bytes("self").unwrap());
        let much = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(much.iter().all(|byte| *byte == 1));
        assert!(cpu_ns("self").unwrap() > time);
        assert!(rss_bytes("self").unwrap() > memory);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(cpu_ns("0").is_err() && rss_bytes("0").is_err());
        assert!(of_all(&[0], cpu_ns).is_err());
        assert_eq!(of_all(&[], cpu_ns).unwrap(), None);
    }
}

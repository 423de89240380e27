//! Processor time, as Linux counts it: all threads of a process, in nanoseconds.
//!
//! `/proc/PID/task/*/schedstat` has the time on a processor as its first field, kernel and user
//! together. It is exact where `times` would count ticks. Threads that have ended are not in it.

use std::fs;
use std::io;

/// Time that `pid` (a number, or `self`) has spent on a processor.
pub fn spent_ns(pid: &str) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        sum += first_field(&text).ok_or(io::ErrorKind::InvalidData)?;
    }
    Ok(sum)
}

fn first_field(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn time_passes_while_we_work() {
        let before = spent_ns("self").unwrap();
        let began = std::time::Instant::now();
        while began.elapsed().as_millis() < 20 {
            std::hint::spin_loop();
        }
        assert!(spent_ns("self").unwrap() > before);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(spent_ns("0").is_err());
    }
}

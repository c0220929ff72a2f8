//! Ctrl-C, SIGTERM and a terminal that is closed: the first asks to stop, a second one stops at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::{Failure, Stop};

/// A flag that the first interrupt sets. A second one ends the process with exit code 130: whatever the state, a vault
/// survives that. A closed terminal says so more than once, shell and system each: it only sets the flag.
pub fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let failed = |error| {
        let problem = format!("interrupts cannot be caught: {error}");
        Failure::new(Stop::Internal, problem, "report this with your system's name")
    };
    for signal in [SIGINT, SIGTERM] {
        // In this order: the shutdown looks at the flag before this signal sets it.
        flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .map_err(failed)?;
    }
    if !is_ignored(SIGHUP) {
        flag::register(SIGHUP, Arc::clone(&stop)).map_err(failed)?;
    }
    Ok(stop)
}

/// Whether whoever started the process has told it to go on after a signal, as `nohup` does.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

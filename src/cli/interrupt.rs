//! Ctrl-C, SIGTERM and a terminal that is closed: the first asks to stop, a second one stops at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::{Failure, Stop};

/// Signals by which somebody asks the process to end, and of which a second one is meant.
const ASKED: &[i32] = &[
    SIGINT,
    SIGTERM,
    #[cfg(unix)]
    signal_hook::consts::SIGALRM,
    #[cfg(unix)]
    signal_hook::consts::SIGUSR1,
    #[cfg(unix)]
    signal_hook::consts::SIGUSR2,
];

/// Signals that come more than once: of a closed terminal from shell and system each, and of processor time that is used up every
/// second until its hard limit.
const REPEATED: &[i32] = &[
    #[cfg(unix)]
    signal_hook::consts::SIGHUP,
    #[cfg(unix)]
    signal_hook::consts::SIGXCPU,
];

/// A flag that the first interrupt sets. A second one that somebody sends ends the process with exit code 130: whatever the state, a
/// vault survives that. Of signals that come more than once, those
/// that the process was told to ignore, as `nohup` does, stay ignored.
pub fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let failed = |error| {
        let problem = format!("interrupts cannot be caught: {error}");
        Failure::new(Stop::Internal, problem, "report this with your system's name")
    };
    for &signal in ASKED {
        // In this order: the shutdown looks at the flag before this signal sets it.
        flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .map_err(failed)?;
    }
    for &signal in REPEATED.iter().filter(|&&signal| !is_ignored(signal)) {
        flag::register(signal, Arc::clone(&stop)).map_err(failed)?;
    }
    Ok(stop)
}

/// Lets a write fail that would make a file longer than a limit allows, as a write to a full disk does; the signal for it would
/// end the process without a word.
pub fn survive_long_files() {
    #[cfg(unix)]
    let _ = flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Whether whoever started the process has told it to go on after a signal, as `nohup` does.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

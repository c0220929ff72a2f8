//! Ctrl-C and SIGTERM: the first asks to stop, the second stops at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::{Failure, Stop};

/// A flag that the first interrupt sets. A second one ends the process with exit code 130: whatever the state, a vault
/// survives that.
pub fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the shutdown looks at the flag before this signal sets it.
        flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| {
                Failure::new(
                    Stop::Internal,
                    format!("interrupts cannot be caught: {error}"),
                    "report this with your system's name",
                )
            })?;
    }
    Ok(stop)
}

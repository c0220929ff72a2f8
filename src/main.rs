//! The `safelight` command. Everything lives in the library; see [`safelight::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    safelight::cli::main()
}

//! Runs a net on a plane of luma, for comparison with other engines: prints how long a run takes, writes what came out.
//!
//!     cargo run --release --example engine -- models/detector.slnn luma.raw 640 384 --runs 100 --out heads.raw
//!
//! The plane is raw, one byte a pixel, rows top down. The outputs are little-endian singles in the order rows, columns,
//! channels, one output after the other. What is printed is one JSON object. One thread.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use safelight::nn::{Model, Session};
use serde_json::json;

#[derive(Parser)]
struct Arguments {
    /// Weight file.
    weights: PathBuf,
    /// Raw luma.
    luma: PathBuf,
    /// Columns.
    width: usize,
    /// Rows.
    height: usize,
    /// How often to run; the first run, which makes room, is not counted.
    #[arg(long, default_value_t = 100)]
    runs: usize,
    /// Where the outputs go.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let luma = std::fs::read(&arguments.luma)?;
    let model = Arc::new(Model::parse(&std::fs::read(&arguments.weights)?)?);
    let mut session = Session::new(Arc::clone(&model));
    session.run(&luma, arguments.width, arguments.height)?;

    let mut times: Vec<Duration> = Vec::with_capacity(arguments.runs);
    for _ in 0..arguments.runs {
        let start = Instant::now();
        session.run(&luma, arguments.width, arguments.height)?;
        times.push(start.elapsed());
    }
    times.sort();
    let microseconds = |time: Option<&Duration>| time.map(|time| time.as_secs_f64() * 1e6);
    let report = json!({
        "instruction_set": model.instruction_set(),
        "runs": times.len(),
        "median_us": microseconds(times.get(times.len() / 2)),
        "least_us": microseconds(times.first()),
    });
    println!("{report}");

    if let Some(path) = arguments.out {
        let mut bytes = Vec::new();
        for index in 0..model.outputs().count() {
            let output = session.output(index);
            let rows = (0..output.height()).flat_map(|y| output.row(y).flatten());
            bytes.extend(rows.flat_map(|number| number.to_le_bytes()));
        }
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

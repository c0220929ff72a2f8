//! Our engine against `rten`, on the program's own nets and on one of every kind of layer. The other engine computes in single precision
//! what our file says, with rounding as layers of its own: where a number lies between two steps, one may go up and the other down, and all
//! that is made of it differs by a little. Which inputs have such a number, is chance; so each net is run on several.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rten::{ModelOptions, Value};
use safelight::nn::{Model, Session};
use serde_json::json;

use super::slnn::Slnn;

/// The largest difference allowed, in shares of a tensor's largest number, or absolute below 1: of all but a few, and of any.
const USUAL: f32 = 1e-3;
const EVER: f32 = 3e-2;
const FEW: f32 = 0.02;

/// Inputs of each size, and on how many of them nothing may lie between two steps.
const INPUTS: u64 = 5;
const LIKE: usize = 3;

/// Numbers between 0 and 255 that depend on `seed` only: noise, over a slope so that no two regions are alike.
fn luma(seed: u64, width: usize, height: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 56) as usize
    };
    (0..width * height).map(|at| ((next() + 255 * (at % width) / width + at / width) / 2 % 256) as u8).collect()
}

/// Runs both engines on one input and compares them: whether all but a few numbers are the same.
fn are_alike(name: &str, net: &Slnn, width: usize, height: usize, seed: u64) -> bool {
    let pixels = luma((width * height) as u64 + seed, width, height);
    let model = Model::parse(net.file()).expect("ours");
    let mut session = Session::new(Arc::new(model));
    session.run(&pixels, width, height).expect("ours runs");

    let outputs = net.outputs();
    let other = ModelOptions::with_all_ops().load(net.onnx(&outputs)).expect("theirs");
    let input = Value::from_shape([1, 1, height, width], net.normalised(&pixels)).expect("an input");
    let ids = other.output_ids().to_vec();
    let results = other.run(vec![(other.input_ids()[0], input.into())], &ids, None).expect("theirs runs");

    let (mut count, mut unusual, mut worst) = (0, 0, 0f32);
    for (index, (output, value)) in outputs.iter().zip(results).enumerate() {
        let ours = session.output(index);
        let ([_, channels, rows, columns], theirs) = value.into_shape_vec::<f32, 4>().expect("four dimensions");
        assert_eq!([ours.channels(), ours.height(), ours.width()], [channels, rows, columns], "{output}");
        let scale = theirs.iter().fold(1f32, |most, v| most.max(v.abs()));
        for y in 0..rows {
            for (x, cell) in ours.row(y).enumerate() {
                for (channel, &number) in cell.iter().enumerate() {
                    let due = theirs[(channel * rows + y) * columns + x];
                    let apart = (number - due).abs() / scale;
                    assert!(apart <= EVER, "{output} at ({y}, {x}), channel {channel}: {number}, not {due}");
                    count += 1;
                    unusual += usize::from(apart > USUAL);
                    worst = worst.max(apart);
                }
            }
        }
    }
    println!(
        "{name} at {width}x{height}: {unusual} of {count} apart by more than {USUAL:.0e}, the worst by {worst:.1e}"
    );
    unusual as f32 <= FEW * count as f32
}

fn assert_same(name: &str, net: &Slnn, sizes: &[(usize, usize)]) {
    for &(width, height) in sizes {
        let alike = (0..INPUTS).filter(|&seed| are_alike(name, net, width, height, seed)).count();
        assert!(alike >= LIKE, "{name} at {width}x{height}: of {INPUTS} inputs both say the same of {alike}");
    }
}

fn own(name: &str) -> Slnn {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name);
    Slnn::parse(&fs::read(path).expect("the program's own weights"))
}

#[test]
fn the_detector_computes_what_the_other_engine_does() {
    assert_same("detector", &own("detector.slnn"), &[(32, 32), (96, 64), (64, 224), (320, 192)]);
}

#[test]
fn the_reader_computes_what_the_other_engine_does() {
    let net = own("reader.slnn");
    let [height, width] = net.size();
    assert_same("reader", &net, &[(width, height)]);
}

#[test]
fn the_refiners_compute_what_the_other_engine_does() {
    for name in ["refine-plate", "refine-face"] {
        let net = own(&format!("{name}.slnn"));
        let [height, width] = net.size();
        assert_same(name, &net, &[(width, height)]);
    }
}

/// A file with every kind of layer, of weights that depend on nothing.
fn one_of_each() -> Slnn {
    let mut weights: Vec<f32> = Vec::new();
    let mut conv =
        |input: &str, out: &str, kernel: [usize; 2], stride: usize, pad: [usize; 4], channels: [usize; 2]| {
            let count = kernel[0] * kernel[1] * channels[0] * channels[1];
            let weight = weights.len();
            let noise = luma(weight as u64 + 7, count + channels[1], 1);
            let fan = (count / channels[1]) as f32;
            weights.extend(noise.iter().map(|v| (f32::from(*v) - 127.5) / 64.0 / fan.sqrt()));
            json!({"op": "conv", "in": input, "out": out, "kernel": kernel, "stride": [stride, stride], "pad": pad,
            "channels": channels, "act": "none", "weight": weight, "bias": weight + count})
        };
    let kept = |node: serde_json::Value, keep: serde_json::Value| {
        let mut node = node;
        (node["act"], node["keep"]) = (json!("relu"), keep);
        node
    };
    let bytes = json!({"bytes": 6.0});
    let nodes = [
        kept(conv("x", "stem", [5, 3], 2, [2, 1, 2, 1], [1, 12]), bytes.clone()),
        conv("stem", "body", [3, 3], 1, [1, 1, 1, 1], [12, 12]),
        json!({"op": "add", "in": ["stem", "body"], "out": "sum", "act": "relu", "keep": bytes}),
        kept(conv("sum", "deep", [3, 3], 2, [1, 1, 1, 1], [12, 20]), json!({"words": 9.0})),
        conv("deep", "side", [1, 1], 1, [0, 0, 0, 0], [20, 12]),
        json!({"op": "upsample2", "in": "side", "out": "up"}),
        json!({"op": "add", "in": ["up", "sum"], "out": "both", "act": "relu", "keep": {"words": 9.0}}),
        conv("both", "raw", [1, 1], 1, [0, 0, 0, 0], [12, 24]),
        json!({"op": "depth_to_space2", "in": "raw", "out": "heads"}),
    ];
    let header = json!({"name": "one of each", "dtype": "f32", "outputs": ["heads"], "nodes": nodes,
        "input": {"name": "x", "channels": 1, "normalise": "fixed", "mean": 0.45, "scale": 4.0}});
    let header = header.to_string().into_bytes();
    let mut file = b"SLNN0002".to_vec();
    file.extend((header.len() as u32).to_le_bytes());
    file.extend(header);
    file.extend(weights.iter().flat_map(|w| w.to_le_bytes()));
    Slnn::parse(&file)
}

#[test]
fn every_kind_of_layer_computes_what_the_other_engine_does() {
    assert_same("one of each", &one_of_each(), &[(4, 4), (12, 8), (36, 100), (256, 64)]);
}

//! Weight files made by hand, for tests here and of what uses the engine.

use serde_json::{Value, json};

use super::format::MAGIC;

/// Builds a weight file node by node. The input is called `x`.
pub(crate) struct FileBuilder {
    pub(crate) normalise: Value,
    pub(crate) nodes: Vec<Value>,
    pub(crate) weights: Vec<f32>,
    pub(crate) outputs: Vec<String>,
    pub(crate) meta: Value,
}

/// What a convolution looks like apart from its weights.
#[derive(Clone, Debug)]
pub(crate) struct ConvShape {
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) pad: [usize; 4],
    pub(crate) channels: [usize; 2],
    pub(crate) relu: bool,
    /// How the result is kept, as the file says it; nothing for singles.
    pub(crate) keep: Value,
}

impl ConvShape {
    /// A square kernel of stride 1 that keeps the size.
    pub(crate) fn same(kernel: usize, channels: [usize; 2]) -> Self {
        let half = kernel / 2;
        Self { kernel: [kernel; 2], stride: [1; 2], pad: [half; 4], channels, relu: false, keep: Value::Null }
    }

    pub(crate) fn weights(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels[0] * self.channels[1]
    }
}

impl FileBuilder {
    /// A net whose input is luma between −1 and 1.
    pub(crate) fn new() -> Self {
        Self {
            normalise: json!({"normalise": "fixed", "mean": 0.5, "scale": 2.0}),
            nodes: Vec::new(),
            weights: Vec::new(),
            outputs: Vec::new(),
            meta: json!({}),
        }
    }

    pub(crate) fn conv(&mut self, input: &str, out: &str, shape: &ConvShape, weights: &[f32], bias: &[f32]) {
        assert_eq!((weights.len(), bias.len()), (shape.weights(), shape.channels[1]));
        let weight = self.weights.len();
        self.weights.extend_from_slice(weights);
        self.weights.extend_from_slice(bias);
        self.nodes.push(json!({
            "op": "conv", "in": input, "out": out, "kernel": shape.kernel, "stride": shape.stride, "pad": shape.pad,
            "channels": shape.channels, "keep": shape.keep, "act": if shape.relu { "relu" } else { "none" },
            "weight": weight, "bias": weight + weights.len(),
        }));
    }

    pub(crate) fn output(&mut self, name: &str) {
        self.outputs.push(name.to_owned());
    }

    pub(crate) fn header(&self) -> Value {
        let mut input = json!({"name": "x", "channels": 1});
        if let (Value::Object(input), Value::Object(normalise)) = (&mut input, &self.normalise) {
            input.extend(normalise.clone());
        }
        json!({
            "name": "test", "dtype": "f32", "input": input, "nodes": self.nodes, "outputs": self.outputs,
            "meta": self.meta,
        })
    }

    pub(crate) fn file(&self) -> Vec<u8> {
        file_of(&self.header(), &self.weights)
    }
}

/// The bytes of a file of singles.
pub(crate) fn file_of(header: &Value, weights: &[f32]) -> Vec<u8> {
    let header = header.to_string().into_bytes();
    let mut file = MAGIC.to_vec();
    file.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
    file.extend(header);
    file.extend(weights.iter().flat_map(|w| w.to_le_bytes()));
    file
}

/// Numbers between −1 and 1 that depend on `seed` only.
pub(crate) fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Luma that depends on `seed` only.
pub(crate) fn luma(seed: u64, count: usize) -> Vec<u8> {
    noise(seed, count).iter().map(|v| ((v + 1.0) * 127.5) as u8).collect()
}

//! Our weight files, read as `training/FORMAT.md` says and not as `nn` does, and written anew as ONNX.

use serde_json::Value;

use super::proto::{Attribute, Onnx, Side};

/// A weight file, taken apart.
pub struct Slnn {
    header: Value,
    weights: Vec<f32>,
    file: Vec<u8>,
}

/// The greatest activation in bytes and in words, the greatest weight beside bytes, the input's steps in one of luma.
const BYTES: f32 = 127.0;
const WORDS: f32 = 8191.0;
const BYTE_WEIGHTS: f32 = 63.0;
const LUMA_STEPS: f64 = 32.0;

/// An IEEE half, exactly.
fn single(half: u16) -> f32 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from((half >> 10) & 31), f32::from(half & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        _ => sign * (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

fn whole(value: &Value) -> usize {
    value.as_u64().expect("a whole number") as usize
}

fn wholes(value: &Value) -> Vec<usize> {
    value.as_array().expect("a list").iter().map(whole).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn signed(values: &[usize]) -> Vec<i64> {
    values.iter().map(|v| *v as i64).collect()
}

impl Slnn {
    pub fn parse(file: &[u8]) -> Self {
        assert_eq!(&file[..8], b"SLNN0002");
        let (length, rest) = file[8..].split_first_chunk::<4>().expect("a length");
        let (header, payload) = rest.split_at(u32::from_le_bytes(*length) as usize);
        let header: Value = serde_json::from_slice(header).expect("a header");
        let weights = match text(&header["dtype"]) {
            "f16" => payload.as_chunks().0.iter().map(|half| single(u16::from_le_bytes(*half))).collect(),
            "f32" => payload.as_chunks().0.iter().map(|single| f32::from_le_bytes(*single)).collect(),
            other => panic!("weights of type {other}"),
        };
        Self { header, weights, file: file.to_vec() }
    }

    fn nodes(&self) -> &Vec<Value> {
        self.header["nodes"].as_array().expect("nodes")
    }

    /// Rows and columns of the one input that a refiner or the reader is made for.
    pub fn size(&self) -> [usize; 2] {
        wholes(&self.header["meta"]["size"]).try_into().expect("rows and columns")
    }

    /// What the net gives.
    pub fn outputs(&self) -> Vec<String> {
        self.header["outputs"].as_array().expect("outputs").iter().map(|name| text(name).to_owned()).collect()
    }

    /// The file itself.
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// What the net makes of luma before its first layer.
    pub fn normalised(&self, luma: &[u8]) -> Vec<f32> {
        let input = &self.header["input"];
        let number = |name: &str| input[name].as_f64().expect("a number");
        let (offset, scale) = match text(&input["normalise"]) {
            "fixed" => (number("mean") * 255.0, number("scale") / 255.0),
            "standard" => {
                let count = luma.len() as f64;
                let mean = luma.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
                let variance = luma.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / count;
                (mean, 1.0 / variance.sqrt().max(number("floor")))
            }
            other => panic!("normalised by {other}"),
        };
        let steps = |v: u8| ((f64::from(v) - offset) * LUMA_STEPS).round_ties_even();
        luma.iter().map(|v| (steps(*v) / LUMA_STEPS * scale) as f32).collect()
    }

    /// The net as an ONNX file with these outputs. Its input takes normalised luma, [1, 1, rows, columns].
    pub fn onnx(&self, outputs: &[String]) -> Vec<u8> {
        let mut onnx = Onnx::default();
        let sides = [Side::Fixed(1), Side::Fixed(1), Side::Open("rows"), Side::Open("columns")];
        onnx.input(text(&self.header["input"]["name"]), &sides);
        onnx.floats("twice", &[4], &[1.0, 1.0, 2.0, 2.0]);
        for node in self.nodes() {
            let out = text(&node["out"]);
            let inputs: Vec<&str> = match &node["in"] {
                Value::String(name) => vec![name],
                names => names.as_array().expect("names").iter().map(text).collect(),
            };
            let relu = node["act"].as_str() == Some("relu");
            let (linear, exact) = (format!("{out}.linear"), format!("{out}.exact"));
            let kept = if node["keep"].is_object() { exact.as_str() } else { out };
            let made = if relu { linear.as_str() } else { kept };
            match text(&node["op"]) {
                "conv" => self.convolution(&mut onnx, node, inputs[0], made),
                "add" => onnx.node("Add", &inputs, made, &[]),
                "upsample2" => onnx.node(
                    "Resize",
                    &[inputs[0], "", "twice"],
                    made,
                    &[
                        ("mode", Attribute::Text("nearest")),
                        ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
                        ("nearest_mode", Attribute::Text("floor")),
                    ],
                ),
                "depth_to_space2" => onnx.node(
                    "DepthToSpace",
                    &inputs,
                    made,
                    &[("blocksize", Attribute::Int(2)), ("mode", Attribute::Text("DCR"))],
                ),
                other => panic!("a node {other}"),
            }
            if relu {
                onnx.node("Relu", &[made], kept, &[]);
            }
            if kept != out {
                keep(&mut onnx, &node["keep"], kept, out);
            }
        }
        outputs.iter().for_each(|name| onnx.output(name));
        onnx.file()
    }

    fn convolution(&self, onnx: &mut Onnx, node: &Value, input: &str, made: &str) {
        let (kernel, stride, pad) = (wholes(&node["kernel"]), wholes(&node["stride"]), wholes(&node["pad"]));
        let channels = wholes(&node["channels"]);
        let (inner, outer, taps) = (channels[0], channels[1], kernel[0] * kernel[1]);
        let ours = &self.weights[whole(&node["weight"])..][..taps * inner * outer];
        let bias = &self.weights[whole(&node["bias"])..][..outer];
        // Ours: [tap][in][out]; theirs: [out][in][tap].
        let words = (i64::from(i32::MAX) / (WORDS as i64 * (taps * inner) as i64)).clamp(1, WORDS as i64) as f32;
        let most = if self.bytes(input) { BYTE_WEIGHTS } else { words };
        let mut theirs = Vec::with_capacity(ours.len());
        for o in 0..outer {
            let greatest = ours.iter().skip(o).step_by(outer).fold(0f32, |most, weight| most.max(weight.abs()));
            let step = if greatest > 0.0 { greatest / most } else { 1.0 };
            for i in 0..inner {
                let steps = |tap: usize| (ours[(tap * inner + i) * outer + o] / step).round_ties_even();
                theirs.extend((0..taps).map(|tap| steps(tap) * step));
            }
        }
        let (weights, biases) = (format!("{made}.weights"), format!("{made}.bias"));
        onnx.floats(&weights, &[outer, inner, kernel[0], kernel[1]], &theirs);
        onnx.floats(&biases, &[outer], bias);
        let (kernel, stride, pad) = (signed(&kernel), signed(&stride), signed(&pad));
        let attributes = [
            ("kernel_shape", Attribute::Ints(&kernel)),
            ("strides", Attribute::Ints(&stride)),
            ("pads", Attribute::Ints(&pad)),
        ];
        onnx.node("Conv", &[input, &weights, &biases], made, &attributes);
    }

    /// Whether the tensor of this name is kept in bytes.
    fn bytes(&self, name: &str) -> bool {
        self.nodes().iter().any(|node| text(&node["out"]) == name && node["keep"]["bytes"].is_number())
    }
}

/// Rounds to what there is room for.
fn keep(onnx: &mut Onnx, how: &Value, from: &str, to: &str) {
    let (least, most, peak) = match (how["bytes"].as_f64(), how["words"].as_f64()) {
        (Some(peak), _) => (0.0, BYTES, peak as f32),
        (_, peak) => (-WORDS, WORDS, peak.expect("bytes or words") as f32),
    };
    let name = |what: &str| format!("{to}.{what}");
    onnx.floats(&name("least"), &[], &[least]);
    onnx.floats(&name("most"), &[], &[most]);
    onnx.floats(&name("unit"), &[], &[peak / most]);
    onnx.node("Div", &[from, &name("unit")], &name("steps"), &[]);
    onnx.node("Round", &[&name("steps")], &name("whole"), &[]);
    onnx.node("Clip", &[&name("whole"), &name("least"), &name("most")], &name("kept"), &[]);
    onnx.node("Mul", &[&name("kept"), &name("unit")], to, &[]);
}

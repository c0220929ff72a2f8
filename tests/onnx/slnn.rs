//! Our weight files, read as `training/FORMAT.md` says and not as `nn` does, and written anew as ONNX.

use serde_json::Value;

use super::proto::{Attribute, Onnx, Side};

/// A weight file, taken apart.
pub struct Slnn {
    header: Value,
    weights: Vec<f32>,
    payload: Vec<u8>,
}

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
        assert_eq!(&file[..8], b"SLNN0001");
        let (length, rest) = file[8..].split_first_chunk::<4>().expect("a length");
        let (header, payload) = rest.split_at(u32::from_le_bytes(*length) as usize);
        let header: Value = serde_json::from_slice(header).expect("a header");
        let weights = match text(&header["dtype"]) {
            "f16" => payload.as_chunks().0.iter().map(|half| single(u16::from_le_bytes(*half))).collect(),
            "f32" => payload.as_chunks().0.iter().map(|single| f32::from_le_bytes(*single)).collect(),
            other => panic!("weights of type {other}"),
        };
        Self { header, weights, payload: payload.to_vec() }
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

    /// What its nodes write, one after the other.
    pub fn tensors(&self) -> Vec<String> {
        self.nodes().iter().map(|node| text(&node["out"]).to_owned()).collect()
    }

    /// The same file with other outputs. Nothing that is an output may be folded into something else.
    pub fn with_outputs(&self, outputs: &[String]) -> Vec<u8> {
        let mut header = self.header.clone();
        header["outputs"] = outputs.into();
        let header = header.to_string().into_bytes();
        let mut file = b"SLNN0001".to_vec();
        file.extend((header.len() as u32).to_le_bytes());
        file.extend(header);
        file.extend(&self.payload);
        file
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
        luma.iter().map(|v| ((f64::from(*v) - offset) * scale) as f32).collect()
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
            let linear = format!("{out}.linear");
            let made = if relu { &linear } else { out };
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
                "concat" => onnx.node("Concat", &inputs, made, &[("axis", Attribute::Int(1))]),
                "maxpool" => {
                    let (kernel, stride) = (signed(&wholes(&node["kernel"])), signed(&wholes(&node["stride"])));
                    let attributes =
                        [("kernel_shape", Attribute::Ints(&kernel)), ("strides", Attribute::Ints(&stride))];
                    onnx.node("MaxPool", &inputs, made, &attributes);
                }
                other => panic!("a node {other}"),
            }
            if relu {
                onnx.node("Relu", &[made], out, &[]);
            }
        }
        outputs.iter().for_each(|name| onnx.output(name));
        onnx.file()
    }

    fn convolution(&self, onnx: &mut Onnx, node: &Value, input: &str, made: &str) {
        let (kernel, stride, pad) = (wholes(&node["kernel"]), wholes(&node["stride"]), wholes(&node["pad"]));
        let channels = wholes(&node["channels"]);
        let depthwise = node["depthwise"].as_bool().unwrap_or(false);
        let (inner, outer, taps) = (if depthwise { 1 } else { channels[0] }, channels[1], kernel[0] * kernel[1]);
        let ours = &self.weights[whole(&node["weight"])..][..taps * inner * outer];
        let bias = &self.weights[whole(&node["bias"])..][..outer];
        // Ours: [tap][in][out]; theirs: [out][in][tap].
        let mut theirs = Vec::with_capacity(ours.len());
        for o in 0..outer {
            for i in 0..inner {
                theirs.extend((0..taps).map(|tap| ours[(tap * inner + i) * outer + o]));
            }
        }
        let (weights, biases) = (format!("{made}.weights"), format!("{made}.bias"));
        onnx.floats(&weights, &[outer, inner, kernel[0], kernel[1]], &theirs);
        onnx.floats(&biases, &[outer], bias);
        let group = if depthwise { outer } else { 1 };
        let (kernel, stride, pad) = (signed(&kernel), signed(&stride), signed(&pad));
        let attributes = [
            ("kernel_shape", Attribute::Ints(&kernel)),
            ("strides", Attribute::Ints(&stride)),
            ("pads", Attribute::Ints(&pad)),
            ("group", Attribute::Int(group as i64)),
        ];
        onnx.node("Conv", &[input, &weights, &biases], made, &attributes);
    }
}

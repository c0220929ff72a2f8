//! Writes ONNX files: the few messages of `onnx.proto` that a small net needs, field by field.

/// A side of the input.
pub enum Side {
    Fixed(usize),
    Open(&'static str),
}

/// What a node is given beside its inputs.
pub enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Text(&'a str),
}

/// A net, node by node in order of computation.
#[derive(Default)]
pub struct Onnx {
    nodes: Vec<u8>,
    initializers: Vec<u8>,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
}

const FLOAT: u64 = 1;
const INT64: u64 = 7;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn int(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, (field << 3) | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn message(build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    build(&mut out);
    out
}

/// A `ValueInfoProto` of single-precision numbers.
fn value_info(name: &str, shape: Option<&[Side]>) -> Vec<u8> {
    let sides = |sides: &[Side]| {
        message(|out| {
            for side in sides {
                let side = message(|out| match side {
                    Side::Fixed(size) => int(out, 1, *size as u64),
                    Side::Open(name) => bytes(out, 2, name.as_bytes()),
                });
                bytes(out, 1, &side);
            }
        })
    };
    let tensor = message(|out| {
        int(out, 1, FLOAT);
        if let Some(shape) = shape {
            bytes(out, 2, &sides(shape));
        }
    });
    message(|out| {
        bytes(out, 1, name.as_bytes());
        bytes(out, 2, &message(|out| bytes(out, 1, &tensor)));
    })
}

impl Onnx {
    pub fn input(&mut self, name: &str, shape: &[Side]) {
        bytes(&mut self.inputs, 11, &value_info(name, Some(shape)));
    }

    pub fn output(&mut self, name: &str) {
        bytes(&mut self.outputs, 12, &value_info(name, None));
    }

    pub fn node(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute<'_>)]) {
        let node = message(|out| {
            inputs.iter().for_each(|input| bytes(out, 1, input.as_bytes()));
            bytes(out, 2, output.as_bytes());
            // Nodes and what they write must not share a name.
            bytes(out, 3, format!("{op} {output}").as_bytes());
            bytes(out, 4, op.as_bytes());
            for (name, attribute) in attributes {
                let attribute = message(|out| {
                    bytes(out, 1, name.as_bytes());
                    let kind = match attribute {
                        Attribute::Int(value) => {
                            int(out, 3, *value as u64);
                            2
                        }
                        Attribute::Text(value) => {
                            bytes(out, 4, value.as_bytes());
                            3
                        }
                        Attribute::Ints(values) => {
                            values.iter().for_each(|value| int(out, 8, *value as u64));
                            7
                        }
                    };
                    int(out, 20, kind);
                });
                bytes(out, 5, &attribute);
            }
        });
        bytes(&mut self.nodes, 1, &node);
    }

    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, FLOAT, shape, &raw);
    }

    pub fn integers(&mut self, name: &str, values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, INT64, &[values.len()], &raw);
    }

    fn initializer(&mut self, name: &str, kind: u64, shape: &[usize], raw: &[u8]) {
        let tensor = message(|out| {
            shape.iter().for_each(|side| int(out, 1, *side as u64));
            int(out, 2, kind);
            bytes(out, 8, name.as_bytes());
            bytes(out, 9, raw);
        });
        bytes(&mut self.initializers, 5, &tensor);
    }

    /// The file.
    pub fn file(&self) -> Vec<u8> {
        let graph = message(|out| {
            out.extend_from_slice(&self.nodes);
            bytes(out, 2, b"net");
            out.extend_from_slice(&self.initializers);
            out.extend_from_slice(&self.inputs);
            out.extend_from_slice(&self.outputs);
        });
        message(|out| {
            int(out, 1, 8);
            bytes(out, 7, &graph);
            bytes(
                out,
                8,
                &message(|out| {
                    bytes(out, 1, b"");
                    int(out, 2, 17);
                }),
            );
        })
    }
}

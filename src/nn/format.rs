//! The weight file: `SLNN0002`, a JSON header, then the weights (training/FORMAT.md).
//!
//! Owns parsing and every check that can be made before an image is seen: a damaged or hostile file is an error that
//! names the node at fault, never a panic and never an allocation beyond the limits below.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::half::half_to_single;
use super::quantise::{Kept, MOST_PRODUCTS, WORDS};

/// The first eight bytes of every weight file.
pub const MAGIC: &[u8; 8] = b"SLNN0002";

/// Ours have a few kilobytes; more is not a header.
const MAX_HEADER: usize = 1 << 20;
/// Ours have some 30 nodes.
const MAX_NODES: usize = 1024;
/// Channels of one tensor; bounds every product of sizes below.
const MAX_CHANNELS: usize = 4096;
/// Taps of a kernel in one direction.
const MAX_KERNEL: usize = 32;
/// Steps of a kernel in one direction.
const MAX_STRIDE: usize = 32;
/// What a tensor's greatest step may stand for, either way: beyond it scales would have no end.
const PEAKS: std::ops::RangeInclusive<f32> = 1e-9..=1e9;

/// Why a weight file is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file does not begin with [`MAGIC`].
    #[error("not a weight file of version 2")]
    Magic,
    /// The file ends before its header does, or the header claims an absurd length.
    #[error("the header's length of {length} bytes is not possible in a file of {available}")]
    HeaderLength {
        /// What the file claims.
        length: usize,
        /// What it has.
        available: usize,
    },
    /// The header is not the JSON that it should be.
    #[error("the header does not parse: {0}")]
    Header(#[from] serde_json::Error),
    /// More nodes than any net of ours has.
    #[error("{0} nodes are more than the limit")]
    TooManyNodes(usize),
    /// The input has a form that this engine does not feed.
    #[error("the input must be one channel of luma with a finite normalisation")]
    Input,
    /// A node reads a tensor that nothing before it writes.
    #[error("node {node} reads \"{name}\", which nothing before it writes")]
    UnknownTensor {
        /// Position in the header.
        node: usize,
        /// The tensor's name.
        name: String,
    },
    /// Two nodes write the same tensor.
    #[error("node {node} writes \"{name}\" a second time")]
    Redefined {
        /// Position in the header.
        node: usize,
        /// The tensor's name.
        name: String,
    },
    /// A node's channels do not fit those of its input.
    #[error("node {node} expects {expected} channels and gets {found}")]
    Channels {
        /// Position in the header.
        node: usize,
        /// What the node was made for.
        expected: usize,
        /// What it is given.
        found: usize,
    },
    /// A kernel, stride, padding, channel or input count is zero or beyond the limits.
    #[error("node {node} has an impossible {what}")]
    Dimension {
        /// Position in the header.
        node: usize,
        /// Which of its fields.
        what: &'static str,
    },
    /// A node's weights lie outside the file.
    #[error("node {node} wants weights that the file does not have")]
    WeightsOutside {
        /// Position in the header.
        node: usize,
    },
    /// A weight is infinite or not a number.
    #[error("node {node} has a weight that is not finite")]
    NotFinite {
        /// Position in the header.
        node: usize,
    },
    /// Bytes are missing at the end, or are left over.
    #[error("{found} bytes of weights where the nodes need {expected}")]
    WeightsLength {
        /// What the nodes use.
        expected: usize,
        /// What follows the header.
        found: usize,
    },
    /// A tensor is kept in a way that what writes or reads it cannot do.
    #[error("node {node} {what}")]
    Kept {
        /// Position in the header.
        node: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A declared output is kept in steps.
    #[error("output \"{0}\" must be kept as singles")]
    OutputInSteps(String),
    /// A declared output is written by no node, or there is none.
    #[error("output \"{0}\" is written by no node")]
    NoSuchOutput(String),
}

/// How luma becomes the net's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Normalise {
    /// `(luma / 255 − mean) · scale`.
    Fixed {
        /// Taken off first.
        mean: f32,
        /// Multiplied then.
        scale: f32,
    },
    /// `(luma − μ) / max(σ, floor)` over the whole input, in luma steps.
    Standard {
        /// The least deviation that is still contrast rather than noise.
        floor: f32,
    },
}

/// Index into [`Network::channels`].
pub type TensorId = usize;

/// A convolution with its weights as the file has them.
#[derive(Clone, Debug)]
pub struct Conv {
    pub input: TensorId,
    pub output: TensorId,
    /// Rows, columns.
    pub kernel: [usize; 2],
    /// Down, across.
    pub stride: [usize; 2],
    /// Top, left, bottom, right.
    pub pad: [usize; 4],
    /// In, out.
    pub channels: [usize; 2],
    pub relu: bool,
    /// `[kh][kw][cin][cout]`.
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
}

/// One node of the graph.
#[derive(Clone, Debug)]
pub enum Op {
    Conv(Conv),
    Add { inputs: [TensorId; 2], output: TensorId, relu: bool },
    Upsample2 { input: TensorId, output: TensorId },
    DepthToSpace2 { input: TensorId, output: TensorId },
}

impl Op {
    pub fn inputs(&self) -> Vec<TensorId> {
        match self {
            Self::Conv(conv) => vec![conv.input],
            Self::Add { inputs, .. } => inputs.to_vec(),
            Self::Upsample2 { input, .. } | Self::DepthToSpace2 { input, .. } => vec![*input],
        }
    }

    pub fn output(&self) -> TensorId {
        match self {
            Self::Conv(conv) => conv.output,
            Self::Add { output, .. } | Self::Upsample2 { output, .. } | Self::DepthToSpace2 { output, .. } => *output,
        }
    }
}

/// A checked graph: nodes in order of computation, channel counts that fit, weights that are there.
#[derive(Clone, Debug)]
pub struct Network {
    pub name: String,
    pub normalise: Normalise,
    pub input: TensorId,
    /// Channels of every tensor, and how its numbers are kept: the input's in steps that the luma decides.
    pub channels: Vec<usize>,
    pub kept: Vec<Kept>,
    pub ops: Vec<Op>,
    pub outputs: Vec<(String, TensorId)>,
    pub meta: Value,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    dtype: Dtype,
    input: InputSpec,
    nodes: Vec<Node>,
    outputs: Vec<String>,
    #[serde(default)]
    meta: Value,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Dtype {
    F16,
    F32,
}

impl Dtype {
    const fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

#[derive(Deserialize)]
struct InputSpec {
    name: String,
    channels: usize,
    #[serde(flatten)]
    normalise: NormaliseSpec,
}

#[derive(Deserialize)]
#[serde(tag = "normalise", rename_all = "lowercase")]
enum NormaliseSpec {
    Fixed { mean: f32, scale: f32 },
    Standard { floor: f32 },
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Activation {
    Relu,
    #[default]
    None,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Node {
    Conv {
        #[serde(rename = "in")]
        input: String,
        out: String,
        kernel: [usize; 2],
        stride: [usize; 2],
        pad: [usize; 4],
        channels: [usize; 2],
        #[serde(default)]
        act: Activation,
        keep: Option<KeepSpec>,
        weight: usize,
        bias: usize,
    },
    Add {
        #[serde(rename = "in")]
        inputs: [String; 2],
        out: String,
        #[serde(default)]
        act: Activation,
        keep: Option<KeepSpec>,
    },
    Upsample2 {
        #[serde(rename = "in")]
        input: String,
        out: String,
    },
    #[serde(rename = "depth_to_space2")]
    DepthToSpace2 {
        #[serde(rename = "in")]
        input: String,
        out: String,
    },
}

/// How a result is kept, with what its greatest step stands for; where nothing is said, as singles.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeepSpec {
    Bytes(f32),
    Words(f32),
}

/// The weights behind the header, read as singles wherever they are asked for.
struct Weights<'a> {
    bytes: &'a [u8],
    dtype: Dtype,
    /// One past the last element that any node used.
    end: usize,
}

impl Weights<'_> {
    fn take(&mut self, node: usize, offset: usize, count: usize) -> Result<Vec<f32>, ModelError> {
        let outside = ModelError::WeightsOutside { node };
        let Some(end) = offset.checked_add(count) else { return Err(outside) };
        let size = self.dtype.bytes();
        let (Some(from), Some(to)) = (offset.checked_mul(size), end.checked_mul(size)) else { return Err(outside) };
        let bytes = self.bytes.get(from..to).ok_or(outside)?;
        let values: Vec<f32> = match self.dtype {
            Dtype::F16 => bytes.as_chunks().0.iter().map(|b| half_to_single(u16::from_le_bytes(*b))).collect(),
            Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        };
        if values.iter().any(|v| !v.is_finite()) {
            return Err(ModelError::NotFinite { node });
        }
        self.end = self.end.max(end);
        Ok(values)
    }
}

/// The input is the first tensor.
const INPUT: TensorId = 0;

/// Names of the tensors written so far.
struct Tensors {
    ids: HashMap<String, TensorId>,
    channels: Vec<usize>,
    kept: Vec<Kept>,
}

impl Tensors {
    fn find(&self, node: usize, name: &str) -> Result<TensorId, ModelError> {
        let unknown = || ModelError::UnknownTensor { node, name: name.to_owned() };
        self.ids.get(name).copied().ok_or_else(unknown)
    }

    /// The tensor of that name, where no convolution reads it: the input's steps are known to convolutions only.
    fn find_made(&self, node: usize, name: &str) -> Result<TensorId, ModelError> {
        match self.find(node, name)? {
            INPUT => Err(ModelError::Kept { node, what: "reads the input and is no convolution" }),
            made => Ok(made),
        }
    }

    fn define(&mut self, node: usize, name: String, channels: usize, kept: Kept) -> Result<TensorId, ModelError> {
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(ModelError::Dimension { node, what: "number of channels" });
        }
        if self.ids.contains_key(&name) {
            return Err(ModelError::Redefined { node, name });
        }
        let id = self.channels.len();
        self.ids.insert(name, id);
        self.channels.push(channels);
        self.kept.push(kept);
        Ok(id)
    }

    fn expect(&self, node: usize, id: TensorId, expected: usize) -> Result<(), ModelError> {
        let found = self.channels[id];
        if found == expected { Ok(()) } else { Err(ModelError::Channels { node, expected, found }) }
    }
}

fn check_window(node: usize, kernel: [usize; 2], stride: [usize; 2]) -> Result<(), ModelError> {
    if kernel.iter().any(|k| !(1..=MAX_KERNEL).contains(k)) {
        return Err(ModelError::Dimension { node, what: "kernel" });
    }
    if stride.iter().any(|s| !(1..=MAX_STRIDE).contains(s)) {
        return Err(ModelError::Dimension { node, what: "stride" });
    }
    Ok(())
}

impl Network {
    /// Reads a weight file. What it returns, the engine can run on any input that is large enough.
    pub fn parse(file: &[u8]) -> Result<Self, ModelError> {
        let rest = file.strip_prefix(MAGIC).ok_or(ModelError::Magic)?;
        let (length, rest) =
            rest.split_first_chunk().ok_or(ModelError::HeaderLength { length: 0, available: rest.len() })?;
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_HEADER || length > rest.len() {
            return Err(ModelError::HeaderLength { length, available: rest.len() });
        }
        let (header, bytes) = rest.split_at(length);
        let header: Header = serde_json::from_slice(header)?;
        if header.nodes.len() > MAX_NODES {
            return Err(ModelError::TooManyNodes(header.nodes.len()));
        }

        let normalise = match header.input.normalise {
            NormaliseSpec::Fixed { mean, scale } if mean.is_finite() && scale.is_finite() => {
                Normalise::Fixed { mean, scale }
            }
            NormaliseSpec::Standard { floor } if floor.is_finite() && floor > 0.0 => Normalise::Standard { floor },
            _ => return Err(ModelError::Input),
        };
        if header.input.channels != 1 {
            return Err(ModelError::Input);
        }
        let mut tensors = Tensors { ids: HashMap::new(), channels: Vec::new(), kept: Vec::new() };
        let input = tensors.define(0, header.input.name, 1, Kept::Words { peak: WORDS })?;
        debug_assert_eq!(input, INPUT);
        let mut weights = Weights { bytes, dtype: header.dtype, end: 0 };
        let ops = header
            .nodes
            .into_iter()
            .enumerate()
            .map(|(at, node)| build(at, node, &mut tensors, &mut weights))
            .collect::<Result<Vec<_>, _>>()?;

        let expected = weights.end * header.dtype.bytes();
        if expected != bytes.len() {
            return Err(ModelError::WeightsLength { expected, found: bytes.len() });
        }
        let outputs = header
            .outputs
            .into_iter()
            .map(|name| match tensors.ids.get(&name) {
                Some(&id) if id != input && tensors.kept[id] != Kept::Singles => Err(ModelError::OutputInSteps(name)),
                Some(&id) if id != input => Ok((name, id)),
                _ => Err(ModelError::NoSuchOutput(name)),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if outputs.is_empty() {
            return Err(ModelError::NoSuchOutput(String::new()));
        }
        let Tensors { channels, kept, .. } = tensors;
        Ok(Self { name: header.name, normalise, input, channels, kept, ops, outputs, meta: header.meta })
    }
}

/// How a node's result is kept, and whether it may be.
fn kept(node: usize, act: Activation, keep: Option<KeepSpec>) -> Result<(bool, Kept), ModelError> {
    let relu = matches!(act, Activation::Relu);
    let kept = match keep {
        None => return Ok((relu, Kept::Singles)),
        Some(KeepSpec::Bytes(_)) if !relu => {
            return Err(ModelError::Kept { node, what: "keeps bytes, which have no sign, and has no activation" });
        }
        Some(KeepSpec::Bytes(peak) | KeepSpec::Words(peak)) if !PEAKS.contains(&peak) => {
            return Err(ModelError::Kept { node, what: "has an impossible peak" });
        }
        Some(KeepSpec::Bytes(peak)) => Kept::Bytes { peak },
        Some(KeepSpec::Words(peak)) => Kept::Words { peak },
    };
    Ok((relu, kept))
}

fn build(at: usize, node: Node, tensors: &mut Tensors, weights: &mut Weights<'_>) -> Result<Op, ModelError> {
    Ok(match node {
        Node::Conv { input, out, kernel, stride, pad, channels, act, keep, weight, bias } => {
            check_window(at, kernel, stride)?;
            // A border as wide as the kernel would be outputs that see no input at all.
            let fits = pad[0] < kernel[0] && pad[2] < kernel[0] && pad[1] < kernel[1] && pad[3] < kernel[1];
            if !fits {
                return Err(ModelError::Dimension { node: at, what: "padding" });
            }
            let input = tensors.find(at, &input)?;
            tensors.expect(at, input, channels[0])?;
            if tensors.kept[input] == Kept::Singles {
                return Err(ModelError::Kept { node: at, what: "multiplies what is kept as singles" });
            }
            let products = kernel[0] * kernel[1] * channels[0];
            if products > MOST_PRODUCTS {
                return Err(ModelError::Dimension { node: at, what: "number of products" });
            }
            let (relu, kept) = kept(at, act, keep)?;
            let output = tensors.define(at, out, channels[1], kept)?;
            Op::Conv(Conv {
                input,
                output,
                kernel,
                stride,
                pad,
                channels,
                relu,
                weights: weights.take(at, weight, products * channels[1])?,
                bias: weights.take(at, bias, channels[1])?,
            })
        }
        Node::Add { inputs: [a, b], out, act, keep } => {
            let inputs = [tensors.find_made(at, &a)?, tensors.find_made(at, &b)?];
            let channels = tensors.channels[inputs[0]];
            tensors.expect(at, inputs[1], channels)?;
            if inputs.iter().all(|id| tensors.kept[*id] == Kept::Singles) {
                return Err(ModelError::Kept { node: at, what: "adds two tensors of singles" });
            }
            let (relu, kept) = kept(at, act, keep)?;
            Op::Add { inputs, output: tensors.define(at, out, channels, kept)?, relu }
        }
        Node::Upsample2 { input, out } => {
            let input = tensors.find_made(at, &input)?;
            Op::Upsample2 { input, output: tensors.define(at, out, tensors.channels[input], tensors.kept[input])? }
        }
        Node::DepthToSpace2 { input, out } => {
            let input = tensors.find_made(at, &input)?;
            let channels = tensors.channels[input];
            if !channels.is_multiple_of(4) {
                return Err(ModelError::Channels { node: at, expected: channels.next_multiple_of(4), found: channels });
            }
            Op::DepthToSpace2 { input, output: tensors.define(at, out, channels / 4, tensors.kept[input])? }
        }
    })
}

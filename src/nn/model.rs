//! A net made ready for this processor: additions folded into convolutions, weights packed, buffers assigned.
//!
//! Owns everything that does not depend on the input's size. Immutable, shared by all threads.

use serde_json::Value;

use super::format::{Conv, ModelError, Network, Normalise, Op, TensorId};
use super::kernels::conv::DenseConv;
use super::kernels::depthwise::DepthwiseConv;
use super::simd::{Isa, Precision};

/// A net, ready to run. Sessions on any number of threads share it.
pub struct Model {
    name: String,
    meta: Value,
    pub(super) isa: Isa,
    pub(super) normalise: Normalise,
    pub(super) input: TensorId,
    pub(super) outputs: Vec<(String, TensorId)>,
    pub(super) steps: Vec<Step>,
    pub(super) tensors: Vec<Tensor>,
    /// Number of buffers that the tensors share.
    pub(super) slots: usize,
}

/// What is known of a tensor before the input's size is.
#[derive(Clone, Copy, Debug)]
pub struct Tensor {
    pub channels: usize,
    /// Elements from one cell to the next.
    pub step: usize,
    /// Which buffer holds it.
    pub slot: usize,
}

/// One layer as it runs.
pub enum Step {
    Dense { conv: DenseConv, window: Window, input: TensorId, output: TensorId, residual: Option<Addend> },
    Depthwise { conv: DepthwiseConv, window: Window, input: TensorId, output: TensorId },
    Add { input: TensorId, addend: Addend, output: TensorId, relu: bool },
    Upsample2 { input: TensorId, output: TensorId },
    DepthToSpace2 { input: TensorId, output: TensorId },
    Concat { inputs: Vec<TensorId>, output: TensorId },
    MaxPool { window: Window, input: TensorId, output: TensorId },
}

/// What is added before an activation.
#[derive(Clone, Copy, Debug)]
pub struct Addend {
    pub tensor: TensorId,
    /// 0, or 1 when the tensor is enlarged twofold on the way.
    pub shift: u32,
}

/// How a window moves over its input.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Top, left, bottom, right.
    pub pad: [usize; 4],
}

impl Window {
    fn of(conv: &Conv) -> Self {
        Self { kernel: conv.kernel, stride: conv.stride, pad: conv.pad }
    }

    /// Rows and columns of the output; `None` when the window is larger than the padded input.
    pub fn output(&self, height: usize, width: usize) -> Option<(usize, usize)> {
        let rows = (height + self.pad[0] + self.pad[2]).checked_sub(self.kernel[0])? / self.stride[0] + 1;
        let columns = (width + self.pad[1] + self.pad[3]).checked_sub(self.kernel[1])? / self.stride[1] + 1;
        Some((rows, columns))
    }
}

impl Model {
    /// Reads a weight file and packs it for the processor that this runs on, to run as fast as that can.
    pub fn parse(file: &[u8]) -> Result<Self, ModelError> {
        Self::parse_as(file, Precision::default())
    }

    /// Reads a weight file and packs it for the processor that this runs on.
    pub fn parse_as(file: &[u8], precision: Precision) -> Result<Self, ModelError> {
        Ok(Self::compile(Network::parse(file)?, Isa::detect(precision)))
    }

    /// The name in the weight file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the weight file says about the use of its outputs.
    pub fn meta(&self) -> &Value {
        &self.meta
    }

    /// Names of the outputs, in the order of [`Session::output`](super::Session::output).
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|(name, _)| name.as_str())
    }

    /// The instruction set that the model was packed for: `avx512-vnni`, `avx512-bf16`, `avx512`, `avx2-bytes`, `avx2`, `neon` or `portable`.
    pub fn instruction_set(&self) -> &'static str {
        self.isa.name()
    }

    pub(super) fn compile(network: Network, isa: Isa) -> Self {
        let lanes = isa.lanes();
        let Network { name, normalise, input, channels, ops, outputs, meta } = network;
        let uses = Uses::count(&ops, &outputs, channels.len());
        let steps_of = |id: TensorId| cell_step(id, input, channels[id], lanes, &ops, &uses);
        let mut tensors: Vec<Tensor> =
            (0..channels.len()).map(|id| Tensor { channels: channels[id], step: steps_of(id), slot: 0 }).collect();
        let signs = Signs::of(&ops, channels.len());
        let steps: Vec<Step> = fuse(ops, &uses).into_iter().map(|fused| fused.pack(isa, &tensors, &signs)).collect();
        let slots = assign_slots(&steps, input, &outputs, &mut tensors);
        Self { name, meta, isa, normalise, input, outputs, steps, tensors, slots }
    }
}

/// How often each tensor is read; outputs count as read once more.
struct Uses(Vec<usize>);

impl Uses {
    fn count(ops: &[Op], outputs: &[(String, TensorId)], tensors: usize) -> Self {
        let mut uses = vec![0; tensors];
        let read = ops.iter().flat_map(Op::inputs).chain(outputs.iter().map(|(_, id)| *id));
        for id in read {
            uses[id] += 1;
        }
        Self(uses)
    }

    fn once(&self, id: TensorId) -> bool {
        self.0[id] == 1
    }
}

/// Which tensors hold no negative number.
struct Signs(Vec<bool>);

impl Signs {
    fn of(ops: &[Op], tensors: usize) -> Self {
        // Luma is not one of them: what a net sees first is worth more than eight bits of a weight.
        let mut none = vec![false; tensors];
        for op in ops {
            none[op.output()] = match op {
                Op::Conv(conv) => conv.relu,
                Op::Add { relu, .. } => *relu,
                op => op.inputs().iter().all(|id| none[*id]),
            };
        }
        Self(none)
    }

    fn none(&self, id: TensorId) -> bool {
        self.0[id]
    }
}

/// Elements from one cell to the next: whole vectors, except where nothing but a reader of single numbers comes after.
fn cell_step(id: TensorId, input: TensorId, channels: usize, lanes: usize, ops: &[Op], uses: &Uses) -> usize {
    let readers: Vec<&Op> = ops.iter().filter(|op| op.inputs().contains(&id)).collect();
    // Luma stays luma when only dense convolutions, which broadcast it, look at it.
    let luma = id == input && readers.iter().all(|op| matches!(op, Op::Conv(conv) if !conv.depthwise));
    // The heads' cells are read one by one, and there are many.
    let heads = uses.0[id] > 0
        && readers.is_empty()
        && ops.iter().any(|op| op.output() == id && matches!(op, Op::DepthToSpace2 { .. }));
    if luma || heads { channels } else { channels.next_multiple_of(lanes) }
}

/// A node, and what it adds: for an addition the enlarged form of its second operand, for a convolution the other operand
/// of the addition that it swallowed.
struct Fused {
    op: Op,
    residual: Option<Addend>,
}

impl Fused {
    fn pack(self, isa: Isa, tensors: &[Tensor], signs: &Signs) -> Step {
        match self.op {
            Op::Conv(conv) if conv.depthwise => Step::Depthwise {
                window: Window::of(&conv),
                input: conv.input,
                output: conv.output,
                conv: DepthwiseConv::pack(&conv, isa.lanes()),
            },
            Op::Conv(conv) => Step::Dense {
                window: Window::of(&conv),
                input: conv.input,
                output: conv.output,
                residual: self.residual,
                conv: DenseConv::pack(&conv, isa, tensors[conv.input].step, conv.relu && signs.none(conv.input)),
            },
            Op::Add { inputs: [input, other], output, relu } => {
                let addend = self.residual.unwrap_or(Addend { tensor: other, shift: 0 });
                Step::Add { input, addend, output, relu }
            }
            Op::Upsample2 { input, output } => Step::Upsample2 { input, output },
            Op::DepthToSpace2 { input, output } => Step::DepthToSpace2 { input, output },
            Op::Concat { inputs, output } => Step::Concat { inputs, output },
            Op::MaxPool { input, output, kernel, stride } => {
                Step::MaxPool { window: Window { kernel, stride, pad: [0; 4] }, input, output }
            }
        }
    }
}

/// Additions move into the dense convolution that feeds them, and enlargements into the addition that reads them: each
/// then costs one read instead of a pass over memory.
fn fuse(ops: Vec<Op>, uses: &Uses) -> Vec<Fused> {
    let mut fused: Vec<Option<Fused>> = Vec::with_capacity(ops.len());
    for op in ops {
        let op = match op {
            Op::Add { inputs, output, relu } => fuse_add(&mut fused, inputs, output, relu, uses),
            op => Fused { op, residual: None },
        };
        fused.push(Some(op));
    }
    fused.into_iter().flatten().collect()
}

fn fuse_add(fused: &mut [Option<Fused>], inputs: [TensorId; 2], output: TensorId, relu: bool, uses: &Uses) -> Fused {
    // The node that writes an operand, if nobody else reads it.
    let sole_writer = |id: TensorId, fused: &[Option<Fused>]| {
        fused.iter().position(|f| f.as_ref().is_some_and(|f| f.op.output() == id)).filter(|_| uses.once(id))
    };
    let takes_sum = |node: &Option<Fused>| matches!(node, Some(Fused { op: Op::Conv(conv), residual: None }) if !conv.depthwise && !conv.relu);
    // Of two convolutions the later one swallows: the earlier operand is then surely there.
    let conv = [0, 1]
        .into_iter()
        .filter_map(|side| Some((sole_writer(inputs[side], fused).filter(|at| takes_sum(&fused[*at]))?, side)))
        .max()
        .and_then(|(at, side)| match fused[at].take()?.op {
            Op::Conv(conv) => Some((conv, side)),
            _ => None,
        });
    let mut enlarged = |id: TensorId| {
        let at = sole_writer(id, fused)?;
        let Some(Fused { op: Op::Upsample2 { input, .. }, .. }) = fused[at] else { return None };
        fused[at] = None;
        Some(Addend { tensor: input, shift: 1 })
    };
    match conv {
        Some((conv, side)) => {
            let other = inputs[1 - side];
            let residual = enlarged(other).unwrap_or(Addend { tensor: other, shift: 0 });
            Fused { op: Op::Conv(Conv { output, relu, ..conv }), residual: Some(residual) }
        }
        None => {
            let [a, b] = inputs;
            // Of two enlargements one goes: a sum at the smaller size would be better still, and does not occur.
            match enlarged(b) {
                Some(residual) => Fused { op: Op::Add { inputs, output, relu }, residual: Some(residual) },
                None => {
                    let residual = enlarged(a);
                    Fused { op: Op::Add { inputs: [b, a], output, relu }, residual }
                }
            }
        }
    }
}

impl Step {
    pub fn inputs(&self) -> Vec<TensorId> {
        match self {
            Self::Dense { input, residual, .. } => {
                std::iter::once(*input).chain(residual.map(|addend| addend.tensor)).collect()
            }
            Self::Add { input, addend, .. } => vec![*input, addend.tensor],
            Self::Concat { inputs, .. } => inputs.clone(),
            Self::Depthwise { input, .. }
            | Self::Upsample2 { input, .. }
            | Self::DepthToSpace2 { input, .. }
            | Self::MaxPool { input, .. } => vec![*input],
        }
    }

    pub fn output(&self) -> TensorId {
        match self {
            Self::Dense { output, .. }
            | Self::Add { output, .. }
            | Self::Concat { output, .. }
            | Self::Depthwise { output, .. }
            | Self::Upsample2 { output, .. }
            | Self::DepthToSpace2 { output, .. }
            | Self::MaxPool { output, .. } => *output,
        }
    }
}

/// Tensors whose lives do not meet share a buffer: what is hot stays in the cache. Returns the number of buffers.
fn assign_slots(steps: &[Step], input: TensorId, outputs: &[(String, TensorId)], tensors: &mut [Tensor]) -> usize {
    let mut last_use = vec![0; tensors.len()];
    for (at, step) in steps.iter().enumerate() {
        for id in step.inputs() {
            last_use[id] = at;
        }
        // A result that nobody reads dies at once.
        last_use[step.output()] = last_use[step.output()].max(at);
    }
    for (_, id) in outputs {
        last_use[*id] = usize::MAX;
    }

    tensors[input].slot = 0;
    let (mut slots, mut free, mut living) = (1, Vec::new(), vec![input]);
    for (at, step) in steps.iter().enumerate() {
        let slot = free.pop().unwrap_or_else(|| {
            slots += 1;
            slots - 1
        });
        tensors[step.output()].slot = slot;
        living.push(step.output());
        living.retain(|&id| {
            let lives = last_use[id] > at;
            if !lives {
                free.push(tensors[id].slot);
            }
            lives
        });
    }
    slots
}

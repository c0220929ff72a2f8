//! A net made ready for this processor: additions folded into convolutions, weights packed, buffers assigned.
//!
//! Owns everything that does not depend on the input's size. Immutable, shared by all threads.

use serde_json::Value;

use super::format::{Conv, ModelError, Network, Normalise, Op, TensorId};
use super::kernels::conv::DenseConv;
use super::quantise::Kept;
use crate::simd::Isa;

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
    /// Number of buffers that the tensors share: of bytes, of words, of singles.
    pub(super) slots: [usize; 3],
}

/// What is known of a tensor before the input's size is.
#[derive(Clone, Copy, Debug)]
pub struct Tensor {
    pub channels: usize,
    /// Elements from one cell to the next.
    pub step: usize,
    pub kept: Kept,
    /// Which buffer of its kind holds it.
    pub slot: usize,
}

/// One layer as it runs.
#[expect(clippy::large_enum_variant, reason = "a net has thirty of them, in a vector that is made once")]
pub enum Step {
    /// Sums of products, finished.
    Conv {
        conv: DenseConv,
        window: Window,
        input: TensorId,
        finish: Finishing,
    },
    /// A tensor in whole steps, finished: an addition, that is.
    Add {
        input: TensorId,
        finish: Finishing,
    },
    Upsample2 {
        input: TensorId,
        output: TensorId,
    },
    DepthToSpace2 {
        input: TensorId,
        output: TensorId,
    },
}

/// What is made of sums.
pub struct Finishing {
    pub output: TensorId,
    /// For each channel, padding included, in steps of the output.
    pub scales: Vec<f32>,
    pub bias: Vec<f32>,
    pub addend: Option<Addend>,
    pub relu: bool,
}

/// What is added before an activation.
#[derive(Clone, Copy, Debug)]
pub struct Addend {
    pub tensor: TensorId,
    /// 0, or 1 when the tensor is enlarged twofold on the way.
    pub shift: u32,
    /// What a step of it is worth in steps of the output.
    pub scale: f32,
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
    /// Reads a weight file and packs it for the instructions that this program uses.
    pub fn parse(file: &[u8]) -> Result<Self, ModelError> {
        Ok(Self::compile(Network::parse(file)?, Isa::chosen()))
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

    /// The instruction set that the model was packed for, as [`Isa::name`](crate::simd::Isa::name) has it.
    pub fn instruction_set(&self) -> &'static str {
        self.isa.name()
    }

    pub(super) fn compile(network: Network, isa: Isa) -> Self {
        let lanes = isa.lanes();
        let Network { name, normalise, input, channels, kept, ops, outputs, meta } = network;
        let uses = Uses::count(&ops, &outputs, channels.len());
        let mut tensors: Vec<Tensor> = channels
            .iter()
            .zip(&kept)
            .enumerate()
            .map(|(id, (&channels, &kept))| {
                let step = cell_step(id, input, channels, lanes, &ops, &uses);
                Tensor { channels, step, kept, slot: 0 }
            })
            .collect();
        let steps: Vec<Step> = fuse(ops, &uses, &kept).into_iter().map(|fused| fused.pack(isa, &tensors)).collect();
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

/// Elements from one cell to the next: whole vectors, except where nothing but a reader of single numbers comes after.
fn cell_step(id: TensorId, input: TensorId, channels: usize, lanes: usize, ops: &[Op], uses: &Uses) -> usize {
    // The heads' cells are read one by one, and there are many.
    let heads = uses.0[id] > 0
        && !ops.iter().any(|op| op.inputs().contains(&id))
        && ops.iter().any(|op| op.output() == id && matches!(op, Op::DepthToSpace2 { .. }));
    // Luma stays luma: convolutions broadcast it, and nothing else reads it.
    if id == input || heads { channels } else { channels.next_multiple_of(lanes) }
}

/// A node, and what it adds: for an addition the second operand, enlarged on the way or not, for a convolution the other operand
/// of the addition that it swallowed.
struct Fused {
    op: Op,
    addend: Option<(TensorId, u32)>,
}

impl Fused {
    fn pack(self, isa: Isa, tensors: &[Tensor]) -> Step {
        let addend = |output: TensorId| {
            let unit = tensors[output].kept.unit();
            self.addend.map(|(tensor, shift)| Addend { tensor, shift, scale: tensors[tensor].kept.unit() / unit })
        };
        // The padding's channels are nothing.
        let padded = |values: &mut dyn Iterator<Item = f32>, output: TensorId| {
            let mut values: Vec<f32> = values.collect();
            values.resize(tensors[output].step, 0.0);
            values
        };
        match self.op {
            Op::Conv(conv) => {
                let (input, output) = (&tensors[conv.input], &tensors[conv.output]);
                let window = Window::of(&conv);
                let dense = DenseConv::pack(&conv, isa, input.kept, input.step);
                let (each, unit) = (input.kept.unit(), output.kept.unit());
                let finish = Finishing {
                    output: conv.output,
                    scales: padded(&mut dense.units.iter().map(|weight| each * weight / unit), conv.output),
                    bias: padded(&mut conv.bias.iter().map(|bias| bias / unit), conv.output),
                    addend: addend(conv.output),
                    relu: conv.relu,
                };
                Step::Conv { conv: dense, window, input: conv.input, finish }
            }
            Op::Add { inputs: [input, _], output, relu } => {
                let scale = tensors[input].kept.unit() / tensors[output].kept.unit();
                let scales = padded(&mut std::iter::repeat_n(scale, tensors[output].channels), output);
                let bias = vec![0.0; tensors[output].step];
                Step::Add { input, finish: Finishing { output, scales, bias, addend: addend(output), relu } }
            }
            Op::Upsample2 { input, output } => Step::Upsample2 { input, output },
            Op::DepthToSpace2 { input, output } => Step::DepthToSpace2 { input, output },
        }
    }
}

/// Additions move into the dense convolution that feeds them, and enlargements into the addition that reads them: each
/// then costs one read instead of a pass over memory.
fn fuse(ops: Vec<Op>, uses: &Uses, kept: &[Kept]) -> Vec<Fused> {
    let mut fused: Vec<Option<Fused>> = Vec::with_capacity(ops.len());
    for op in ops {
        let op = match op {
            Op::Add { inputs, output, relu } => fuse_add(&mut fused, inputs, output, relu, uses, kept),
            op => Fused { op, addend: None },
        };
        fused.push(Some(op));
    }
    fused.into_iter().flatten().collect()
}

fn fuse_add(
    fused: &mut [Option<Fused>],
    inputs: [TensorId; 2],
    output: TensorId,
    relu: bool,
    uses: &Uses,
    kept: &[Kept],
) -> Fused {
    // The node that writes an operand, if nobody else reads it.
    let sole_writer = |id: TensorId, fused: &[Option<Fused>]| {
        fused.iter().position(|f| f.as_ref().is_some_and(|f| f.op.output() == id)).filter(|_| uses.once(id))
    };
    // Of a result in steps, the rounding is part of what the net says.
    let takes_sum = |node: &Option<Fused>| matches!(node, Some(Fused { op: Op::Conv(conv), addend: None }) if !conv.relu && kept[conv.output] == Kept::Singles);
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
        Some((input, 1))
    };
    if let Some((conv, side)) = conv {
        let other = inputs[1 - side];
        let addend = Some(enlarged(other).unwrap_or((other, 0)));
        return Fused { op: Op::Conv(Conv { output, relu, ..conv }), addend };
    }
    // Sums begin with whole numbers, so one operand must be kept so; the other may be enlarged on the way. Of two enlargements one
    // goes: a sum at the smaller size would be better still, and does not occur.
    let [a, b] = inputs;
    let whole = |id: TensorId| kept[id] != Kept::Singles;
    let sides = [(a, b), (b, a)].into_iter().filter(|(first, _)| whole(*first));
    let (inputs, addend) = sides
        .clone()
        .find_map(|(first, second)| Some(([first, second], enlarged(second)?)))
        .or_else(|| sides.clone().next().map(|(first, second)| ([first, second], (second, 0))))
        .expect("one of them is whole: checked when the net was read");
    Fused { op: Op::Add { inputs, output, relu }, addend: Some(addend) }
}

impl Step {
    pub fn inputs(&self) -> impl Iterator<Item = TensorId> {
        let (input, addend) = match self {
            Self::Conv { input, finish, .. } | Self::Add { input, finish } => (*input, finish.addend),
            Self::Upsample2 { input, .. } | Self::DepthToSpace2 { input, .. } => (*input, None),
        };
        std::iter::once(input).chain(addend.map(|addend| addend.tensor))
    }

    pub fn output(&self) -> TensorId {
        match self {
            Self::Conv { finish, .. } | Self::Add { finish, .. } => finish.output,
            Self::Upsample2 { output, .. } | Self::DepthToSpace2 { output, .. } => *output,
        }
    }
}

/// Tensors whose lives do not meet share a buffer, if they are kept the same way: what is hot stays in the cache. Returns the number
/// of buffers of each kind.
fn assign_slots(steps: &[Step], input: TensorId, outputs: &[(String, TensorId)], tensors: &mut [Tensor]) -> [usize; 3] {
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

    let kind = |tensor: &Tensor| match tensor.kept {
        Kept::Bytes { .. } => 0,
        Kept::Words { .. } => 1,
        Kept::Singles => 2,
    };
    let (mut slots, mut free, mut living) = ([0; 3], [const { Vec::new() }; 3], vec![input]);
    slots[kind(&tensors[input])] = 1;
    for (at, step) in steps.iter().enumerate() {
        let output = step.output();
        let kind_of_output = kind(&tensors[output]);
        tensors[output].slot = free[kind_of_output].pop().unwrap_or_else(|| {
            slots[kind_of_output] += 1;
            slots[kind_of_output] - 1
        });
        living.push(output);
        living.retain(|&id| {
            let lives = last_use[id] > at;
            if !lives {
                free[kind(&tensors[id])].push(tensors[id].slot);
            }
            lives
        });
    }
    slots
}

//! Running a model: one session a thread, with buffers that are kept from image to image.

use std::sync::Arc;

use thiserror::Error;

use super::bf16;
#[cfg(target_arch = "x86_64")]
use super::bytes;
use super::format::{Normalise, TensorId};
use super::kernels::conv::{DenseConv, Input, Request, Residual};
use super::kernels::pointwise::Layer;
use super::kernels::{depthwise, pointwise};
use super::model::{Model, Step};
use super::plane::{Border, Buffer, Layout};
use super::simd::Operands;

/// Plans kept for different input sizes; a detector meets a few, whatever the pictures.
const MAX_PLANS: usize = 16;

/// Elements of one tensor: 1 GiB. Beyond any input that the eyes ask for.
const MAX_ELEMENTS: usize = 1 << 28;

/// Why a model cannot run on an input.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The slice is not `width × height` long, or empty.
    #[error("{found} pixels do not make {width} × {height}")]
    InputLength {
        /// Pixels given.
        found: usize,
        /// Columns claimed.
        width: usize,
        /// Rows claimed.
        height: usize,
    },
    /// A layer's window is larger than what is left of the input, or two tensors that meet differ in size.
    #[error("an input of {width} × {height} does not pass layer {layer}")]
    Shape {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Position among the layers as they run.
        layer: usize,
    },
    /// A tensor would be larger than the limit.
    #[error("an input of {width} × {height} is beyond the engine's limit")]
    TooLarge {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
}

/// Layouts of all tensors for one size of input.
struct Plan {
    height: usize,
    width: usize,
    layouts: Vec<Layout>,
}

/// Runs a model on one thread. After the first image of each size it allocates nothing.
pub struct Session {
    model: Arc<Model>,
    buffers: Vec<Buffer>,
    rounded: Rounded,
    /// The greatest number of each tensor, where the layer that wrote it told.
    peaks: Vec<Option<f32>>,
    plans: Vec<Plan>,
    current: usize,
}

/// A convolution's input where it is rounded.
#[derive(Default)]
struct Rounded {
    pairs: Buffer<bf16::Bits>,
    bytes: Buffer<u8>,
}

/// An output: rows of cells of channels.
#[derive(Clone, Copy)]
pub struct Output<'a> {
    data: &'a [f32],
    layout: &'a Layout,
}

impl<'a> Output<'a> {
    /// Rows.
    pub fn height(&self) -> usize {
        self.layout.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.layout.width
    }

    /// Numbers in a cell.
    pub fn channels(&self) -> usize {
        self.layout.channels
    }

    /// The cells of row `y`, left to right, each [`Self::channels`] numbers.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, y: usize) -> impl ExactSizeIterator<Item = &'a [f32]> + use<'a> {
        let layout = self.layout;
        assert!(y < layout.height, "row {y} of {}", layout.height);
        self.data[layout.at(y)..][..layout.width * layout.step]
            .chunks_exact(layout.step)
            .map(|cell| &cell[..layout.channels])
    }

    /// The numbers of the cell at row `y`, column `x`.
    ///
    /// # Panics
    /// When there is no such cell.
    pub fn cell(&self, y: usize, x: usize) -> &'a [f32] {
        let layout = self.layout;
        assert!(y < layout.height && x < layout.width, "cell ({y}, {x})");
        &self.data[layout.at(y) + x * layout.step..][..layout.channels]
    }
}

impl Session {
    /// A session of `model`, still without buffers.
    pub fn new(model: Arc<Model>) -> Self {
        let buffers = (0..model.slots).map(|_| Buffer::default()).collect();
        let peaks = vec![None; model.tensors.len()];
        Self { model, buffers, rounded: Rounded::default(), peaks, plans: Vec::new(), current: 0 }
    }

    /// The model that this session runs.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Runs the net on `luma`, rows top down without gaps. The outputs stay until the next run.
    pub fn run(&mut self, luma: &[u8], width: usize, height: usize) -> Result<(), RunError> {
        if luma.is_empty() || width.checked_mul(height) != Some(luma.len()) {
            return Err(RunError::InputLength { found: luma.len(), width, height });
        }
        self.plan(width, height)?;
        let layouts = &self.plans[self.current].layouts;
        let (buffers, rounded, peaks) = (&mut self.buffers[..], &mut self.rounded, &mut self.peaks[..]);
        let mut workspace = Workspace { model: &self.model, layouts, buffers, rounded, peaks };
        workspace.feed(luma);
        for step in &self.model.steps {
            workspace.step(step);
        }
        Ok(())
    }

    /// Multiplications and additions of the last run's convolutions, padding to vectors not counted; 0 before any run.
    pub fn multiply_adds(&self) -> u64 {
        let Some(Plan { layouts, .. }) = self.plans.get(self.current) else { return 0 };
        let counts = self.model.steps.iter().map(|step| {
            let (window, depth) = match step {
                Step::Dense { window, input, .. } => (window, layouts[*input].channels),
                Step::Depthwise { window, .. } => (window, 1),
                _ => return 0,
            };
            let output = &layouts[step.output()];
            let each = window.kernel[0] * window.kernel[1] * depth;
            (output.height * output.width * output.channels) as u64 * each as u64
        });
        counts.sum()
    }

    /// Output number `index` of the last run.
    ///
    /// # Panics
    /// When there is no such output, or nothing was run yet.
    pub fn output(&self, index: usize) -> Output<'_> {
        let (_, id) = &self.model.outputs[index];
        let layout = &self.plans[self.current].layouts[*id];
        Output { data: self.buffers[self.model.tensors[*id].slot].as_slice(), layout }
    }

    /// Makes `current` the plan for this size.
    fn plan(&mut self, width: usize, height: usize) -> Result<(), RunError> {
        if let Some(at) = self.plans.iter().position(|plan| plan.width == width && plan.height == height) {
            self.current = at;
            return Ok(());
        }
        let layouts = layouts(&self.model, width, height)?;
        for (tensor, layout) in self.model.tensors.iter().zip(&layouts) {
            self.buffers[tensor.slot].reserve(layout.len());
        }
        for step in &self.model.steps {
            if let Step::Dense { conv, input, .. } = step {
                match conv.operands() {
                    Operands::Singles => {}
                    Operands::Pairs => self.rounded.pairs.reserve(layouts[*input].len()),
                    Operands::Bytes => self.rounded.bytes.reserve(layouts[*input].len()),
                }
            }
        }
        if self.plans.len() == MAX_PLANS {
            self.plans.remove(0);
        }
        self.plans.push(Plan { height, width, layouts });
        self.current = self.plans.len() - 1;
        Ok(())
    }
}

/// Sizes and borders of all tensors for an input of `width` × `height`.
fn layouts(model: &Model, width: usize, height: usize) -> Result<Vec<Layout>, RunError> {
    // Tensors that a fusion removed keep a size of nothing.
    let mut layouts: Vec<Layout> = model
        .tensors
        .iter()
        .map(|t| Layout { height: 0, width: 0, channels: t.channels, step: t.step, border: Border::default() })
        .collect();
    let too_large = || RunError::TooLarge { width, height };
    let area = width.checked_mul(height).filter(|area| *area <= MAX_ELEMENTS).ok_or_else(too_large)?;
    debug_assert!(area > 0);
    (layouts[model.input].height, layouts[model.input].width) = (height, width);

    for (at, step) in model.steps.iter().enumerate() {
        let wrong = || RunError::Shape { width, height, layer: at };
        let size = |id: TensorId| (layouts[id].height, layouts[id].width);
        let (rows, columns) = match step {
            Step::Dense { window, input, residual, .. } => {
                let (h, w) = size(*input);
                let result = window.output(h, w).ok_or_else(wrong)?;
                if let Some(addend) = residual {
                    let (h, w) = size(addend.tensor);
                    if result != (h << addend.shift, w << addend.shift) {
                        return Err(wrong());
                    }
                }
                result
            }
            Step::Depthwise { window, input, .. } | Step::MaxPool { window, input, .. } => {
                let (h, w) = size(*input);
                window.output(h, w).ok_or_else(wrong)?
            }
            Step::Add { input, addend, .. } => {
                let (h, w) = size(addend.tensor);
                if size(*input) != (h << addend.shift, w << addend.shift) {
                    return Err(wrong());
                }
                size(*input)
            }
            Step::Concat { inputs, .. } => {
                if inputs.iter().any(|id| size(*id) != size(inputs[0])) {
                    return Err(wrong());
                }
                size(inputs[0])
            }
            Step::Upsample2 { input, .. } | Step::DepthToSpace2 { input, .. } => {
                let (h, w) = size(*input);
                (2 * h, 2 * w)
            }
        };
        let output = &mut layouts[step.output()];
        // Checked here, so that no later product can overflow: sides and steps are then far below 2³².
        let elements = rows.checked_mul(columns).and_then(|cells| cells.checked_mul(output.step));
        if elements.is_none_or(|n| n > MAX_ELEMENTS) {
            return Err(too_large());
        }
        (output.height, output.width) = (rows, columns);
        if let Step::Dense { window, input, .. } | Step::Depthwise { window, input, .. } = step {
            let input = &mut layouts[*input];
            let reach = |outputs: usize, axis: usize| (outputs - 1) * window.stride[axis] + window.kernel[axis];
            input.border.widen(Border {
                top: window.pad[0],
                left: window.pad[1],
                bottom: reach(rows, 0).saturating_sub(window.pad[0] + input.height),
                right: reach(columns, 1).saturating_sub(window.pad[1] + input.width),
            });
        }
    }
    if layouts.iter().any(|layout| layout.len() > 2 * MAX_ELEMENTS) {
        return Err(too_large());
    }
    Ok(layouts)
}

/// Everything that a step touches.
struct Workspace<'a> {
    model: &'a Model,
    layouts: &'a [Layout],
    buffers: &'a mut [Buffer],
    rounded: &'a mut Rounded,
    peaks: &'a mut [Option<f32>],
}

impl Workspace<'_> {
    /// Lets `compute` write tensor `id` while it may read all others: the slots were assigned so that no input of a
    /// step shares its output's.
    fn write(&mut self, id: TensorId, compute: impl FnOnce(&Self, &mut [f32], &Layout)) {
        let slot = self.model.tensors[id].slot;
        let mut buffer = std::mem::take(&mut self.buffers[slot]);
        let layout = &self.layouts[id];
        let data = buffer.as_mut_slice();
        layout.clear_border(data);
        compute(self, data, layout);
        self.buffers[slot] = buffer;
    }

    fn source(&self, id: TensorId) -> (&[f32], &Layout) {
        (self.buffers[self.model.tensors[id].slot].as_slice(), &self.layouts[id])
    }

    fn feed(&mut self, luma: &[u8]) {
        let (scale, offset) = match self.model.normalise {
            Normalise::Fixed { mean, scale } => (scale / 255.0, -mean * scale),
            Normalise::Standard { floor } => {
                let (mean, deviation) = moments(luma);
                let scale = 1.0 / deviation.max(floor);
                (scale, -mean * scale)
            }
        };
        let isa = self.model.isa;
        self.write(self.model.input, |_, output, layout| {
            isa.run(pointwise::Job { layer: Layer::Feed { luma, scale, offset }, output, layout });
        });
    }

    fn step(&mut self, step: &Step) {
        let isa = self.model.isa;
        let mut rounded = std::mem::take(self.rounded);
        let mut peak = None;
        self.write(step.output(), |tensors, output, layout| {
            let layer = match step {
                Step::Dense { conv, input, residual, .. } => {
                    let residual = residual.map(|addend| {
                        let (data, layout) = tensors.source(addend.tensor);
                        Residual { data, layout, shift: addend.shift }
                    });
                    let input_layout = &tensors.layouts[*input];
                    let input = tensors.operands(conv, *input, &mut rounded);
                    let request = Request { conv, input, input_layout, output, output_layout: layout, residual };
                    peak = Some(request.run(isa));
                    return;
                }
                Step::Depthwise { conv, input, .. } => {
                    let (input, input_layout) = tensors.source(*input);
                    return isa.run(depthwise::Job { conv, input, input_layout, output, output_layout: layout });
                }
                Step::Concat { inputs, .. } => {
                    let mut first = 0;
                    for input in inputs {
                        let input = tensors.source(*input);
                        isa.run(pointwise::Job { layer: Layer::Place { input, first }, output: &mut *output, layout });
                        first += input.1.channels;
                    }
                    return;
                }
                Step::Add { input, addend, relu, .. } => Layer::Add {
                    a: tensors.source(*input),
                    b: tensors.source(addend.tensor),
                    shift: addend.shift,
                    relu: *relu,
                },
                Step::Upsample2 { input, .. } => Layer::Upsample2(tensors.source(*input)),
                Step::DepthToSpace2 { input, .. } => Layer::DepthToSpace2(tensors.source(*input)),
                Step::MaxPool { window, input, .. } => {
                    Layer::MaxPool { input: tensors.source(*input), kernel: window.kernel, stride: window.stride }
                }
            };
            isa.run(pointwise::Job { layer, output, layout });
        });
        self.peaks[step.output()] = peak;
        *self.rounded = rounded;
    }

    /// Tensor `input` as `conv` multiplies it, rounded into `rounded` where that is not as it is.
    fn operands<'r>(&'r self, conv: &DenseConv, input: TensorId, rounded: &'r mut Rounded) -> Input<'r> {
        let (singles, layout) = self.source(input);
        match conv.operands() {
            Operands::Singles => Input::Singles(singles),
            #[cfg(target_arch = "x86_64")]
            Operands::Pairs => {
                let pairs = &mut rounded.pairs.as_mut_slice()[..layout.len()];
                self.model.isa.run(bf16::RoundAll { singles, rounded: &mut *pairs });
                Input::Pairs(pairs)
            }
            #[cfg(target_arch = "x86_64")]
            Operands::Bytes => {
                let bytes = &mut rounded.bytes.as_mut_slice()[..layout.len()];
                let singles = &singles[..layout.len()];
                let peak = self.peaks[input].unwrap_or_else(|| self.model.isa.run(bytes::Peak(singles)));
                let most = self.model.isa.bytes().activation;
                self.model.isa.run(bytes::Quantise { singles, peak, most, bytes: &mut *bytes });
                Input::Bytes(bytes, peak / most)
            }
            #[cfg(not(target_arch = "x86_64"))]
            Operands::Pairs | Operands::Bytes => unreachable!("no other processor's set rounds"),
        }
    }
}

/// Mean and standard deviation of the population, in luma steps.
fn moments(luma: &[u8]) -> (f32, f32) {
    let (sum, squares) = luma
        .iter()
        .fold((0u64, 0u64), |(sum, squares), &v| (sum + u64::from(v), squares + u64::from(v) * u64::from(v)));
    let count = luma.len() as f64;
    let mean = sum as f64 / count;
    let variance = (squares as f64 / count - mean * mean).max(0.0);
    (mean as f32, variance.sqrt() as f32)
}

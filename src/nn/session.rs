//! Running a model: one session a thread, with buffers that are kept from image to image.

use std::sync::Arc;

use thiserror::Error;

use super::format::{Normalise, TensorId};
use super::kernels::conv::{self, DenseConv};
use super::kernels::finish::{Expand, Feed, Finish, LUMA_STEPS, Numbers, Room, depth_to_space2, upsample2, widen};
use super::model::{Finishing, Model, Step, Tensor};
use super::plane::{Border, Buffer, Layout};
use super::quantise::Kept;

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
    buffers: Buffers,
    scratch: Scratch,
    plans: Vec<Plan>,
    current: usize,
}

/// Where tensors live, by the way in which they are kept.
#[derive(Default)]
struct Buffers {
    bytes: Vec<Buffer<u8>>,
    words: Vec<Buffer<i16>>,
    singles: Vec<Buffer<f32>>,
}

/// What one row needs on its way.
#[derive(Default)]
struct Scratch {
    sums: Buffer<i32>,
    addend: Buffer<f32>,
    /// [`Finishing::scales`] where the luma decides what a step is worth.
    scales: Vec<f32>,
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
        fn some<T: Copy + Default>(count: usize) -> Vec<Buffer<T>> {
            (0..count).map(|_| Buffer::default()).collect()
        }
        let [bytes, words, singles] = model.slots;
        let buffers = Buffers { bytes: some(bytes), words: some(words), singles: some(singles) };
        Self { model, buffers, scratch: Scratch::default(), plans: Vec::new(), current: 0 }
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
        let (buffers, scratch) = (&mut self.buffers, &mut self.scratch);
        let mut workspace = Workspace { model: &self.model, layouts, buffers, scratch, luma_unit: 1.0 };
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
            let Step::Conv { window, input, .. } = step else { return 0 };
            let depth = layouts[*input].channels;
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
        Output { data: self.buffers.singles[self.model.tensors[*id].slot].as_slice(), layout }
    }

    /// Makes `current` the plan for this size.
    fn plan(&mut self, width: usize, height: usize) -> Result<(), RunError> {
        if let Some(at) = self.plans.iter().position(|plan| plan.width == width && plan.height == height) {
            self.current = at;
            return Ok(());
        }
        let layouts = layouts(&self.model, width, height)?;
        for (tensor, layout) in self.model.tensors.iter().zip(&layouts) {
            match tensor.kept {
                Kept::Bytes { .. } => self.buffers.bytes[tensor.slot].reserve(layout.len()),
                Kept::Words { .. } => self.buffers.words[tensor.slot].reserve(layout.len()),
                Kept::Singles => self.buffers.singles[tensor.slot].reserve(layout.len()),
            }
        }
        for step in &self.model.steps {
            if let Step::Conv { finish, .. } | Step::Add { finish, .. } = step {
                let output = &layouts[finish.output];
                self.scratch.sums.reserve(output.width * output.step);
                self.scratch.addend.reserve(output.width * output.step);
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
            Step::Conv { window, input, .. } => {
                let (h, w) = size(*input);
                window.output(h, w).ok_or_else(wrong)?
            }
            Step::Add { input, .. } => size(*input),
            Step::Upsample2 { input, .. } | Step::DepthToSpace2 { input, .. } => {
                let (h, w) = size(*input);
                (2 * h, 2 * w)
            }
        };
        if let Step::Conv { finish: Finishing { addend: Some(addend), .. }, .. }
        | Step::Add { finish: Finishing { addend: Some(addend), .. }, .. } = step
        {
            let (h, w) = size(addend.tensor);
            if (rows, columns) != (h << addend.shift, w << addend.shift) {
                return Err(wrong());
            }
        }
        let output = &mut layouts[step.output()];
        // Checked here, so that no later product can overflow: sides and steps are then far below 2³².
        let elements = rows.checked_mul(columns).and_then(|cells| cells.checked_mul(output.step));
        if elements.is_none_or(|n| n > MAX_ELEMENTS) {
            return Err(too_large());
        }
        (output.height, output.width) = (rows, columns);
        if let Step::Conv { window, input, .. } = step {
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
    buffers: &'a mut Buffers,
    scratch: &'a mut Scratch,
    /// What a step of the input is worth in this run.
    luma_unit: f32,
}

/// Lets `$compute` write tensor `$id` while it may read all others: the slots were assigned so that no input of a step shares its
/// output's.
macro_rules! written {
    ($self:ident, $id:expr, |$room:ident| $compute:expr) => {{
        let Tensor { kept, slot, .. } = $self.model.tensors[$id];
        macro_rules! with {
            ($kind:ident, $variant:ident) => {{
                let mut buffer = std::mem::take(&mut $self.buffers.$kind[slot]);
                $self.layouts[$id].clear_border(buffer.as_mut_slice());
                let mut $room = Room::$variant(buffer.as_mut_slice());
                $compute;
                $self.buffers.$kind[slot] = buffer;
            }};
        }
        match kept {
            Kept::Bytes { .. } => with!(bytes, Bytes),
            Kept::Words { .. } => with!(words, Words),
            Kept::Singles => with!(singles, Singles),
        }
    }};
}

impl Workspace<'_> {
    fn numbers(&self, id: TensorId) -> Numbers<'_> {
        self.buffers.numbers(&self.model.tensors[id])
    }

    fn feed(&mut self, luma: &[u8]) {
        let (centre, unit) = match self.model.normalise {
            Normalise::Fixed { mean, scale } => (mean * 255.0, scale / 255.0),
            Normalise::Standard { floor } => {
                let (mean, deviation) = moments(luma);
                (mean, 1.0 / deviation.max(floor))
            }
        };
        self.luma_unit = unit / LUMA_STEPS;
        let input = self.model.input;
        let layout = &self.layouts[input];
        let words = self.buffers.words[self.model.tensors[input].slot].as_mut_slice();
        layout.clear_border(words);
        self.model.isa.run(Feed { luma, centre, output: words, layout });
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Conv { conv, input, finish, .. } => self.finish(Some(conv), *input, finish),
            Step::Add { input, finish } => self.finish(None, *input, finish),
            Step::Upsample2 { input, output } => written!(self, *output, |room| {
                let (from, to) = (&self.layouts[*input], &self.layouts[*output]);
                match (self.numbers(*input), &mut room) {
                    (Numbers::Bytes(numbers), Room::Bytes(room)) => upsample2((numbers, from), room, to),
                    (Numbers::Words(numbers), Room::Words(room)) => upsample2((numbers, from), room, to),
                    (Numbers::Singles(numbers), Room::Singles(room)) => upsample2((numbers, from), room, to),
                    _ => unreachable!("both are kept the same way"),
                }
            }),
            Step::DepthToSpace2 { input, output } => written!(self, *output, |room| {
                let (from, to) = (&self.layouts[*input], &self.layouts[*output]);
                match (self.numbers(*input), &mut room) {
                    (Numbers::Bytes(numbers), Room::Bytes(room)) => depth_to_space2((numbers, from), room, to),
                    (Numbers::Words(numbers), Room::Words(room)) => depth_to_space2((numbers, from), room, to),
                    (Numbers::Singles(numbers), Room::Singles(room)) => depth_to_space2((numbers, from), room, to),
                    _ => unreachable!("both are kept the same way"),
                }
            }),
        }
    }

    /// Row by row: sums, by `conv` or of `input` itself, and what is made of them.
    fn finish(&mut self, conv: Option<&DenseConv>, input: TensorId, finish: &Finishing) {
        let mut scratch = std::mem::take(self.scratch);
        let isa = self.model.isa;
        let (layout, input_layout) = (&self.layouts[finish.output], &self.layouts[input]);
        let (width, step) = (layout.width, layout.step);
        let sums = &mut scratch.sums.as_mut_slice()[..width * step];
        let scales = if input == self.model.input {
            scratch.scales.clear();
            scratch.scales.extend(finish.scales.iter().map(|scale| scale * self.luma_unit));
            &scratch.scales[..]
        } else {
            &finish.scales[..]
        };
        written!(self, finish.output, |room| {
            let numbers = self.numbers(input);
            for y in 0..layout.height {
                match (conv, numbers) {
                    (Some(conv), Numbers::Bytes(input)) => {
                        conv::Job { conv, input, layout: input_layout, y, width, sums: &mut *sums, step }.run(isa);
                    }
                    (Some(conv), Numbers::Words(input)) => {
                        conv::Job { conv, input, layout: input_layout, y, width, sums: &mut *sums, step }.run(isa);
                    }
                    _ => widen(numbers.row(input_layout, y), sums),
                }
                let addend = finish.addend.map(|addend| {
                    let singles = &mut scratch.addend.as_mut_slice()[..width * step];
                    let numbers = self.numbers(addend.tensor).row(&self.layouts[addend.tensor], y >> addend.shift);
                    let (scale, twice) = (addend.scale, addend.shift == 1);
                    isa.run(Expand { numbers, step, scale, twice, singles: &mut *singles });
                    &*singles
                });
                let (bias, relu) = (&finish.bias[..], finish.relu);
                Finish { sums, step, scales, bias, addend, relu, output: room.row(layout, y) }.run(isa);
            }
        });
        *self.scratch = scratch;
    }
}

impl Buffers {
    fn numbers(&self, tensor: &Tensor) -> Numbers<'_> {
        match tensor.kept {
            Kept::Bytes { .. } => Numbers::Bytes(self.bytes[tensor.slot].as_slice()),
            Kept::Words { .. } => Numbers::Words(self.words[tensor.slot].as_slice()),
            Kept::Singles => Numbers::Singles(self.singles[tensor.slot].as_slice()),
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

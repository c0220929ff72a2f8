//! Tiny detectors that take bright cells for what they look for, one in each format.

use super::proto::{Attribute, Onnx, Side};

/// Columns and rows of those whose input is fixed.
const SIDES: (usize, usize) = (96, 64);

const STRIDES: [usize; 3] = [8, 16, 32];

fn fixed() -> [Side; 4] {
    [Side::Fixed(1), Side::Fixed(3), Side::Fixed(SIDES.1), Side::Fixed(SIDES.0)]
}

/// A convolution over cells of `stride` pixels: each output channel is its `weight` times the mean of the three colours,
/// plus its `bias`.
fn cells(onnx: &mut Onnx, out: &str, stride: usize, channels: &[(f32, f32)]) {
    let taps = 3 * stride * stride;
    let weights: Vec<f32> = channels.iter().flat_map(|(weight, _)| vec![weight / taps as f32; taps]).collect();
    let biases: Vec<f32> = channels.iter().map(|(_, bias)| *bias).collect();
    let (weights_name, biases_name) = (format!("{out}.weights"), format!("{out}.bias"));
    onnx.floats(&weights_name, &[channels.len(), 3, stride, stride], &weights);
    onnx.floats(&biases_name, &[channels.len()], &biases);
    let sides = [stride as i64; 2];
    let attributes = [("kernel_shape", Attribute::Ints(&sides)), ("strides", Attribute::Ints(&sides))];
    onnx.node("Conv", &["picture", &weights_name, &biases_name], out, &attributes);
}

/// 4 for white, −4 for black, when white is `white`; never anything where a cell is not `asked`.
fn bright(white: f32, asked: bool) -> (f32, f32) {
    if asked { (8.0 / white, -4.0) } else { (0.0, -50.0) }
}

/// The confidence in a white cell.
pub const SURE: f32 = 0.982;

/// YuNet: a face of 24 × 32 pixels around the middle of every bright cell of 8 pixels.
pub fn yunet() -> Vec<u8> {
    let mut onnx = Onnx::default();
    onnx.input("picture", &fixed());
    for stride in STRIDES {
        let raw = |length: f32| (length / stride as f32).ln();
        let heads = [
            ("cls", vec![bright(255.0, stride == 8)], true),
            ("obj", vec![(0.0, 50.0)], true),
            ("bbox", vec![(0.0, 0.5), (0.0, 0.5), (0.0, raw(24.0)), (0.0, raw(32.0))], false),
        ];
        for (head, channels, is_share) in heads {
            let name = |step: &str| format!("{head}_{stride}{step}");
            cells(&mut onnx, &name(".raw"), stride, &channels);
            let last = if is_share {
                onnx.node("Sigmoid", &[&name(".raw")], &name(".share"), &[]);
                name(".share")
            } else {
                name(".raw")
            };
            onnx.node("Transpose", &[&last], &name(".cells"), &[("perm", Attribute::Ints(&[0, 2, 3, 1]))]);
            onnx.integers(&name(".shape"), &[1, -1, channels.len() as i64]);
            onnx.node("Reshape", &[&name(".cells"), &name(".shape")], &name(""), &[]);
            onnx.output(&name(""));
        }
    }
    onnx.file()
}

/// CenterFace, of any size: a face of 12 × 16 pixels, one pixel right of and above the middle of every bright cell of 4.
pub fn centerface() -> Vec<u8> {
    centerface_with(bright(255.0, true), "Sigmoid")
}

/// CenterFace whose confidence is nothing on black and infinite on white.
pub fn overflowing() -> Vec<u8> {
    centerface_with((4.0, -100.0), "Exp")
}

fn centerface_with(heat: (f32, f32), activation: &str) -> Vec<u8> {
    let mut onnx = Onnx::default();
    onnx.input("picture", &[Side::Fixed(1), Side::Fixed(3), Side::Open("rows"), Side::Open("columns")]);
    cells(&mut onnx, "raw", 4, &[heat]);
    onnx.node(activation, &["raw"], "537", &[]);
    cells(&mut onnx, "538", 4, &[(0.0, 4f32.ln()), (0.0, 3f32.ln())]);
    cells(&mut onnx, "539", 4, &[(0.0, -0.25), (0.0, 0.25)]);
    ["537", "538", "539"].iter().for_each(|name| onnx.output(name));
    onnx.file()
}

/// How a YOLO's output lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// With a confidence that there is anything.
    Version5,
    Version8,
}

/// YOLO of two classes: the first, 32 × 16 pixels, around the middle of every bright cell of 8 pixels; the second nowhere.
pub fn yolo(layout: Layout) -> Vec<u8> {
    let mut onnx = Onnx::default();
    onnx.input("picture", &fixed());
    let mut centres: [Vec<f32>; 2] = Default::default();
    for stride in STRIDES {
        let name = |step: &str| format!("{step}{stride}");
        cells(&mut onnx, &name("box"), stride, &[(0.0, 0.0), (0.0, 0.0), (0.0, 32.0), (0.0, 16.0)]);
        let mut classes = vec![bright(1.0, stride == 8), (0.0, -50.0)];
        if layout == Layout::Version5 {
            classes.insert(0, (0.0, 50.0));
        }
        cells(&mut onnx, &name("raw"), stride, &classes);
        onnx.node("Sigmoid", &[&name("raw")], &name("share"), &[]);
        onnx.node("Concat", &[&name("box"), &name("share")], &name("both"), &[("axis", Attribute::Int(1))]);
        onnx.integers(&name("shape"), &[1, 4 + classes.len() as i64, -1]);
        onnx.node("Reshape", &[&name("both"), &name("shape")], &name("level"), &[]);
        let middle = |cell: usize| (cell as f32 + 0.5) * stride as f32;
        for y in 0..SIDES.1 / stride {
            for x in 0..SIDES.0 / stride {
                centres[0].push(middle(x));
                centres[1].push(middle(y));
            }
        }
    }
    let numbers = if layout == Layout::Version5 { 7 } else { 6 };
    let anchors = centres[0].len();
    let mut grid = centres.concat();
    grid.resize(numbers * anchors, 0.0);
    onnx.floats("grid", &[1, numbers, anchors], &grid);
    onnx.node("Concat", &["level8", "level16", "level32"], "levels", &[("axis", Attribute::Int(2))]);
    match layout {
        Layout::Version8 => onnx.node("Add", &["levels", "grid"], "output0", &[]),
        Layout::Version5 => {
            onnx.node("Add", &["levels", "grid"], "placed", &[]);
            onnx.node("Transpose", &["placed"], "output0", &[("perm", Attribute::Ints(&[0, 2, 1]))]);
        }
    }
    onnx.output("output0");
    onnx.file()
}

/// A net that hands on what it is given, `shape` or not a picture.
pub fn nothing(shape: &[Side]) -> Vec<u8> {
    let mut onnx = Onnx::default();
    onnx.input("picture", shape);
    onnx.node("Relu", &["picture"], "same", &[]);
    onnx.output("same");
    onnx.file()
}

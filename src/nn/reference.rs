//! The layers as their definitions say, one number at a time in double precision: what the kernels are held against.

use super::format::{Conv, Network, Normalise, Op};
use super::quantise::{BYTES, Kept, WORDS, weight, weight_unit};

/// A tensor without border or gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub data: Vec<f64>,
}

impl Dense {
    fn make(height: usize, width: usize, channels: usize, value: impl Fn(usize, usize, usize) -> f64) -> Self {
        let mut data = Vec::with_capacity(height * width * channels);
        for y in 0..height {
            for x in 0..width {
                data.extend((0..channels).map(|c| value(y, x, c)));
            }
        }
        Self { height, width, channels, data }
    }

    pub fn at(&self, y: usize, x: usize, c: usize) -> f64 {
        self.data[(y * self.width + x) * self.channels + c]
    }
}

fn activate(relu: bool, value: f64) -> f64 {
    if relu { value.max(0.0) } else { value }
}

/// What a number is worth after it was kept.
fn keep(kept: Kept, value: f64) -> f64 {
    let unit = f64::from(kept.unit());
    match kept {
        Kept::Bytes { .. } => (value / unit).round_ties_even().clamp(0.0, f64::from(BYTES)) * unit,
        Kept::Words { .. } => (value / unit).round_ties_even().clamp(-f64::from(WORDS), f64::from(WORDS)) * unit,
        Kept::Singles => value,
    }
}

fn convolve(conv: &Conv, input: &Dense, kept: Kept) -> Dense {
    let [kh, kw] = conv.kernel;
    let [cin, cout] = conv.channels;
    let height = (input.height + conv.pad[0] + conv.pad[2] - kh) / conv.stride[0] + 1;
    let width = (input.width + conv.pad[1] + conv.pad[3] - kw) / conv.stride[1] + 1;
    let most = kept.weights(kh * kw * cin);
    let mut weights = vec![0.0; conv.weights.len()];
    for co in 0..cout {
        let greatest = conv.weights.iter().skip(co).step_by(cout).fold(0f32, |most, w| most.max(w.abs()));
        let unit = weight_unit(greatest, most);
        for (to, from) in weights.iter_mut().zip(&conv.weights).skip(co).step_by(cout) {
            *to = f64::from(weight(*from, unit, most)) * f64::from(unit);
        }
    }
    Dense::make(height, width, cout, |y, x, co| {
        let mut sum = f64::from(conv.bias[co]);
        for ky in 0..kh {
            for kx in 0..kw {
                let row = (y * conv.stride[0] + ky).checked_sub(conv.pad[0]).filter(|row| *row < input.height);
                let column = (x * conv.stride[1] + kx).checked_sub(conv.pad[1]).filter(|column| *column < input.width);
                let (Some(row), Some(column)) = (row, column) else { continue };
                for ci in 0..cin {
                    sum += input.at(row, column, ci) * weights[((ky * kw + kx) * cin + ci) * cout + co];
                }
            }
        }
        activate(conv.relu, sum)
    })
}

/// All outputs of `network`, in order.
pub fn run(network: &Network, luma: &[u8], width: usize, height: usize) -> Vec<Dense> {
    let count = luma.len() as f64;
    let mean_luma = luma.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let deviation = (luma.iter().map(|&v| (f64::from(v) - mean_luma).powi(2)).sum::<f64>() / count).sqrt();
    let (centre, unit) = match network.normalise {
        Normalise::Fixed { mean, scale } => (f64::from(mean * 255.0), f64::from(scale / 255.0)),
        Normalise::Standard { floor } => (f64::from(mean_luma as f32), 1.0 / deviation.max(f64::from(floor))),
    };
    let normalised = |v: u8| ((f64::from(v) - centre) * 32.0).round_ties_even() / 32.0 * unit;
    let mut tensors: Vec<Option<Dense>> = vec![None; network.channels.len()];
    tensors[network.input] = Some(Dense::make(height, width, 1, |y, x, _| normalised(luma[y * width + x])));
    for op in &network.ops {
        let get = |id: usize| tensors[id].as_ref().expect("in order of computation");
        let mut result = match op {
            Op::Conv(conv) => convolve(conv, get(conv.input), network.kept[conv.input]),
            Op::Add { inputs: [a, b], relu, .. } => {
                let (a, b) = (get(*a), get(*b));
                Dense::make(a.height, a.width, a.channels, |y, x, c| activate(*relu, a.at(y, x, c) + b.at(y, x, c)))
            }
            Op::Upsample2 { input, .. } => {
                let input = get(*input);
                Dense::make(2 * input.height, 2 * input.width, input.channels, |y, x, c| input.at(y / 2, x / 2, c))
            }
            Op::DepthToSpace2 { input, .. } => {
                let input = get(*input);
                let channels = input.channels / 4;
                Dense::make(2 * input.height, 2 * input.width, channels, |y, x, c| {
                    input.at(y / 2, x / 2, (2 * (y % 2) + x % 2) * channels + c)
                })
            }
        };
        for number in &mut result.data {
            *number = keep(network.kept[op.output()], *number);
        }
        tensors[op.output()] = Some(result);
    }
    network.outputs.iter().map(|(_, id)| tensors[*id].clone().expect("outputs are written")).collect()
}

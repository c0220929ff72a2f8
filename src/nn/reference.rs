//! The layers as their definitions say, one number at a time in double precision: what the kernels are held against.

use super::format::{Conv, Network, Normalise, Op};

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

fn convolve(conv: &Conv, input: &Dense) -> Dense {
    let [kh, kw] = conv.kernel;
    let [cin, cout] = conv.channels;
    let height = (input.height + conv.pad[0] + conv.pad[2] - kh) / conv.stride[0] + 1;
    let width = (input.width + conv.pad[1] + conv.pad[3] - kw) / conv.stride[1] + 1;
    Dense::make(height, width, cout, |y, x, co| {
        let mut sum = f64::from(conv.bias[co]);
        for ky in 0..kh {
            for kx in 0..kw {
                let row = (y * conv.stride[0] + ky).checked_sub(conv.pad[0]).filter(|row| *row < input.height);
                let column = (x * conv.stride[1] + kx).checked_sub(conv.pad[1]).filter(|column| *column < input.width);
                let (Some(row), Some(column)) = (row, column) else { continue };
                let tap = ky * kw + kx;
                if conv.depthwise {
                    sum += input.at(row, column, co) * f64::from(conv.weights[tap * cout + co]);
                } else {
                    for ci in 0..cin {
                        sum += input.at(row, column, ci) * f64::from(conv.weights[(tap * cin + ci) * cout + co]);
                    }
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
    let normalised = |v: u8| match network.normalise {
        Normalise::Fixed { mean, scale } => (f64::from(v) / 255.0 - f64::from(mean)) * f64::from(scale),
        Normalise::Standard { floor } => (f64::from(v) - mean_luma) / deviation.max(f64::from(floor)),
    };
    let mut tensors: Vec<Option<Dense>> = vec![None; network.channels.len()];
    tensors[network.input] = Some(Dense::make(height, width, 1, |y, x, _| normalised(luma[y * width + x])));
    for op in &network.ops {
        let get = |id: usize| tensors[id].as_ref().expect("in order of computation");
        let result = match op {
            Op::Conv(conv) => convolve(conv, get(conv.input)),
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
            Op::Concat { inputs, .. } => {
                let all: Vec<&Dense> = inputs.iter().map(|id| get(*id)).collect();
                let channels = all.iter().map(|t| t.channels).sum();
                Dense::make(all[0].height, all[0].width, channels, |y, x, mut c| {
                    for tensor in &all {
                        if c < tensor.channels {
                            return tensor.at(y, x, c);
                        }
                        c -= tensor.channels;
                    }
                    unreachable!("channels were summed above")
                })
            }
            Op::MaxPool { input, kernel, stride, .. } => {
                let input = get(*input);
                let height = (input.height - kernel[0]) / stride[0] + 1;
                let width = (input.width - kernel[1]) / stride[1] + 1;
                Dense::make(height, width, input.channels, |y, x, c| {
                    (0..kernel[0] * kernel[1])
                        .map(|k| input.at(y * stride[0] + k / kernel[1], x * stride[1] + k % kernel[1], c))
                        .fold(f64::NEG_INFINITY, f64::max)
                })
            }
        };
        tensors[op.output()] = Some(result);
    }
    network.outputs.iter().map(|(_, id)| tensors[*id].clone().expect("outputs are written")).collect()
}

//! A decoder as the standard's text has it, one bit and one sample at a time: slow, and short enough to be seen to be right.
//!
//! Sequential Huffman coding only. Shares nothing with the product's decoder.

use std::collections::HashMap;

/// One component's samples for every pixel, each repeated where there are fewer samples than pixels.
pub type Component = Vec<u8>;

struct Part {
    id: u8,
    factors: (usize, usize),
    table: usize,
    across: usize,
    blocks: Vec<[i32; 64]>,
}

/// Row and column of the coefficients in their order: along the diagonals, up and down in turn.
fn zigzag() -> Vec<(usize, usize)> {
    let mut places: Vec<(usize, usize)> = (0..64).map(|i| (i / 8, i % 8)).collect();
    places.sort_by_key(|&(row, column)| (row + column, if (row + column) % 2 == 0 { column } else { row }));
    places
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    bit: u32,
}

impl Bits<'_> {
    fn next(&mut self) -> usize {
        let byte = self.bytes[self.at];
        let bit = byte >> (7 - self.bit) & 1;
        self.bit += 1;
        if self.bit == 8 {
            self.bit = 0;
            // Over the zero behind 0xFF.
            self.at += if byte == 0xFF { 2 } else { 1 };
        }
        bit.into()
    }

    /// To the next restart marker, and over it.
    fn restart(&mut self) {
        while !(self.bytes[self.at] == 0xFF && (0xD0..=0xD7).contains(&self.bytes[self.at + 1])) {
            self.at += 1;
        }
        (self.at, self.bit) = (self.at + 2, 0);
    }

    fn symbol(&mut self, table: &HashMap<(u32, usize), u8>) -> usize {
        let mut code = 0;
        for length in 1..=16 {
            code = code << 1 | self.next();
            if let Some(&symbol) = table.get(&(length, code)) {
                return symbol.into();
            }
        }
        panic!("no code");
    }

    fn value(&mut self, size: usize) -> i32 {
        let value = (0..size).fold(0, |value, _| value << 1 | self.next() as i32);
        if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
    }
}

fn samples(block: &[i32; 64], cosines: &[[f64; 8]; 8]) -> [[u8; 8]; 8] {
    let mut rows = [[0.0; 8]; 8];
    for (v, row) in rows.iter_mut().enumerate() {
        for (x, cell) in row.iter_mut().enumerate() {
            *cell = (0..8).map(|u| f64::from(block[8 * v + u]) * cosines[u][x]).sum();
        }
    }
    std::array::from_fn(|y| {
        std::array::from_fn(|x| {
            let value: f64 = (0..8).map(|v| rows[v][x] * cosines[v][y]).sum();
            (value + 128.0).round().clamp(0.0, 255.0) as u8
        })
    })
}

/// Decodes `file`, which must be whole and sound.
pub fn decode(file: &[u8]) -> Vec<Component> {
    let order = zigzag();
    let mut steps: HashMap<usize, Vec<i32>> = HashMap::new();
    let mut codes: HashMap<u8, HashMap<(u32, usize), u8>> = HashMap::new();
    let (mut restart, mut width, mut height) = (0, 0, 0);
    let mut parts: Vec<Part> = Vec::new();
    let (mut most_h, mut most_v) = (1, 1);
    let mut at = 2;
    loop {
        while file[at] != 0xFF || matches!(file[at + 1], 0 | 0xFF) {
            at += 1;
        }
        let marker = file[at + 1];
        if marker == 0xD9 {
            break;
        }
        let length = usize::from(file[at + 2]) << 8 | usize::from(file[at + 3]);
        let mut body = &file[at + 4..at + 2 + length];
        at += 2 + length;
        match marker {
            0xDB => {
                while let [number, rest @ ..] = body {
                    steps.insert(usize::from(*number), rest[..64].iter().map(|&step| step.into()).collect());
                    body = &rest[64..];
                }
            }
            0xC4 => {
                while let [number, rest @ ..] = body {
                    let (counts, mut symbols) = rest.split_at(16);
                    let mut table = HashMap::new();
                    let mut code = 0;
                    for (length, &count) in (1..).zip(counts) {
                        for &symbol in &symbols[..usize::from(count)] {
                            table.insert((length, code), symbol);
                            code += 1;
                        }
                        symbols = &symbols[usize::from(count)..];
                        code <<= 1;
                    }
                    codes.insert(*number, table);
                    body = symbols;
                }
            }
            0xDD => restart = usize::from(body[0]) << 8 | usize::from(body[1]),
            0xC0 | 0xC1 => {
                height = usize::from(body[1]) << 8 | usize::from(body[2]);
                width = usize::from(body[3]) << 8 | usize::from(body[4]);
                let stated: Vec<&[u8]> = body[6..].chunks(3).collect();
                let factors = |c: &&[u8]| (usize::from(c[1] >> 4), usize::from(c[1] & 15));
                most_h = stated.iter().map(factors).map(|f| f.0).max().unwrap();
                most_v = stated.iter().map(factors).map(|f| f.1).max().unwrap();
                for c in &stated {
                    let (h, v) = factors(c);
                    let across = width.div_ceil(8 * most_h) * h;
                    let down = height.div_ceil(8 * most_v) * v;
                    let blocks = vec![[0; 64]; across * down];
                    parts.push(Part { id: c[0], factors: (h, v), table: c[2].into(), across, blocks });
                }
            }
            0xDA => {
                let named: Vec<(usize, u8)> = body[1..1 + 2 * usize::from(body[0])]
                    .chunks(2)
                    .map(|c| (parts.iter().position(|part| part.id == c[0]).unwrap(), c[1]))
                    .collect();
                let alone = named.len() == 1;
                let (columns, rows) = if alone {
                    let (h, v) = parts[named[0].0].factors;
                    // A component's own size, in blocks.
                    ((width * h).div_ceil(most_h).div_ceil(8), (height * v).div_ceil(most_v).div_ceil(8))
                } else {
                    (width.div_ceil(8 * most_h), height.div_ceil(8 * most_v))
                };
                let mut bits = Bits { bytes: file, at, bit: 0 };
                let mut before = vec![0; parts.len()];
                for unit in 0..columns * rows {
                    if restart > 0 && unit > 0 && unit % restart == 0 {
                        bits.restart();
                        before.fill(0);
                    }
                    let (column, row) = (unit % columns, unit / columns);
                    for &(index, tables) in &named {
                        let part = &mut parts[index];
                        let (h, v) = if alone { (1, 1) } else { part.factors };
                        for (y, x) in (0..v).flat_map(|y| (0..h).map(move |x| (y, x))) {
                            let block = &mut part.blocks[(row * v + y) * part.across + column * h + x];
                            let size = bits.symbol(&codes[&(tables >> 4)]);
                            before[index] += bits.value(size);
                            block[0] = before[index] * steps[&part.table][0];
                            let mut k = 1;
                            while k < 64 {
                                match bits.symbol(&codes[&(0x10 | tables & 15)]) {
                                    0 => break,
                                    0xF0 => k += 16,
                                    symbol => {
                                        k += symbol >> 4;
                                        let (row, column) = order[k];
                                        block[8 * row + column] = bits.value(symbol & 15) * steps[&part.table][k];
                                        k += 1;
                                    }
                                }
                            }
                        }
                    }
                }
                at = bits.at;
            }
            _ => {}
        }
    }
    let cosines: [[f64; 8]; 8] = std::array::from_fn(|u| {
        let weight = if u == 0 { 0.5f64.sqrt() } else { 1.0 } / 2.0;
        std::array::from_fn(|x| weight * ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos())
    });
    let single = parts.len() == 1;
    let component = |part: &Part| {
        let blocks: Vec<[[u8; 8]; 8]> = part.blocks.iter().map(|block| samples(block, &cosines)).collect();
        let (h, v) = if single { (most_h, most_v) } else { part.factors };
        let place = |x: usize, y: usize| {
            let (x, y) = (x * h / most_h, y * v / most_v);
            blocks[y / 8 * part.across + x / 8][y % 8][x % 8]
        };
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| place(x, y)).collect()
    };
    parts.iter().map(component).collect()
}

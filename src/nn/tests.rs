//! Every kernel on every instruction set of this processor against the reference; every kind of damage by name.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::bytes::Range;
use super::format::{ModelError, Network, Op};
use super::model::{Model, Step};
use super::reference;
use super::session::{RunError, Session};
use super::simd::{Isa, Precision};
use super::testing::{ConvShape, FileBuilder, file_of, luma, noise};

/// How far a net may be from the reference, as a share of its greatest output. bfloat16 keeps 8 bits of what is
/// multiplied, a byte has 127 steps or 255, which layers add up; single precision stays far below the 1e-4 that other
/// engines are held to.
fn tolerance(isa: Isa, convolutions: usize) -> f64 {
    let each = match isa.rounds() {
        // Half as many steps, of both that are multiplied.
        true if isa.bytes() == Range::NARROW => 4e-2,
        true => 2e-2,
        false => return 2e-5,
    };
    each * convolutions.max(1) as f64
}

/// Runs a file on all instruction sets and compares each output with the reference.
fn assert_right(file: &[u8], width: usize, height: usize, seed: u64) {
    let network = Network::parse(file).unwrap();
    let pixels = luma(seed, width * height);
    let expected = reference::run(&network, &pixels, width, height);
    let convolutions = network.ops.iter().filter(|op| matches!(op, Op::Conv(_))).count();
    for isa in Isa::available() {
        let mut session = Session::new(Arc::new(Model::compile(network.clone(), isa)));
        // What another size left in the buffers must not show.
        session.run(&luma(seed + 1, (width + 8) * (height + 8)), width + 8, height + 8).unwrap();
        session.run(&pixels, width, height).unwrap();
        for (index, expected) in expected.iter().enumerate() {
            let output = session.output(index);
            assert_eq!(
                (output.height(), output.width(), output.channels()),
                (expected.height, expected.width, expected.channels)
            );
            let scale = expected.data.iter().fold(1.0f64, |m, v| m.max(v.abs()));
            for y in 0..expected.height {
                for (x, cell) in output.row(y).enumerate() {
                    assert_eq!(cell, output.cell(y, x));
                    for (c, &value) in cell.iter().enumerate() {
                        let want = expected.at(y, x, c);
                        assert!(
                            (f64::from(value) - want).abs() <= tolerance(isa, convolutions) * scale,
                            "{}: output {index} at ({y}, {x}, {c}) is {value}, not {want}",
                            isa.name()
                        );
                    }
                }
            }
        }
    }
}

/// All numbers of the first output.
fn outputs(session: &Session) -> Vec<f32> {
    let output = session.output(0);
    (0..output.height()).flat_map(|y| output.row(y).flatten().copied()).collect()
}

fn add_conv(builder: &mut FileBuilder, input: &str, out: &str, shape: &ConvShape, seed: u64) {
    let fan = (shape.weights() / shape.channels[1]) as f32;
    let weights: Vec<f32> = noise(seed, shape.weights()).iter().map(|w| w * 2.0 / fan.sqrt()).collect();
    builder.conv(input, out, shape, &weights, &noise(seed + 1, shape.channels[1]));
}

fn conv_shapes(max_channels: usize) -> impl Strategy<Value = ConvShape> {
    (1usize..=5, 1usize..=5, 1usize..=3, 1usize..=3, 1..=max_channels, 1..=max_channels, any::<bool>(), any::<bool>())
        .prop_flat_map(|(kh, kw, sh, sw, cin, cout, depthwise, relu)| {
            let channels = if depthwise { [cin, cin] } else { [cin, cout] };
            (0..kh, 0..kw, 0..kh, 0..kw).prop_map(move |(t, l, b, r)| ConvShape {
                kernel: [kh, kw],
                stride: [sh, sw],
                pad: [t, l, b, r],
                channels,
                depthwise,
                relu,
            })
        })
}

/// `noise` as whole numbers from `-most` to `most`.
fn whole(seed: u64, count: usize, most: f32) -> Vec<f32> {
    noise(seed, count).iter().map(|v| (v * (most + 1.0)).trunc()).collect()
}

/// A net that computes with whole numbers: luma up to 12, sums after the first convolution up to 256, which bfloat16 has
/// exactly, and after the second far below 2²⁴.
fn net_of_whole_numbers(shape: &ConvShape, seed: u64) -> FileBuilder {
    let mut builder = FileBuilder::new();
    builder.normalise = json!({"normalise": "fixed", "mean": 0.0, "scale": 255.0});
    let first = ConvShape::same(3, [1, shape.channels[0]]);
    builder.conv("x", "wide", &first, &whole(seed, first.weights(), 2.0), &whole(seed + 1, first.channels[1], 9.0));
    builder.conv("wide", "y", shape, &whole(seed + 2, shape.weights(), 3.0), &whole(seed + 3, shape.channels[1], 99.0));
    builder.output("y");
    builder
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn convolutions_of_luma(shape in conv_shapes(40), width in 5usize..40, height in 5usize..12, seed in 0u64..1000) {
        let shape = ConvShape { channels: if shape.depthwise { [1, 1] } else { [1, shape.channels[1]] }, ..shape };
        let mut builder = FileBuilder::new();
        add_conv(&mut builder, "x", "y", &shape, seed);
        builder.output("y");
        assert_right(&builder.file(), width, height, seed);
    }

    #[test]
    fn convolutions_of_many_channels(
        shape in conv_shapes(70), width in 5usize..30, height in 5usize..10, seed in 0u64..1000,
    ) {
        let mut builder = FileBuilder::new();
        add_conv(&mut builder, "x", "wide", &ConvShape::same(3, [1, shape.channels[0]]), seed);
        add_conv(&mut builder, "wide", "y", &shape, seed + 2);
        builder.output("y");
        assert_right(&builder.file(), width, height, seed);
    }

    /// Every product and sum is representable: a weight in the wrong place shows, whatever the set's precision.
    #[test]
    fn whole_numbers_come_out_exactly(
        shape in conv_shapes(70), width in 5usize..30, height in 5usize..10, seed in 0u64..1000,
    ) {
        let file = net_of_whole_numbers(&shape, seed).file();
        let network = Network::parse(&file).unwrap();
        let pixels: Vec<u8> = luma(seed, width * height).iter().map(|v| v % 13).collect();
        let expected = &reference::run(&network, &pixels, width, height)[0];
        for isa in Isa::available() {
            let mut session = Session::new(Arc::new(Model::compile(network.clone(), isa)));
            session.run(&pixels, width, height).unwrap();
            // The reference divides luma by 255 and multiplies again.
            let want: Vec<f32> = expected.data.iter().map(|v| v.round() as f32).collect();
            prop_assert_eq!(outputs(&session), want, "{}", isa.name());
        }
    }

    /// Activations and weights up to the greatest bytes are whole steps: where bytes are multiplied, every one shows, and so does a
    /// sum that does not fit where it is made.
    #[test]
    fn whole_steps_of_bytes_come_out_exactly(
        shape in conv_shapes(70), width in 5usize..30, height in 5usize..10, seed in 0u64..1000,
    ) {
        let shape = ConvShape { depthwise: false, relu: true, ..shape };
        let [cin, cout] = shape.channels;
        for isa in Isa::available() {
            let Range { activation, weight } = isa.bytes();
            let mut builder = FileBuilder::new();
            builder.normalise = json!({"normalise": "fixed", "mean": 0.0, "scale": 255.0});
            let seen = ConvShape { relu: true, ..ConvShape::same(1, [1, cin]) };
            builder.conv("x", "wide", &seen, &vec![1.0; cin], &vec![0.0; cin]);
            let mut weights = whole(seed, shape.weights(), weight - 1.0);
            weights[..cout].fill(weight);
            // As large as they can be, of one sign or of both; of a whole byte, a single could not hold such sums.
            let narrow = isa.bytes() == Range::NARROW;
            if narrow && seed % 4 == 0 {
                weights.iter_mut().for_each(|w| *w = if seed % 8 == 0 { weight } else { weight.copysign(*w) });
            }
            builder.conv("wide", "y", &shape, &weights, &whole(seed + 1, cout, 99.0));
            builder.output("y");
            let network = Network::parse(&builder.file()).unwrap();
            let mut pixels = luma(seed, width * height);
            // What bfloat16 has, too; and the greatest.
            let greatest = activation as u8;
            pixels.iter_mut().for_each(|v| *v = if narrow && seed % 12 == 0 { greatest } else { *v & greatest & 0xfe });
            pixels[seed as usize % (width * height)] = greatest;
            let expected = &reference::run(&network, &pixels, width, height)[0];
            let want: Vec<f32> = expected.data.iter().map(|v| v.round() as f32).collect();
            let model = Arc::new(Model::compile(network.clone(), isa));
            let Some(Step::Dense { conv, .. }) = model.steps.last() else { panic!("a dense convolution") };
            prop_assert_eq!(conv.operands(), isa.operands(true));
            let mut session = Session::new(Arc::clone(&model));
            session.run(&pixels, width, height).unwrap();
            prop_assert_eq!(outputs(&session), want.clone(), "{}", isa.name());
        }
    }

    /// Bit by bit: a cell is the same whichever tile computes it, whatever the buffers held, and however wide the picture.
    #[test]
    fn a_cell_depends_on_what_it_sees_alone(
        shape in conv_shapes(40), width in 8usize..40, more in 1usize..20, seed in 0u64..1000,
    ) {
        let mut builder = FileBuilder::new();
        add_conv(&mut builder, "x", "wide", &ConvShape::same(3, [1, shape.channels[0]]), seed);
        add_conv(&mut builder, "wide", "y", &shape, seed + 2);
        builder.output("y");
        let network = Network::parse(&builder.file()).unwrap();
        let height = 6;
        let large = luma(seed, (width + more) * height);
        let small: Vec<u8> = large.chunks_exact(width + more).flat_map(|row| row[..width].to_vec()).collect();
        for isa in Isa::available() {
            let model = Arc::new(Model::compile(network.clone(), isa));
            let mut used = Session::new(Arc::clone(&model));
            used.run(&large, width + more, height).unwrap();
            let seen = used.output(0);
            let wide: Vec<Vec<f32>> = (0..seen.height()).map(|y| seen.row(y).flatten().copied().collect()).collect();
            used.run(&small, width, height).unwrap();
            let mut fresh = Session::new(Arc::clone(&model));
            fresh.run(&small, width, height).unwrap();
            prop_assert_eq!(outputs(&used), outputs(&fresh), "{}", isa.name());
            // Cells that see nothing of the right edge: four columns of it, for the larger picture goes on there.
            let reach = |column: usize| column * shape.stride[1] + shape.kernel[1] + 1;
            let alike = (0..used.output(0).width()).filter(|column| reach(*column) < width + shape.pad[1]).count();
            for (y, wide) in wide.iter().enumerate() {
                let narrow: Vec<f32> = used.output(0).row(y).take(alike).flatten().copied().collect();
                prop_assert_eq!(&narrow[..], &wide[..narrow.len()], "{}", isa.name());
            }
        }
    }

    #[test]
    fn two_readers_with_different_borders(
        a in conv_shapes(20), b in conv_shapes(20), width in 5usize..20, height in 5usize..10, seed in 0u64..1000,
    ) {
        let (a, mut b) = (a, b);
        b.channels[0] = a.channels[0];
        if b.depthwise {
            b.channels[1] = a.channels[0];
        }
        let mut builder = FileBuilder::new();
        add_conv(&mut builder, "x", "stem", &ConvShape::same(3, [1, a.channels[0]]), seed);
        add_conv(&mut builder, "stem", "a", &a, seed + 2);
        add_conv(&mut builder, "stem", "b", &b, seed + 4);
        builder.output("a");
        builder.output("b");
        builder.output("stem");
        assert_right(&builder.file(), width, height, seed);
    }

    /// A chain of layers chosen at random, all of whose intermediate results may be outputs too.
    #[test]
    fn random_graphs(
        layers in prop::collection::vec((0u8..8, 1usize..36, any::<bool>(), any::<bool>()), 1..9),
        width in 1usize..4, height in 1usize..3, seed in 0u64..1000,
    ) {
        let mut builder = FileBuilder::new();
        // (name, channels, log2 of the scale against the input)
        let mut made: Vec<(String, usize, i32)> = vec![("x".to_owned(), 1, 0)];
        for (at, &(kind, channels, relu, output)) in layers.iter().enumerate() {
            let out = format!("t{at}");
            let (input, cin, scale) = made[(seed as usize + at * 7) % made.len()].clone();
            let act = if relu { "relu" } else { "none" };
            let seed = seed + 10 * at as u64;
            let (channels, scale) = match kind {
                0 | 1 => {
                    let shape = ConvShape { relu, ..ConvShape::same(if kind == 0 { 3 } else { 1 }, [cin, channels]) };
                    add_conv(&mut builder, &input, &out, &shape, seed);
                    (channels, scale)
                }
                2 if scale > -3 => {
                    let shape = ConvShape { stride: [2, 2], relu, ..ConvShape::same(3, [cin, channels]) };
                    add_conv(&mut builder, &input, &out, &shape, seed);
                    (channels, scale - 1)
                }
                3 if scale < 1 => {
                    builder.nodes.push(json!({"op": "upsample2", "in": input, "out": out}));
                    (cin, scale + 1)
                }
                4 if scale < 1 && cin % 4 == 0 => {
                    builder.nodes.push(json!({"op": "depth_to_space2", "in": input, "out": out}));
                    (cin / 4, scale + 1)
                }
                5 if scale > -3 => {
                    builder.nodes.push(
                        json!({"op": "maxpool", "in": input, "out": out, "kernel": [2, 2], "stride": [2, 2]}));
                    (cin, scale - 1)
                }
                6 => {
                    let (other, more, _) = made.iter().rev().find(|(_, _, s)| *s == scale).unwrap();
                    builder.nodes.push(json!({"op": "concat", "in": [input, other], "out": out}));
                    (cin + more, scale)
                }
                _ => {
                    // The addition that a fusion looks for: a convolution fitted to whatever is there.
                    let fitted = format!("f{at}");
                    let (other, more, _) = made.iter().rev().find(|(_, _, s)| *s == scale).unwrap().clone();
                    add_conv(&mut builder, &input, &fitted, &ConvShape::same(1, [cin, more]), seed);
                    let pair = if output { [fitted, other] } else { [other, fitted] };
                    builder.nodes.push(json!({"op": "add", "in": pair, "out": out, "act": act}));
                    (more, scale)
                }
            };
            if output {
                builder.output(&out);
            }
            made.push((out, channels, scale));
        }
        let last = format!("t{}", layers.len() - 1);
        if !builder.outputs.contains(&last) {
            builder.output(&last);
        }
        assert_right(&builder.file(), 16 * width, 16 * height, seed);
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic(at in 0usize..2000, value in any::<u8>(), cut in 0usize..2000) {
        let mut file = pyramid().file();
        let length = file.len();
        file[at % length] = value;
        for file in [&file[..], &file[..cut % length]] {
            if let Ok(model) = Model::parse(file) {
                // A change that the format cannot see must still be one that the engine can bear.
                let _ = Session::new(Arc::new(model)).run(&luma(1, 32 * 32), 32, 32);
            }
        }
    }
}

/// A small net with all that the fusions look for: a residual block, a lateral sum with an enlargement, a head.
fn pyramid() -> FileBuilder {
    let mut builder = FileBuilder::new();
    let down = |channels| ConvShape { stride: [2, 2], pad: [0, 0, 1, 1], relu: true, ..ConvShape::same(3, channels) };
    add_conv(&mut builder, "x", "s2", &down([1, 8]), 1);
    add_conv(&mut builder, "s2", "a", &ConvShape { relu: true, ..ConvShape::same(3, [8, 8]) }, 2);
    add_conv(&mut builder, "a", "b", &ConvShape::same(3, [8, 8]), 3);
    builder.nodes.push(json!({"op": "add", "in": ["s2", "b"], "out": "block", "act": "relu"}));
    add_conv(&mut builder, "block", "s4", &down([8, 20]), 4);
    add_conv(&mut builder, "s4", "top", &ConvShape::same(1, [20, 8]), 5);
    builder.nodes.push(json!({"op": "upsample2", "in": "top", "out": "up"}));
    add_conv(&mut builder, "block", "side", &ConvShape::same(1, [8, 8]), 6);
    builder.nodes.push(json!({"op": "add", "in": ["up", "side"], "out": "sum"}));
    add_conv(&mut builder, "sum", "raw", &ConvShape::same(1, [8, 24]), 7);
    builder.nodes.push(json!({"op": "depth_to_space2", "in": "raw", "out": "heads"}));
    builder.output("heads");
    builder
}

#[test]
fn a_pyramid_is_right_and_its_additions_are_gone() {
    let file = pyramid().file();
    assert_right(&file, 64, 32, 5);
    let model = Model::parse(&file).unwrap();
    assert!(model.steps.iter().all(|step| matches!(step, Step::Dense { .. } | Step::DepthToSpace2 { .. })));
    assert!(model.slots <= 3, "{} buffers", model.slots);
    let mut session = Session::new(Arc::new(model));
    assert_eq!(session.multiply_adds(), 0);
    session.run(&[0; 64 * 32], 64, 32).unwrap();
    // Stem and residual block on 32×16 cells, the rest on these and on 16×8.
    let (half, quarter) = (32 * 16, 16 * 8);
    let at_half = 9 * 8 + 2 * 9 * 8 * 8 + 8 * 8 + 8 * 24;
    assert_eq!(session.multiply_adds(), half * at_half + quarter * (9 * 8 * 20 + 20 * 8));
}

#[test]
fn an_enlargement_is_added_to_what_others_read_too() {
    // As the detector does: the sum of a shortcut and an enlarged convolution, neither of which can take the sum.
    for order in [["s2", "up"], ["up", "s2"]] {
        let mut builder = FileBuilder::new();
        let down = ConvShape { stride: [2, 2], relu: true, ..ConvShape::same(3, [1, 20]) };
        add_conv(&mut builder, "x", "s2", &down, 1);
        add_conv(&mut builder, "s2", "s4", &ConvShape { channels: [20, 20], relu: false, ..down }, 2);
        builder.nodes.push(json!({"op": "upsample2", "in": "s4", "out": "up"}));
        builder.nodes.push(json!({"op": "add", "in": order, "out": "sum", "act": "relu"}));
        builder.output("sum");
        builder.output("s2");
        assert_right(&builder.file(), 48, 32, 9);
        assert_eq!(Model::parse(&builder.file()).unwrap().steps.len(), 3);
    }
}

#[test]
fn the_input_is_standardised() {
    let mut builder = FileBuilder::new();
    builder.normalise = json!({"normalise": "standard", "floor": 8.0});
    add_conv(&mut builder, "x", "y", &ConvShape::same(3, [1, 3]), 1);
    builder.output("y");
    assert_right(&builder.file(), 20, 10, 3);
    // Flat pictures have no deviation at all.
    let mut session = Session::new(Arc::new(Model::parse(&builder.file()).unwrap()));
    session.run(&[77; 200], 20, 10).unwrap();
    assert!(session.output(0).row(0).flatten().all(|v| v.is_finite()));
}

#[test]
fn halves_are_read() {
    let mut builder = FileBuilder::new();
    builder.conv("x", "y", &ConvShape::same(1, [1, 2]), &[0.5, -2.0], &[1.0, 0.25]);
    builder.output("y");
    let mut header = builder.header();
    header["dtype"] = json!("f16");
    let mut file = file_of(&header, &[]);
    file.extend([0x3800u16, 0xc000, 0x3c00, 0x3400].iter().flat_map(|half| half.to_le_bytes()));
    let mut session = Session::new(Arc::new(Model::parse(&file).unwrap()));
    session.run(&[255], 1, 1).unwrap();
    assert_eq!(session.output(0).cell(0, 0), [1.5, -1.75]);
}

#[test]
fn single_precision_is_had_for_the_asking() {
    let file = pyramid().file();
    let model = Model::parse_as(&file, Precision::Single).unwrap();
    assert!(!model.isa.rounds());
    assert_eq!(Model::parse(&file).unwrap().instruction_set(), Isa::available().last().unwrap().name());
}

#[test]
fn impossible_inputs_are_refused() {
    let mut session = Session::new(Arc::new(Model::parse(&pyramid().file()).unwrap()));
    assert!(matches!(session.run(&[], 0, 0), Err(RunError::InputLength { .. })));
    assert!(matches!(session.run(&[0; 5], 2, 2), Err(RunError::InputLength { found: 5, .. })));
    assert!(matches!(session.run(&[0; 4], usize::MAX, 2), Err(RunError::InputLength { .. })));
    // The enlargement of a rounded size does not meet its sum.
    assert!(matches!(session.run(&[0; 6 * 8], 6, 8), Err(RunError::Shape { .. })));
    session.run(&[0; 64], 8, 8).unwrap();
}

/// The error of the pyramid's file with its header changed.
fn refused(change: impl FnOnce(&mut Value)) -> ModelError {
    let builder = pyramid();
    let mut header = builder.header();
    change(&mut header);
    Model::parse(&file_of(&header, &builder.weights)).err().expect("must be refused")
}

#[test]
fn each_defect_has_its_error() {
    let file = pyramid().file();
    assert!(matches!(Model::parse(b"SLNN0002"), Err(ModelError::Magic)));
    assert!(matches!(Model::parse(&file[..10]), Err(ModelError::HeaderLength { .. })));
    assert!(matches!(Model::parse(&file[..50]), Err(ModelError::HeaderLength { .. })));
    assert!(matches!(Model::parse(b"SLNN0001\xff\xff\xff\xff{}"), Err(ModelError::HeaderLength { .. })));
    assert!(matches!(Model::parse(b"SLNN0001\x02\x00\x00\x00{}"), Err(ModelError::Header(_))));
    assert!(matches!(Model::parse(&file[..file.len() - 1]), Err(ModelError::WeightsOutside { node: 7..=9 })));
    let longer = [&file[..], &[0; 4]].concat();
    assert!(matches!(Model::parse(&longer), Err(ModelError::WeightsLength { .. })));

    assert!(matches!(refused(|h| h["nodes"][1]["op"] = json!("softmax")), ModelError::Header(_)));
    assert!(matches!(refused(|h| h["input"]["channels"] = json!(3)), ModelError::Input));
    assert!(matches!(refused(|h| h["nodes"][1]["in"] = json!("later")), ModelError::UnknownTensor { node: 1, .. }));
    assert!(matches!(refused(|h| h["nodes"][1]["in"] = json!("b")), ModelError::UnknownTensor { node: 1, .. }));
    assert!(matches!(refused(|h| h["nodes"][1]["out"] = json!("s2")), ModelError::Redefined { node: 1, .. }));
    assert!(matches!(
        refused(|h| h["nodes"][1]["channels"] = json!([9, 8])),
        ModelError::Channels { node: 1, expected: 9, found: 8 }
    ));
    assert!(matches!(refused(|h| h["nodes"][3]["in"] = json!(["s2", "x"])), ModelError::Channels { node: 3, .. }));
    assert!(matches!(refused(|h| h["nodes"][1]["kernel"] = json!([0, 3])), ModelError::Dimension { node: 1, .. }));
    assert!(matches!(refused(|h| h["nodes"][1]["kernel"] = json!([99, 3])), ModelError::Dimension { node: 1, .. }));
    assert!(matches!(refused(|h| h["nodes"][1]["stride"] = json!([1, 0])), ModelError::Dimension { node: 1, .. }));
    assert!(matches!(refused(|h| h["nodes"][1]["pad"] = json!([3, 0, 0, 0])), ModelError::Dimension { node: 1, .. }));
    assert!(matches!(
        refused(|h| h["nodes"][1]["channels"] = json!([8, 0])),
        ModelError::Dimension { node: 1, what: "number of channels" }
    ));
    assert!(matches!(refused(|h| h["nodes"][1]["weight"] = json!(u64::MAX)), ModelError::WeightsOutside { node: 1 }));
    assert!(matches!(refused(|h| h["outputs"] = json!([])), ModelError::NoSuchOutput(_)));
    assert!(matches!(refused(|h| h["outputs"] = json!(["x"])), ModelError::NoSuchOutput(_)));
    assert!(matches!(refused(|h| h["outputs"] = json!(["nothing"])), ModelError::NoSuchOutput(_)));
    let many = vec![json!({"op": "upsample2", "in": "x", "out": "y"}); 2000];
    assert!(matches!(refused(|h| h["nodes"] = json!(many)), ModelError::TooManyNodes(2000)));

    let mut builder = pyramid();
    builder.weights[0] = f32::NAN;
    assert!(matches!(Model::parse(&builder.file()), Err(ModelError::NotFinite { node: 0 })));
}

#[test]
fn a_tower_of_enlargements_is_refused_before_it_is_built() {
    let mut builder = FileBuilder::new();
    for at in 0..60 {
        let input = if at == 0 { "x".to_owned() } else { format!("t{}", at - 1) };
        builder.nodes.push(json!({"op": "upsample2", "in": input, "out": format!("t{at}")}));
    }
    builder.output("t59");
    let mut session = Session::new(Arc::new(Model::parse(&builder.file()).unwrap()));
    assert!(matches!(session.run(&[0; 64], 8, 8), Err(RunError::TooLarge { .. })));
}

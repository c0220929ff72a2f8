//! Every kernel on every instruction set of this processor against the reference and against each other; every kind of damage by name.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::format::{ModelError, Network};
use super::model::{Model, Step};
use super::quantise::{BYTES, Kept, MOST_PRODUCTS, WORDS};
use super::reference;
use super::session::{RunError, Session};
use super::testing::{ConvShape, FileBuilder, file_of, luma, noise};
use crate::simd::Isa;

/// How far a net may be from the reference, as a share of its greatest output: a number that lies between two steps may be rounded
/// the other way, and moves what is made of it.
const TOLERANCE: f64 = 3e-2;

/// Runs a file on all instruction sets: each output is the reference's within [`TOLERANCE`], and all of them are the same, bit by bit.
fn assert_right(file: &[u8], width: usize, height: usize, seed: u64) {
    let network = Network::parse(file).unwrap();
    let pixels = luma(seed, width * height);
    let expected = reference::run(&network, &pixels, width, height);
    let mut first: Option<Vec<u32>> = None;
    for isa in Isa::available() {
        let mut session = Session::new(Arc::new(Model::compile(network.clone(), isa)));
        // What another size left in the buffers must not show.
        session.run(&luma(seed + 1, (width + 8) * (height + 8)), width + 8, height + 8).unwrap();
        session.run(&pixels, width, height).unwrap();
        let mut bits = Vec::new();
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
                        bits.push(value.to_bits());
                        assert!(
                            (f64::from(value) - want).abs() <= TOLERANCE * scale,
                            "{}: output {index} at ({y}, {x}, {c}) is {value}, not {want}",
                            isa.name()
                        );
                    }
                }
            }
        }
        assert_eq!(*first.get_or_insert_with(|| bits.clone()), bits, "{} is not as the others", isa.name());
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

/// How a result that others multiply is kept: its peak is so low that some of it is cut off.
fn keeps() -> impl Strategy<Value = Value> {
    prop_oneof![Just(json!({"bytes": 1.5})), Just(json!({"words": 3.0}))]
}

fn conv_shapes(max_channels: usize) -> impl Strategy<Value = ConvShape> {
    (1usize..=5, 1usize..=5, 1usize..=3, 1usize..=3, 1..=max_channels, 1..=max_channels, any::<bool>()).prop_flat_map(
        |(kh, kw, sh, sw, cin, cout, relu)| {
            (0..kh, 0..kw, 0..kh, 0..kw).prop_map(move |(t, l, b, r)| ConvShape {
                kernel: [kh, kw],
                stride: [sh, sw],
                pad: [t, l, b, r],
                channels: [cin, cout],
                relu,
                keep: Value::Null,
            })
        },
    )
}

/// `noise` as whole numbers from `-most` to `most`.
fn whole(seed: u64, count: usize, most: f32) -> Vec<f32> {
    noise(seed, count).iter().map(|v| (v * (most + 1.0)).trunc()).collect()
}

/// A first convolution that makes something of luma that others multiply.
fn seen(channels: usize, keep: &Value) -> ConvShape {
    ConvShape { relu: true, keep: keep.clone(), ..ConvShape::same(3, [1, channels]) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn convolutions_of_luma(shape in conv_shapes(40), width in 5usize..40, height in 5usize..12, seed in 0u64..1000) {
        let shape = ConvShape { channels: [1, shape.channels[1]], ..shape };
        let mut builder = FileBuilder::new();
        add_conv(&mut builder, "x", "y", &shape, seed);
        builder.output("y");
        assert_right(&builder.file(), width, height, seed);
    }

    #[test]
    fn convolutions_of_many_channels(
        shape in conv_shapes(70), keep in keeps(), width in 5usize..30, height in 5usize..10, seed in 0u64..1000,
    ) {
        let mut builder = FileBuilder::new();
        add_conv(&mut builder, "x", "wide", &seen(shape.channels[0], &keep), seed);
        add_conv(&mut builder, "wide", "y", &shape, seed + 2);
        builder.output("y");
        assert_right(&builder.file(), width, height, seed);
    }

    /// Activations and weights up to the greatest are whole steps: every one shows, and so does a sum that does not fit where it is
    /// made.
    #[test]
    fn whole_steps_come_out_exactly(
        shape in conv_shapes(70), words in any::<bool>(), width in 5usize..30, height in 5usize..10, seed in 0u64..1000,
    ) {
        let [cin, cout] = shape.channels;
        let kept = if words { Kept::Words { peak: WORDS } } else { Kept::Bytes { peak: BYTES } };
        let most = kept.weights(shape.kernel[0] * shape.kernel[1] * cin);
        let mut builder = FileBuilder::new();
        builder.normalise = json!({"normalise": "fixed", "mean": 0.0, "scale": 255.0});
        // Luma as it is; or 32 times that, as words have room for.
        let (keep, scale) = if words { (json!({"words": WORDS}), 32.0) } else { (json!({"bytes": BYTES}), 1.0) };
        let seen = ConvShape { relu: true, keep, ..ConvShape::same(1, [1, cin]) };
        builder.conv("x", "wide", &seen, &vec![scale; cin], &vec![0.0; cin]);
        let mut weights = whole(seed, shape.weights(), most - 1.0);
        weights[..cout].fill(most);
        // As large as they can be, of one sign or of both.
        if seed % 4 == 0 {
            weights.iter_mut().for_each(|w| *w = if seed % 8 == 0 { most } else { most.copysign(*w) });
        }
        builder.conv("wide", "y", &shape, &weights, &vec![0.0; cout]);
        builder.output("y");
        let network = Network::parse(&builder.file()).unwrap();
        let mut pixels = luma(seed, width * height);
        if seed % 12 == 0 {
            pixels.fill(255);
        }
        // Sums fit 32 bits and become the nearest singles.
        let want: Vec<f32> =
            reference::run(&network, &pixels, width, height)[0].data.iter().map(|v| v.round() as f32).collect();
        for isa in Isa::available() {
            let mut session = Session::new(Arc::new(Model::compile(network.clone(), isa)));
            session.run(&pixels, width, height).unwrap();
            prop_assert_eq!(outputs(&session), want.clone(), "{}", isa.name());
        }
    }

    /// Bit by bit: a cell is the same whichever tile computes it, whatever the buffers held, and however wide the picture.
    #[test]
    fn a_cell_depends_on_what_it_sees_alone(
        shape in conv_shapes(40), keep in keeps(), width in 8usize..40, more in 1usize..20, seed in 0u64..1000,
    ) {
        let mut builder = FileBuilder::new();
        add_conv(&mut builder, "x", "wide", &seen(shape.channels[0], &keep), seed);
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
        a in conv_shapes(20), b in conv_shapes(20), keep in keeps(), width in 5usize..20, height in 5usize..10,
        seed in 0u64..1000,
    ) {
        let (a, mut b) = (a, b);
        b.channels[0] = a.channels[0];
        let mut builder = FileBuilder::new();
        add_conv(&mut builder, "x", "stem", &seen(a.channels[0], &keep), seed);
        add_conv(&mut builder, "stem", "a", &a, seed + 2);
        add_conv(&mut builder, "stem", "b", &b, seed + 4);
        builder.output("a");
        builder.output("b");
        assert_right(&builder.file(), width, height, seed);
    }

    /// Layers chosen at random; any result may be looked at through a convolution of its own.
    #[test]
    fn random_graphs(
        layers in prop::collection::vec((0u8..7, 1usize..36, keeps(), any::<bool>(), any::<bool>()), 1..9),
        width in 1usize..4, height in 1usize..3, seed in 0u64..1000,
    ) {
        let mut builder = FileBuilder::new();
        add_conv(&mut builder, "x", "t", &seen(8, &json!({"bytes": 2.0})), seed);
        // (name, channels, log2 of the scale against the input)
        let mut made: Vec<(String, usize, i32)> = vec![("t".to_owned(), 8, 0)];
        for (at, (kind, channels, keep, relu, output)) in layers.into_iter().enumerate() {
            let out = format!("t{at}");
            let (input, cin, scale) = made[(seed as usize + at * 7) % made.len()].clone();
            // Bytes have no sign.
            let relu = relu || keep.get("bytes").is_some();
            let act = if relu { "relu" } else { "none" };
            let seed = seed + 10 * at as u64;
            let (channels, scale) = match kind {
                0 | 1 => {
                    let same = ConvShape::same(if kind == 0 { 3 } else { 1 }, [cin, channels]);
                    add_conv(&mut builder, &input, &out, &ConvShape { relu, keep, ..same }, seed);
                    (channels, scale)
                }
                2 if scale > -3 => {
                    let shape = ConvShape { stride: [2, 2], relu, keep, ..ConvShape::same(3, [cin, channels]) };
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
                    // A sum with what is enlarged on the way, kept as singles.
                    let (small, large) = (format!("s{at}"), format!("u{at}"));
                    let halved = ConvShape { stride: [2, 2], ..ConvShape::same(3, [cin, cin]) };
                    add_conv(&mut builder, &input, &small, &halved, seed);
                    builder.nodes.push(json!({"op": "upsample2", "in": small, "out": large}));
                    let pair = if output { [large, input] } else { [input, large] };
                    builder.nodes.push(json!({"op": "add", "in": pair, "out": out, "act": act, "keep": keep}));
                    (cin, scale)
                }
                _ => {
                    // The addition that a fusion looks for: a convolution fitted to whatever is there.
                    let fitted = format!("f{at}");
                    let (other, more, _) = made.iter().rev().find(|(_, _, s)| *s == scale).unwrap().clone();
                    add_conv(&mut builder, &input, &fitted, &ConvShape::same(1, [cin, more]), seed);
                    let pair = if output { [fitted, other] } else { [other, fitted] };
                    builder.nodes.push(json!({"op": "add", "in": pair, "out": out, "act": act, "keep": keep}));
                    (more, scale)
                }
            };
            if output {
                add_conv(&mut builder, &out, &format!("o{at}"), &ConvShape::same(1, [channels, 5]), seed + 5);
                builder.output(&format!("o{at}"));
            }
            made.push((out, channels, scale));
        }
        let (last, channels, _) = made.pop().unwrap();
        add_conv(&mut builder, &last, "y", &ConvShape::same(1, [channels, 3]), seed);
        builder.output("y");
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
    let bytes = json!({"bytes": 2.0});
    let down = |channels| ConvShape {
        stride: [2, 2],
        pad: [0, 0, 1, 1],
        relu: true,
        keep: bytes.clone(),
        ..ConvShape::same(3, channels)
    };
    add_conv(&mut builder, "x", "s2", &down([1, 8]), 1);
    let same = ConvShape { relu: true, keep: bytes.clone(), ..ConvShape::same(3, [8, 8]) };
    add_conv(&mut builder, "s2", "a", &same, 2);
    add_conv(&mut builder, "a", "b", &ConvShape::same(3, [8, 8]), 3);
    builder.nodes.push(json!({"op": "add", "in": ["s2", "b"], "out": "block", "act": "relu", "keep": bytes}));
    add_conv(&mut builder, "block", "s4", &down([8, 20]), 4);
    add_conv(&mut builder, "s4", "top", &ConvShape { keep: json!({"words": 4.0}), ..ConvShape::same(1, [20, 8]) }, 5);
    builder.nodes.push(json!({"op": "upsample2", "in": "top", "out": "up"}));
    add_conv(&mut builder, "block", "side", &ConvShape::same(1, [8, 8]), 6);
    builder.nodes.push(json!({"op": "add", "in": ["up", "side"], "out": "sum", "keep": {"words": 4.0}}));
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
    assert!(model.steps.iter().all(|step| matches!(step, Step::Conv { .. } | Step::DepthToSpace2 { .. })));
    let [bytes, words, singles] = model.slots;
    assert!(bytes <= 3 && words <= 2 && singles <= 2, "{bytes}, {words} and {singles} buffers");
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
        let bytes = json!({"bytes": 3.0});
        let down = ConvShape { stride: [2, 2], relu: true, keep: bytes.clone(), ..ConvShape::same(3, [1, 20]) };
        add_conv(&mut builder, "x", "s2", &down, 1);
        let coarse = ConvShape { channels: [20, 20], relu: false, keep: Value::Null, ..down };
        add_conv(&mut builder, "s2", "s4", &coarse, 2);
        builder.nodes.push(json!({"op": "upsample2", "in": "s4", "out": "up"}));
        builder.nodes.push(json!({"op": "add", "in": order, "out": "sum", "act": "relu", "keep": bytes}));
        for (input, out) in [("sum", "y"), ("s2", "z")] {
            add_conv(&mut builder, input, out, &ConvShape::same(1, [20, 6]), 3);
            builder.output(out);
        }
        assert_right(&builder.file(), 48, 32, 9);
        assert_eq!(Model::parse(&builder.file()).unwrap().steps.len(), 5);
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
fn a_model_is_for_the_instructions_that_the_program_uses() {
    let model = Model::parse(&pyramid().file()).unwrap();
    assert_eq!(model.instruction_set(), Isa::chosen().name());
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
    assert!(matches!(Model::parse(b"SLNN0001"), Err(ModelError::Magic)));
    assert!(matches!(Model::parse(&file[..10]), Err(ModelError::HeaderLength { .. })));
    assert!(matches!(Model::parse(&file[..50]), Err(ModelError::HeaderLength { .. })));
    assert!(matches!(Model::parse(b"SLNN0002\xff\xff\xff\xff{}"), Err(ModelError::HeaderLength { .. })));
    assert!(matches!(Model::parse(b"SLNN0002\x02\x00\x00\x00{}"), Err(ModelError::Header(_))));
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
    assert!(matches!(refused(|h| h["nodes"][8]["in"] = json!(["s4", "side"])), ModelError::Channels { node: 8, .. }));
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
    let what = |error| if let ModelError::Kept { node, what } = error { (node, what) } else { panic!("{error}") };
    assert_eq!(what(refused(|h| h["nodes"][1]["act"] = json!("none"))).0, 1);
    assert_eq!(what(refused(|h| h["nodes"][1]["keep"] = json!({"bytes": 0.0}))), (1, "has an impossible peak"));
    assert_eq!(what(refused(|h| h["nodes"][5]["keep"] = json!({"words": -1e30}))), (5, "has an impossible peak"));
    assert_eq!(what(refused(|h| h["nodes"][1]["keep"] = Value::Null)).0, 2);
    assert_eq!(what(refused(|h| h["nodes"][5]["keep"] = Value::Null)).0, 8);
    assert_eq!(what(refused(|h| h["nodes"][3]["in"] = json!(["b", "x"]))).0, 3);
    assert_eq!(what(refused(|h| h["nodes"][6]["in"] = json!("x"))).0, 6);
    assert!(matches!(refused(|h| h["nodes"][1]["keep"] = json!({"nibbles": 1.0})), ModelError::Header(_)));
    assert!(matches!(refused(|h| h["outputs"] = json!(["s2"])), ModelError::OutputInSteps(_)));
    let many = vec![json!({"op": "upsample2", "in": "x", "out": "y"}); 2000];
    assert!(matches!(refused(|h| h["nodes"] = json!(many)), ModelError::TooManyNodes(2000)));

    let mut builder = pyramid();
    builder.weights[0] = f32::NAN;
    assert!(matches!(Model::parse(&builder.file()), Err(ModelError::NotFinite { node: 0 })));
}

#[test]
fn a_tower_of_enlargements_is_refused_before_it_is_built() {
    let mut builder = FileBuilder::new();
    let bytes = ConvShape { relu: true, keep: json!({"bytes": 1.0}), ..ConvShape::same(1, [1, 1]) };
    builder.conv("x", "t", &bytes, &[1.0], &[0.0]);
    for at in 0..60 {
        let input = if at == 0 { "t".to_owned() } else { format!("t{}", at - 1) };
        builder.nodes.push(json!({"op": "upsample2", "in": input, "out": format!("t{at}")}));
    }
    builder.conv("t59", "y", &ConvShape::same(1, [1, 1]), &[1.0], &[0.0]);
    builder.output("y");
    let mut session = Session::new(Arc::new(Model::parse(&builder.file()).unwrap()));
    assert!(matches!(session.run(&[0; 64], 8, 8), Err(RunError::TooLarge { .. })));
}

#[test]
fn sums_that_could_not_fit_are_refused() {
    let mut builder = FileBuilder::new();
    let wide = MOST_PRODUCTS / (32 * 32) + 1;
    let bytes = ConvShape { relu: true, keep: json!({"bytes": 1.0}), ..ConvShape::same(1, [1, wide]) };
    builder.conv("x", "t", &bytes, &vec![1.0; wide], &vec![0.0; wide]);
    let all = ConvShape { kernel: [32, 32], pad: [0; 4], ..ConvShape::same(1, [wide, 1]) };
    builder.conv("t", "y", &all, &vec![1.0; all.weights()], &[0.0]);
    builder.output("y");
    let error = Model::parse(&builder.file()).err();
    assert!(matches!(error, Some(ModelError::Dimension { node: 1, what: "number of products" })), "{error:?}");
}

//! Pictures and weight files made by hand.

use std::borrow::Cow;

use ab_glyph::{FontRef, PxScale};
use image::{GrayImage, Luma};
use imageproc::drawing::{draw_filled_rect_mut, draw_text_mut, text_size};
use serde_json::{Value, json};

use crate::frame::{GrayPlane, LumaSource};
use crate::geometry::{PixelRect, Rect, Size};
use crate::nn::testing::{ConvShape, FileBuilder};

/// A picture of luma, reduced as [`LumaSource`] says.
pub struct Picture(pub GrayPlane);

impl Picture {
    /// Every pixel of the luma `value`.
    pub fn flat(size: Size, value: u8) -> Self {
        Self(GrayPlane { size, data: vec![value; size.pixels() as usize] })
    }

    /// Something different everywhere.
    pub fn gradient(size: Size) -> Self {
        let data = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x * 3 + y * 7) as u8)).collect();
        Self(GrayPlane { size, data })
    }

    /// Fills `area` with `value`.
    pub fn fill(&mut self, area: PixelRect, value: u8) {
        for y in area.y..area.bottom() {
            let at = (y * self.0.size.width + area.x) as usize;
            self.0.data[at..at + area.w as usize].fill(value);
        }
    }
}

impl LumaSource for Picture {
    fn size(&self) -> Size {
        self.0.size
    }

    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
        if denominator == 1 {
            return Cow::Borrowed(&self.0);
        }
        let size = Size::new(self.0.size.width.div_ceil(denominator), self.0.size.height.div_ceil(denominator));
        let mean = |x: u32, y: u32| {
            let (mut sum, mut count) = (0, 0);
            for y in y * denominator..((y + 1) * denominator).min(self.0.size.height) {
                for x in x * denominator..((x + 1) * denominator).min(self.0.size.width) {
                    sum += u32::from(self.0.data[(y * self.0.size.width + x) as usize]);
                    count += 1;
                }
            }
            ((sum + count / 2) / count) as u8
        };
        let data = (0..size.height).flat_map(|y| (0..size.width).map(move |x| mean(x, y))).collect();
        Cow::Owned(GrayPlane { size, data })
    }

    fn crop(&self, area: PixelRect) -> GrayPlane {
        let data = (area.y..area.bottom())
            .flat_map(|y| {
                let at = (y * self.0.size.width + area.x) as usize;
                self.0.data[at..at + area.w as usize].iter().copied()
            })
            .collect();
        GrayPlane { size: Size::new(area.w, area.h), data }
    }
}

/// A detector that takes every bright cell of 4 × 4 grid pixels for a plate of 16 × 8 grid pixels around it.
pub fn detector() -> FileBuilder {
    let mut builder = FileBuilder::new();
    let cell =
        ConvShape { kernel: [4, 4], stride: [4, 4], pad: [0; 4], channels: [1, 6], relu: false, keep: Value::Null };
    // Luma is −1 to 1 at the input. The plate's logit is 8·mean − 4: 4 for white, −12 for black.
    let weights: Vec<f32> = (0..16).flat_map(|_| [0.5, 0.0, 0.0, 0.0, 0.0, 0.0]).collect();
    let raw = |pixels: f32| (pixels / 4.0).ln();
    builder.conv("x", "heads", &cell, &weights, &[-4.0, -20.0, raw(8.0), raw(4.0), raw(8.0), raw(4.0)]);
    builder.output("heads");
    builder.meta = json!({
        "classes": ["plate", "face"], "stride": 4, "raw_min": -4.0, "raw_max": 6.0,
        "grid": {"most": 1024, "least": 640, "multiple": 32, "pad_value": 114},
        "propose": {"plate": 0.3, "face": 0.3},
        "threshold": {"redact": {"plate": 0.3, "face": 0.3}, "read": 0.4},
        "nms_iou": 0.5, "refined_iou": 0.5, "max_candidates": 256,
        "margin": {"plate": [0.1, 0.2, 0.1, 0.2], "face": [0.2, 0.2, 0.2, 0.2]},
    });
    builder
}

/// A refiner that finds every candidate's box to be right, and has no opinion.
pub fn refiner(kind: &str) -> FileBuilder {
    let mut builder = FileBuilder::new();
    builder.normalise = json!({"normalise": "standard", "floor": 4.0});
    let whole =
        ConvShape { kernel: [8, 8], stride: [8, 8], pad: [0; 4], channels: [1, 5], relu: false, keep: Value::Null };
    builder.conv("x", "edges", &whole, &[0.0; 320], &[0.0, 0.25, 0.25, 0.75, 0.75]);
    builder.output("edges");
    builder.meta = json!({"kind": kind, "size": [8, 8], "grow": [0.5, 0.5], "fuse": [1.0, 1.0, 0.0]});
    builder
}

/// A reader of one line of four cells, each `B` when brighter than the crop's mean and `A` when darker.
pub fn reader() -> FileBuilder {
    let mut builder = FileBuilder::new();
    builder.normalise = json!({"normalise": "standard", "floor": 4.0});
    let cell =
        ConvShape { kernel: [16, 8], stride: [16, 8], pad: [0; 4], channels: [1, 3], relu: false, keep: Value::Null };
    let weights: Vec<f32> = (0..128).flat_map(|_| [0.0, -8.0 / 128.0, 8.0 / 128.0]).collect();
    builder.conv("x", "symbols", &cell, &weights, &[0.0; 3]);
    builder.output("symbols");
    builder.meta = json!({
        "size": [16, 32], "grow": [0.0, 0.0], "rows": 1, "blank": 0, "alphabet": "AB", "min_probability": 0.2,
    });
    builder
}

/// A picture of stripes across with `text` in it, and where that lies.
pub fn with_text(text: &str, x: i32, y: i32, height: f32, box_behind: bool) -> (Picture, Rect) {
    let size = Size::new(1280, 720);
    let mut canvas =
        GrayImage::from_fn(size.width, size.height, |x, y| Luma([(90 + (x / 40 + y / 60) % 2 * 20) as u8]));
    let font = FontRef::try_from_slice(dejavu::sans::bold()).expect("a font");
    let scale = PxScale::from(height);
    let (width, high) = text_size(scale, &font, text);
    if box_behind {
        let behind = imageproc::rect::Rect::at(x - 3, y - 3).of_size(width + 6, high + 8);
        draw_filled_rect_mut(&mut canvas, behind, Luma([0]));
    }
    draw_text_mut(&mut canvas, Luma([250]), x, y, scale, &font, text);
    let area = Rect::new(x as f32, y as f32, width as f32, high as f32);
    (Picture(GrayPlane { size, data: canvas.into_raw() }), area)
}

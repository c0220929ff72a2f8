//! The report's pictures: photographs made small, the same detail from two sources, and bytes drawn as pixels.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, ImageFormat};

use super::page::Illustration;
use crate::frame::{Frame, JpegCoding, Limits, Pixels, Sampling, Sequence};
use crate::geometry::{Rect, Size};
use crate::jpeg;

/// Width of a photograph in the page: twice its width on a wide screen would only make the file large.
const PHOTOGRAPH_WIDTH: u32 = 880;

/// Width and height of a detail.
const CLOSEUP: (u32, u32) = (440, 270);

/// Longest sides of a print on a contact sheet.
const PRINT: (u32, u32) = (400, 400);

/// Bytes drawn across and down; each is one grey pixel.
const BYTES: (u32, u32) = (176, 99);

/// The same detail of a picture from two sources.
pub struct Closeup {
    /// As the blurring tool shows it.
    pub blurred: Illustration,
    /// As the thumbnail that it left in shows it.
    pub recovered: Illustration,
}

/// A photograph, decoded, made small and encoded anew, so that the page carries no metadata; `None` when it does not
/// decode.
pub fn photograph(file: &[u8]) -> Option<Illustration> {
    let picture = image::load_from_memory(file).ok()?;
    let width = picture.width().min(PHOTOGRAPH_WIDTH);
    let height = (u64::from(picture.height()) * u64::from(width) / u64::from(picture.width().max(1))).max(1) as u32;
    jpeg(&picture.resize_exact(width, height, FilterType::CatmullRom))
}

/// A picture as it is seen, made small for a contact sheet; `None` when it does not decode.
pub(super) fn small(file: &[u8], way: image::metadata::Orientation) -> Option<Illustration> {
    let picture = image::load_from_memory(file).ok().or_else(|| first_of(file))?;
    let (width, height) = PRINT;
    let mut picture =
        if picture.width() > width || picture.height() > height { picture.thumbnail(width, height) } else { picture };
    picture.apply_orientation(way);
    jpeg(&picture)
}

/// The first picture of a file of a format that `image` does not read here, or that has several.
fn first_of(file: &[u8]) -> Option<DynamicImage> {
    let limits = Limits::default();
    let Some(mut pictures) = Sequence::open(file, &limits).ok()? else {
        return Some(Frame::decode(file, &limits).ok()?.into_image(file).ok()?.image);
    };
    let shot = pictures.next().ok()??;
    let picture = pictures.frame(shot).ok()?.into_picture(file).ok()?;
    Some(DynamicImage::ImageRgb8(picture.into_rgb()))
}

/// The surroundings of `region` (in pixels of `blurred`) in a blurred picture and in its thumbnail.
pub fn closeup(blurred: &[u8], thumbnail: &[u8], region: Rect) -> Option<Closeup> {
    let blurred = image::load_from_memory(blurred).ok()?;
    let thumbnail = image::load_from_memory(thumbnail).ok()?;
    let view = view_of(region, blurred.width() as f32, blurred.height() as f32);
    let shrink = thumbnail.width() as f32 / blurred.width() as f32;
    Some(Closeup { blurred: detail(&blurred, view)?, recovered: detail(&thumbnail, view.scaled(shrink))? })
}

/// The surroundings of `region` in one picture.
pub fn detail_of(file: &[u8], region: Rect) -> Option<Illustration> {
    let picture = image::load_from_memory(file).ok()?;
    detail(&picture, view_of(region, picture.width() as f32, picture.height() as f32))
}

/// How much there is to see in `region`: standard deviation of its luma, 0 to 127.5.
pub fn contrast(picture: &GrayImage, region: Rect) -> f32 {
    let Some(area) = region.pixels(Size::new(picture.width(), picture.height())) else { return 0.0 };
    let crop = image::imageops::crop_imm(picture, area.x, area.y, area.w, area.h);
    let pixels = crop.to_image().into_raw();
    let count = pixels.len() as f32;
    let mean = pixels.iter().map(|&p| f32::from(p)).sum::<f32>() / count;
    (pixels.iter().map(|&p| (f32::from(p) - mean).powi(2)).sum::<f32>() / count).sqrt()
}

/// `bytes` as grey pixels, rows top down; fewer than fill the picture leave the rest black.
pub fn bytes_as_picture(bytes: &[u8]) -> Option<Illustration> {
    let (width, height) = BYTES;
    let mut pixels = bytes.to_vec();
    pixels.resize((width * height) as usize, 0);
    let mut file = Cursor::new(Vec::new());
    GrayImage::from_raw(width, height, pixels)?.write_to(&mut file, ImageFormat::Png).ok()?;
    Some(Illustration { media_type: "image/png", file: file.into_inner(), width, height })
}

/// Bytes that [`bytes_as_picture`] can show.
pub const fn visible_bytes() -> u64 {
    BYTES.0 as u64 * BYTES.1 as u64
}

/// A view of a detail's proportions around `region`, inside the picture, with room around it.
fn view_of(region: Rect, width: f32, height: f32) -> Rect {
    let aspect = CLOSEUP.0 as f32 / CLOSEUP.1 as f32;
    let w = (region.w * 1.7).max(region.h * 1.7 * aspect).min(width).min(height * aspect);
    let h = w / aspect;
    let (cx, cy) = region.center();
    Rect::new((cx - w / 2.0).clamp(0.0, (width - w).max(0.0)), (cy - h / 2.0).clamp(0.0, (height - h).max(0.0)), w, h)
}

fn detail(picture: &DynamicImage, view: Rect) -> Option<Illustration> {
    let (w, h) = (view.w.round().max(1.0) as u32, view.h.round().max(1.0) as u32);
    let crop = picture.crop_imm(view.x.round() as u32, view.y.round() as u32, w, h);
    jpeg(&crop.resize_exact(CLOSEUP.0, CLOSEUP.1, FilterType::CatmullRom))
}

fn jpeg(picture: &DynamicImage) -> Option<Illustration> {
    let picture = picture.to_rgb8();
    let (width, height) = picture.dimensions();
    if !(1..=Limits::MAX_SIDE).contains(&width) || !(1..=Limits::MAX_SIDE).contains(&height) {
        return None;
    }
    let coding = JpegCoding::of_quality(82, Sampling { horizontal: 2, vertical: 2 });
    let file = jpeg::encode(Size::new(width, height), &Pixels::Rgb(picture.into_raw()), &coding, &[]);
    Some(Illustration { media_type: "image/jpeg", file, width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_stays_inside_and_keeps_its_proportions() {
        for region in
            [Rect::new(0.0, 0.0, 30.0, 20.0), Rect::new(1200.0, 700.0, 80.0, 20.0), Rect::new(0.0, 0.0, 1280.0, 720.0)]
        {
            let view = view_of(region, 1280.0, 720.0);
            assert!(view.x >= 0.0 && view.y >= 0.0 && view.right() <= 1280.01 && view.bottom() <= 720.01);
            assert!((view.w / view.h - CLOSEUP.0 as f32 / CLOSEUP.1 as f32).abs() < 1e-3);
        }
    }

    #[test]
    fn bytes_become_pixels_in_order() {
        let bytes: Vec<u8> = (0..visible_bytes()).map(|i| (i % 251) as u8).collect();
        let shown = bytes_as_picture(&bytes).expect("encodes");
        let back = image::load_from_memory(&shown.file).expect("decodes").to_luma8();
        assert_eq!(back.into_raw(), bytes);
    }
}

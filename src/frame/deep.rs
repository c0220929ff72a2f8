//! Pictures of sixteen bits a sample that use a small part of their range, as cameras of ten bits write them.
//!
//! Owns the luma that the eyes see of them. The picture itself stays as it is: whoever shows it may well stretch it, too.

use image::DynamicImage;

use super::range;

/// A picture that uses less than one part in this many of what sixteen bits can hold is stretched.
const SMALL: usize = 4;

/// The luma of `picture`, stretched from its own range to eight bits; `None` when the picture has no more than eight bits, or
/// uses enough of its sixteen.
pub(super) fn stretched(picture: &DynamicImage) -> Option<Vec<u8>> {
    match picture {
        DynamicImage::ImageLuma16(image) => of(image.as_raw(), |&[luma]: &[u16; 1]| luma),
        DynamicImage::ImageLumaA16(image) => of(image.as_raw(), |&[luma, _]: &[u16; 2]| luma),
        DynamicImage::ImageRgb16(image) => of(image.as_raw(), |rgb: &[u16; 3]| luma(rgb)),
        DynamicImage::ImageRgba16(image) => of(image.as_raw(), |[r, g, b, _]: &[u16; 4]| luma(&[*r, *g, *b])),
        _ => None,
    }
}

/// JPEG's luma (BT.601, full range) in 1/65536.
fn luma(rgb: &[u16; 3]) -> u16 {
    let [r, g, b] = rgb.map(u32::from);
    ((19_595 * r + 38_470 * g + 7_471 * b) >> 16) as u16
}

fn of<const N: usize>(samples: &[u16], luma: impl Fn(&[u16; N]) -> u16) -> Option<Vec<u8>> {
    let (pixels, _) = samples.as_chunks::<N>();
    let mut counts = vec![0u32; 1 << 16];
    // Every seventh tells as much.
    pixels.iter().step_by(7).for_each(|pixel| counts[usize::from(luma(pixel))] += 1);
    // A few dead or hot pixels are no range.
    let few = counts.iter().sum::<u32>() / 1000;
    let beyond = |seen: &mut u32, count: u32| {
        *seen += count;
        *seen > few
    };
    let (mut below, mut above) = (0, 0);
    let mut dark = counts.iter().position(|count| beyond(&mut below, *count))?;
    let mut bright = counts.iter().rposition(|count| beyond(&mut above, *count))?;
    let small = counts.len() / SMALL;
    if bright - dark >= small {
        // A caption of full brightness is no part of what the camera saw.
        (dark, bright) = range::body(&counts, small / 2)?;
    }
    if bright.saturating_sub(dark) >= small || bright <= dark {
        return None;
    }
    let eight = |pixel: &[u16; N]| {
        let above = usize::from(luma(pixel)).saturating_sub(dark);
        (above * 255 / (bright - dark)).min(255) as u8
    };
    Some(pixels.iter().map(eight).collect())
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Luma, Rgb};

    use super::*;

    #[test]
    fn a_small_range_is_stretched_and_a_large_one_left() {
        let ramp = |most: u32| ImageBuffer::from_fn(256, 16, |x, _| Luma([(x * most / 255) as u16]));
        let luma = stretched(&DynamicImage::ImageLuma16(ramp(1023))).expect("ten bits");
        assert!(luma[..256].is_sorted() && luma[0] == 0 && luma[255] == 255);
        assert!(luma[..256].windows(2).all(|pair| pair[1] - pair[0] <= 2));
        assert!(stretched(&DynamicImage::ImageLuma16(ramp(65_535))).is_none());
        let flat = ImageBuffer::from_pixel(9, 9, Luma([700u16]));
        assert!(stretched(&DynamicImage::ImageLuma16(flat)).is_none());
    }

    #[test]
    fn hot_pixels_make_no_range() {
        let mut image = ImageBuffer::from_fn(256, 256, |x, _| Rgb([x as u16; 3]));
        image.put_pixel(0, 0, Rgb([65_535; 3]));
        let luma = stretched(&DynamicImage::ImageRgb16(image)).expect("eight bits in sixteen");
        assert!(luma[255] >= 250 && luma[1] <= 2);
    }

    #[test]
    fn a_caption_of_full_brightness_makes_no_range() {
        let image = ImageBuffer::from_fn(256, 100, |x, y| {
            // A bar and a block, 4 % of the picture.
            Luma([if y < 2 || (y > 90 && x < 50) { 65_535 } else { (x * 4) as u16 }])
        });
        let luma = stretched(&DynamicImage::ImageLuma16(image)).expect("ten bits");
        let row = &luma[50 * 256..51 * 256];
        assert!(row.is_sorted() && row[3] <= 4 && row[252] >= 250, "{} {}", row[3], row[252]);
        assert_eq!(luma[0], 255);
        // A picture in the picture is more than a caption: it has all values.
        let inset = ImageBuffer::from_fn(256, 100, |x, y| Luma([if y < 20 { x * 257 } else { x * 4 } as u16]));
        assert!(stretched(&DynamicImage::ImageLuma16(inset)).is_none());
    }

    #[test]
    fn eight_bits_are_left_alone() {
        assert!(stretched(&DynamicImage::ImageLuma8(image::GrayImage::new(4, 4))).is_none());
    }
}

//! Pictures of sixteen bits a sample that use a small part of their range, as cameras of ten bits write them.
//!
//! Owns the luma that the eyes see of them. The picture itself stays as it is: whoever shows it may well stretch it, too.

use image::DynamicImage;

use super::range;

/// A picture that uses less of what sixteen bits can hold is stretched: everywhere, or in most places.
const SMALL: u16 = 1 << 14;

/// Luma that was stretched from its own range to eight bits.
pub(super) enum Stretched {
    /// The range is that of the picture.
    All(Vec<u8>),
    /// It is that of the picture in most places, and beyond it lies what stands in others.
    Most(Vec<u8>),
}

/// The luma of `picture`, stretched; `None` when the picture has no more than eight bits, or uses enough of its sixteen.
pub(super) fn stretched(picture: &DynamicImage) -> Option<Stretched> {
    let width = picture.width() as usize;
    match picture {
        DynamicImage::ImageLuma16(image) => of(image.as_raw(), width, |&[luma]: &[u16; 1]| luma),
        DynamicImage::ImageLumaA16(image) => of(image.as_raw(), width, |&[luma, _]: &[u16; 2]| luma),
        DynamicImage::ImageRgb16(image) => of(image.as_raw(), width, |rgb: &[u16; 3]| luma(rgb)),
        DynamicImage::ImageRgba16(image) => of(image.as_raw(), width, |[r, g, b, _]: &[u16; 4]| luma(&[*r, *g, *b])),
        _ => None,
    }
}

/// JPEG's luma (BT.601, full range) in 1/65536.
fn luma(rgb: &[u16; 3]) -> u16 {
    let [r, g, b] = rgb.map(u32::from);
    ((19_595 * r + 38_470 * g + 7_471 * b) >> 16) as u16
}

fn of<const N: usize>(samples: &[u16], width: usize, luma: impl Fn(&[u16; N]) -> u16) -> Option<Stretched> {
    let (pixels, _) = samples.as_chunks::<N>();
    let eight_bits = |dark: usize, bright: usize| -> Vec<u8> {
        let eight = |pixel: &[u16; N]| {
            let above = usize::from(luma(pixel)).saturating_sub(dark);
            (above * 255 / (bright - dark)).min(255) as u8
        };
        pixels.iter().map(eight).collect()
    };
    if let Some((dark, bright)) = used(pixels.iter().map(&luma)) {
        return Some(Stretched::All(eight_bits(dark, bright)));
    }
    let height = pixels.len() / width.max(1);
    let rows = pixels.chunks_exact(width.max(1)).enumerate().step_by((height / range::ROWS).max(1));
    let rows: Vec<(usize, Vec<u16>)> = rows.map(|(y, row)| (y, row.iter().map(&luma).collect())).collect();
    let mut tiles = range::Tiles::new();
    rows.iter().for_each(|(y, row)| tiles.take(row, *y, height));
    let mut most = tiles.most(SMALL)?;
    rows.iter().for_each(|(_, row)| most.take(row));
    let (dark, bright) = most.range()?;
    Some(Stretched::Most(eight_bits(dark.into(), bright.into())))
}

/// The range that `values` use, where it is small.
fn used(values: impl Iterator<Item = u16>) -> Option<(usize, usize)> {
    let mut counts = vec![0u32; 1 << 16];
    // Every seventh tells as much.
    values.step_by(7).for_each(|value| counts[usize::from(value)] += 1);
    // A few dead or hot pixels are no range.
    let few = counts.iter().sum::<u32>() / 1000;
    let beyond = |seen: &mut u32, count: u32| {
        *seen += count;
        *seen > few
    };
    let (mut below, mut above) = (0, 0);
    let mut dark = counts.iter().position(|count| beyond(&mut below, *count))?;
    let mut bright = counts.iter().rposition(|count| beyond(&mut above, *count))?;
    let small = usize::from(SMALL);
    if bright - dark >= small {
        // A caption of full brightness is no part of what the camera saw.
        (dark, bright) = range::body(&counts, small / 2)?;
    }
    (dark < bright && bright - dark < small).then_some((dark, bright))
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Luma, Rgb};

    use super::*;

    /// The luma, where the range is that of all the picture.
    fn of_all(picture: DynamicImage) -> Option<Vec<u8>> {
        match stretched(&picture) {
            Some(Stretched::All(luma)) => Some(luma),
            _ => None,
        }
    }

    #[test]
    fn a_small_range_is_stretched_and_a_large_one_left() {
        let ramp = |most: u32| ImageBuffer::from_fn(256, 16, |x, _| Luma([(x * most / 255) as u16]));
        let luma = of_all(DynamicImage::ImageLuma16(ramp(1023))).expect("ten bits");
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
        let luma = of_all(DynamicImage::ImageRgb16(image)).expect("eight bits in sixteen");
        assert!(luma[255] >= 250 && luma[1] <= 2);
    }

    #[test]
    fn a_caption_of_full_brightness_makes_no_range() {
        let image = ImageBuffer::from_fn(256, 100, |x, y| {
            // A bar and a block, 4 % of the picture.
            Luma([if y < 2 || (y > 90 && x < 50) { 65_535 } else { (x * 4) as u16 }])
        });
        let luma = of_all(DynamicImage::ImageLuma16(image)).expect("ten bits");
        let row = &luma[50 * 256..51 * 256];
        assert!(row.is_sorted() && row[3] <= 4 && row[252] >= 250, "{} {}", row[3], row[252]);
        assert_eq!(luma[0], 255);
        // A picture in the picture is more than a caption: it has all values.
        let inset = ImageBuffer::from_fn(256, 100, |x, y| Luma([if y < 20 { x * 257 } else { x * 4 } as u16]));
        assert!(of_all(DynamicImage::ImageLuma16(inset)).is_none());
    }

    #[test]
    fn what_stands_beside_a_picture_of_small_range_is_seen_as_it_is() {
        let over = |rows: u32| {
            DynamicImage::ImageLuma16(ImageBuffer::from_fn(256, 96, |x, y| {
                Luma([if y < rows { x * 257 } else { x * 29 % 1000 } as u16])
            }))
        };
        let Some(Stretched::Most(luma)) = stretched(&over(20)) else { panic!("a bar of a fifth") };
        let picture = &luma[20 * 256..];
        let (least, most) = (picture.iter().min().unwrap(), picture.iter().max().unwrap());
        assert!(most - least > 160, "{least} to {most}");
        // No value of it is lost, and of the bar all that is brighter.
        let mut row: Vec<(usize, u8)> = (0..256).map(|x| (x * 29 % 1000, luma[30 * 256 + x])).collect();
        row.sort_unstable();
        assert!(row.is_sorted_by_key(|(_, value)| *value));
        assert!(luma[100..256].iter().all(|value| *value == 255));
        assert!(stretched(&over(60)).is_none());
    }

    #[test]
    fn eight_bits_are_left_alone() {
        assert!(stretched(&DynamicImage::ImageLuma8(image::GrayImage::new(4, 4))).is_none());
    }
}

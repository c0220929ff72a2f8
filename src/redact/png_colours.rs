//! What a PNG says of its colours without a profile: a gamma, primaries, code points.
//!
//! Owns which of these chunks a copy has: those whose numbers are such as the standard defines (PNG, third edition, 11.3.2), written
//! anew. Where there is a profile, that counts, and these do not.

use std::ops::RangeInclusive;

/// Where the first chunk of every PNG ends.
const HEADER: usize = 33;

/// The copy with the chunks of `original` that say how its samples are to be shown.
pub(super) fn carried(original: &[u8], copy: Vec<u8>) -> Vec<u8> {
    let chunks: Vec<u8> = told(original).into_iter().flat_map(|(name, body)| chunk(name, body)).collect();
    match copy.split_at_checked(HEADER) {
        Some((header, rest)) if !chunks.is_empty() => [header, &chunks, rest].concat(),
        _ => copy,
    }
}

/// Name and body.
type Chunk<'f> = (&'f [u8], &'f [u8]);

fn told(original: &[u8]) -> Vec<Chunk<'_>> {
    let mut found: Vec<Chunk<'_>> = Vec::new();
    let mut rest = original.get(8..).unwrap_or_default();
    while let Some((head, behind)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let name = &head[4..];
        let (Some(body), Some(next)) =
            (behind.get(..length), length.checked_add(4).and_then(|after| behind.get(after..)))
        else {
            break;
        };
        match name {
            // What counts instead, and what they must precede.
            b"iCCP" => return Vec::new(),
            b"IDAT" => break,
            _ if is_of_colours(name, body) && !found.iter().any(|(other, _)| *other == name) => {
                found.push((name, body))
            }
            _ => {}
        }
        rest = next;
    }
    found
}

fn is_of_colours(name: &[u8], body: &[u8]) -> bool {
    /// From a gamma of a tenth to one of ten, in hundred thousandths.
    const GAMMAS: RangeInclusive<u32> = 10_000..=1_000_000;
    /// A coordinate of a colour that there is.
    const MOST: u32 = 100_000;
    let (longs, bytes_over) = body.as_chunks::<4>();
    let mut longs = longs.iter().map(|long| u32::from_be_bytes(*long));
    match (name, body) {
        (b"gAMA", [_, _, _, _]) => longs.all(|gamma| GAMMAS.contains(&gamma)),
        (b"cHRM", _) => body.len() == 32 && bytes_over.is_empty() && longs.all(|coordinate| coordinate <= MOST),
        (b"sRGB", [intent]) => *intent <= 3,
        // ITU-T H.273: primaries, transfer, no matrix, the full range or not.
        (b"cICP", [primaries, transfer, 0, range]) => {
            matches!(primaries, 1 | 4..=12 | 22) && matches!(transfer, 1 | 4..=18) && *range <= 1
        }
        _ => false,
    }
}

fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
    let named = [name, body].concat();
    [&(body.len() as u32).to_be_bytes(), &named[..], &crc32fast::hash(&named).to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::png;

    fn of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let header = [0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0];
        png(&[&[(b"IHDR", &header[..])], chunks, &[(b"IDAT", &[][..]), (b"IEND", &[])]].concat())
    }

    #[test]
    fn numbers_that_the_standard_defines_are_carried_and_no_others() {
        let gamma = 45_455u32.to_be_bytes();
        let primaries: Vec<u8> = [31_270u32, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000]
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .collect();
        let good: [(&[u8; 4], &[u8]); 4] =
            [(b"gAMA", &gamma), (b"cHRM", &primaries), (b"sRGB", &[0]), (b"cICP", &[9, 16, 0, 1])];
        let plain = of(&[]);
        assert_eq!(carried(&of(&good), plain.clone()), of(&good));
        for wrong in [
            (b"gAMA", &b"AB12"[..]),
            (b"gAMA", &[0, 0, 0, 0]),
            (b"gAMA", b"AB123"),
            (b"cHRM", b"ABCD1234ABCD1234ABCD1234ABCD1234"),
            (b"cHRM", &primaries[..28]),
            (b"sRGB", b"A"),
            (b"cICP", b"AB12"),
            (b"tEXt", b"gAMA"),
        ] {
            assert_eq!(carried(&of(&[wrong]), plain.clone()), plain, "{wrong:?}");
        }
        // Once, before the picture, and where there is no profile.
        assert_eq!(carried(&of(&[good[0], good[0]]), plain.clone()), of(&good[..1]));
        assert_eq!(carried(&of(&[good[0], (b"iCCP", b"x\0\0y")]), plain.clone()), plain);
        let late = png(&[(b"IDAT", &[]), (b"gAMA", &gamma), (b"IEND", &[])]);
        assert_eq!(carried(&late, plain.clone()), plain);
        for length in 0..of(&good).len() {
            carried(&of(&good)[..length], plain.clone());
        }
    }
}

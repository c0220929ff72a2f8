//! A camera's metadata: a small TIFF in an APP1 segment, with make, time, place and thumbnail.

use super::encode::Exif;

/// Where a camera hangs, in degrees.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// North is positive.
    pub latitude: f64,
    /// East is positive.
    pub longitude: f64,
}

/// A field of a TIFF directory.
enum Value {
    Text(String),
    Short(u16),
    Long(u32),
    Bytes(Vec<u8>),
    Rationals(Vec<(u32, u32)>),
}

impl Value {
    fn kind(&self) -> u16 {
        match self {
            Self::Bytes(_) => 1,
            Self::Text(_) => 2,
            Self::Short(_) => 3,
            Self::Long(_) => 4,
            Self::Rationals(_) => 5,
        }
    }

    fn encoded(&self) -> (u32, Vec<u8>) {
        match self {
            Self::Bytes(b) => (b.len() as u32, b.clone()),
            Self::Text(t) => {
                let mut bytes = t.as_bytes().to_vec();
                bytes.push(0);
                (bytes.len() as u32, bytes)
            }
            Self::Short(v) => (1, v.to_be_bytes().to_vec()),
            Self::Long(v) => (1, v.to_be_bytes().to_vec()),
            Self::Rationals(r) => {
                (r.len() as u32, r.iter().flat_map(|(n, d)| [n.to_be_bytes(), d.to_be_bytes()]).flatten().collect())
            }
        }
    }
}

/// The segment's content, from `Exif\0\0` on.
pub fn segment(notes: &Exif, thumbnail: &[u8]) -> Vec<u8> {
    let mut tiff = b"MM\x00\x2a\x00\x00\x00\x08".to_vec();
    let camera = vec![
        (0x9003u16, Value::Text(notes.taken.clone())),
        (0x829a, Value::Rationals(vec![(1, 250)])),
        (0x8827, Value::Short(400)),
    ];
    let place = notes.position.map(gps);
    // Sizes are known before offsets: lay the parts out first.
    let head = |camera_at: u32, place_at: Option<u32>| {
        let mut fields = vec![
            (0x010f, Value::Text("Lanewatch".into())),
            (0x0110, Value::Text("LW-720".into())),
            (0x0112, Value::Short(1)),
            (0x0132, Value::Text(notes.taken.clone())),
            (0x8769, Value::Long(camera_at)),
        ];
        if let Some(at) = place_at {
            fields.push((0x8825, Value::Long(at)));
        }
        fields
    };
    let camera_at = 8 + directory_size(&head(0, place.as_ref().map(|_| 0)));
    let place_at = camera_at + directory_size(&camera);
    let next = place_at + place.as_ref().map_or(0, |p| directory_size(p));
    write_directory(&mut tiff, &head(camera_at, place.as_ref().map(|_| place_at)), next);
    write_directory(&mut tiff, &camera, 0);
    if let Some(fields) = &place {
        write_directory(&mut tiff, fields, 0);
    }
    let small = |at: u32| {
        vec![(0x0103u16, Value::Short(6)), (0x0201, Value::Long(at)), (0x0202, Value::Long(thumbnail.len() as u32))]
    };
    let at = next + directory_size(&small(0));
    write_directory(&mut tiff, &small(at), 0);
    tiff.extend_from_slice(thumbnail);
    [b"Exif\0\0".as_slice(), &tiff].concat()
}

fn gps(position: Position) -> Vec<(u16, Value)> {
    let angle = |degrees: f64| {
        let d = degrees.abs();
        let minutes = (d.fract()) * 60.0;
        Value::Rationals(vec![(d as u32, 1), (minutes as u32, 1), ((minutes.fract() * 60_000.0) as u32, 1000)])
    };
    let side = |v: f64, positive: &str, negative: &str| Value::Text(if v < 0.0 { negative } else { positive }.into());
    vec![
        (0, Value::Bytes(vec![2, 3, 0, 0])),
        (1, side(position.latitude, "N", "S")),
        (2, angle(position.latitude)),
        (3, side(position.longitude, "E", "W")),
        (4, angle(position.longitude)),
    ]
}

fn directory_size(fields: &[(u16, Value)]) -> u32 {
    let spilled: usize = fields.iter().map(|(_, v)| v.encoded().1.len()).filter(|&n| n > 4).map(|n| n + n % 2).sum();
    (2 + 12 * fields.len() + 4 + spilled) as u32
}

fn write_directory(tiff: &mut Vec<u8>, fields: &[(u16, Value)], next: u32) {
    let start = tiff.len() as u32;
    let mut spill_at = start + 2 + 12 * fields.len() as u32 + 4;
    let mut spill = Vec::new();
    tiff.extend((fields.len() as u16).to_be_bytes());
    for (tag, value) in fields {
        let (count, mut bytes) = value.encoded();
        tiff.extend(tag.to_be_bytes());
        tiff.extend(value.kind().to_be_bytes());
        tiff.extend(count.to_be_bytes());
        if bytes.len() > 4 {
            tiff.extend(spill_at.to_be_bytes());
            bytes.resize(bytes.len() + bytes.len() % 2, 0);
            spill_at += bytes.len() as u32;
            spill.extend(bytes);
        } else {
            bytes.resize(4, 0);
            tiff.extend(bytes);
        }
    }
    tiff.extend(next.to_be_bytes());
    tiff.extend(spill);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the directory at `at`: (tag, count, value or offset) of each field, and the next directory's offset.
    fn read(tiff: &[u8], at: usize) -> (Vec<(u16, u32, u32)>, usize) {
        let short = |i: usize| u16::from_be_bytes([tiff[i], tiff[i + 1]]);
        let long = |i: usize| u32::from_be_bytes([tiff[i], tiff[i + 1], tiff[i + 2], tiff[i + 3]]);
        let n = usize::from(short(at));
        let fields = (0..n).map(|i| at + 2 + 12 * i).map(|i| (short(i), long(i + 4), long(i + 8))).collect();
        (fields, long(at + 2 + 12 * n) as usize)
    }

    #[test]
    fn thumbnail_and_place_are_where_the_directories_say() {
        let notes =
            Exif { taken: "2019:04:01 12:00:00".into(), position: Some(Position { latitude: 26.1, longitude: -98.3 }) };
        let bytes = segment(&notes, b"\xff\xd8thumbnail\xff\xd9");
        let tiff = bytes.strip_prefix(b"Exif\0\0").expect("marked");
        let (first, next) = read(tiff, 8);
        let gps = first.iter().find(|f| f.0 == 0x8825).expect("a place").2 as usize;
        assert_eq!(read(tiff, gps).0.len(), 5);
        let camera = first.iter().find(|f| f.0 == 0x8769).expect("a camera").2 as usize;
        let taken = read(tiff, camera).0[0];
        assert_eq!(&tiff[taken.2 as usize..][..taken.1 as usize], b"2019:04:01 12:00:00\0");
        let (second, _) = read(tiff, next);
        assert_eq!(&tiff[second[1].2 as usize..][..second[2].2 as usize], b"\xff\xd8thumbnail\xff\xd9");
    }
}

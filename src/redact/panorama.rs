//! What a copy keeps of a panorama's own words, when it is asked to: how the picture lies on the sphere, written anew.
//!
//! Owns the fields of the GPano namespace that a viewer needs, and which values they may have: numbers, yes and no, and the names
//! of projections. No text gets through, and nothing else of a packet. Knows nothing of pixels.
//!
//! A packet is not parsed as XML. Its prefix for the namespace is looked for, then each field by name, as an attribute or as an
//! element; a value is read as what it must be, and written from that.

use std::fmt::Write;

use memchr::memmem;

/// What precedes a packet in a JPEG's segment.
pub const SIGNATURE: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

const NAMESPACE: &str = "http://ns.google.com/photos/1.0/panorama/";

/// Longest prefix and value that are looked at: `GPano`, and a number.
const LONGEST: usize = 40;
/// Most places of a name that are looked at.
const MOST_PLACES: usize = 8;

/// Projections that viewers know.
const PROJECTIONS: [&str; 3] = ["equirectangular", "cylindrical", "cubemap"];

#[derive(Clone, Copy)]
enum Kind {
    Projection,
    YesNo,
    /// Pixels and counts.
    Whole,
    /// Degrees.
    Number,
}

/// All fields but programs' names and dates (Photo Sphere XMP Metadata, "GPano").
const FIELDS: [(&str, Kind); 18] = [
    ("ProjectionType", Kind::Projection),
    ("UsePanoramaViewer", Kind::YesNo),
    ("ExposureLockUsed", Kind::YesNo),
    ("SourcePhotosCount", Kind::Whole),
    ("PoseHeadingDegrees", Kind::Number),
    ("PosePitchDegrees", Kind::Number),
    ("PoseRollDegrees", Kind::Number),
    ("InitialViewHeadingDegrees", Kind::Number),
    ("InitialViewPitchDegrees", Kind::Number),
    ("InitialViewRollDegrees", Kind::Number),
    ("InitialHorizontalFOVDegrees", Kind::Number),
    ("InitialVerticalFOVDegrees", Kind::Number),
    ("CroppedAreaImageWidthPixels", Kind::Whole),
    ("CroppedAreaImageHeightPixels", Kind::Whole),
    ("FullPanoWidthPixels", Kind::Whole),
    ("FullPanoHeightPixels", Kind::Whole),
    ("CroppedAreaLeftPixels", Kind::Whole),
    ("CroppedAreaTopPixels", Kind::Whole),
];

/// The packet with nothing in it but the fields that say how the picture of `packet` lies on the sphere. `None` where it names no
/// projection: then it is no panorama.
pub fn anew(packet: &[u8]) -> Option<Vec<u8>> {
    let prefix = prefix(packet)?;
    let values = FIELDS.map(|(name, kind)| value(packet, prefix, name, kind));
    values[0].as_ref()?;
    let mut written = String::from(
        "<?xpacket begin=\"\u{FEFF}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
         <rdf:Description rdf:about=\"\" xmlns:GPano=\"",
    );
    written.push_str(NAMESPACE);
    written.push('"');
    for ((name, _), value) in FIELDS.iter().zip(&values) {
        if let Some(value) = value {
            // Writing to a string does not fail.
            let _ = write!(written, " GPano:{name}=\"{value}\"");
        }
    }
    written.push_str("/></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>");
    Some(written.into_bytes())
}

/// What the packet calls the namespace: the name between `xmlns:` and `="`, before the namespace itself.
fn prefix(packet: &[u8]) -> Option<&[u8]> {
    let at = memmem::find(packet, NAMESPACE.as_bytes())?;
    let before = packet[at.saturating_sub(LONGEST)..at].strip_suffix(b"\"").or(packet[..at].strip_suffix(b"'"))?;
    let before = before.trim_ascii_end().strip_suffix(b"=")?.trim_ascii_end();
    let name = before.rsplit(|byte| *byte == b':').next()?;
    let declared = before.strip_suffix(name)?.ends_with(b"xmlns:");
    (declared && !name.is_empty() && name.iter().all(u8::is_ascii_alphanumeric)).then_some(name)
}

/// What stands for `prefix:name`, read as `kind` and as it is to be written.
fn value(packet: &[u8], prefix: &[u8], name: &str, kind: Kind) -> Option<String> {
    let wanted = [prefix, b":", name.as_bytes()].concat();
    memmem::find_iter(packet, &wanted).take(MOST_PLACES).find_map(|at| {
        let after = packet[at + wanted.len()..].trim_ascii_start();
        let (end, value) = match after {
            [b'>', value @ ..] if packet[..at].ends_with(b"<") => (b'<', value),
            [b'=', value @ ..] if packet[..at].last().is_some_and(u8::is_ascii_whitespace) => {
                let value = value.trim_ascii_start();
                let (&quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
                (quote, value)
            }
            _ => return None,
        };
        let value = &value[..value.iter().take(LONGEST).position(|byte| *byte == end)?];
        read(str::from_utf8(value).ok()?.trim(), kind)
    })
}

fn read(value: &str, kind: Kind) -> Option<String> {
    match kind {
        Kind::Projection => {
            PROJECTIONS.iter().find(|known| known.eq_ignore_ascii_case(value)).map(|&known| known.to_owned())
        }
        Kind::YesNo => match value {
            "True" | "true" => Some("True".to_owned()),
            "False" | "false" => Some("False".to_owned()),
            _ => None,
        },
        Kind::Whole => value.parse::<u32>().ok().map(|number| number.to_string()),
        // Whatever more there is to a number, degrees to a millionth are enough.
        Kind::Number => {
            let number: f64 = value.parse().ok()?;
            (number.abs() <= 36_000.0).then(|| format!("{}", (number * 1e6).round() / 1e6))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACKET: &str = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF><rdf:Description \
        xmlns:GPano=\"http://ns.google.com/photos/1.0/panorama/\" xmlns:dc='x' dc:creator='Jane Roe' \
        GPano:ProjectionType=\"equirectangular\" GPano:UsePanoramaViewer='True' GPano:StitchingSoftware='Jane Roe 2'>\
        <GPano:PoseHeadingDegrees> 122.50 </GPano:PoseHeadingDegrees><GPano:FullPanoWidthPixels>8000</GPano:FullPanoWidthPixels>\
        <GPano:CroppedAreaTopPixels>Jane Roe</GPano:CroppedAreaTopPixels></rdf:Description></rdf:RDF></x:xmpmeta>";

    fn text(packet: &str) -> Option<String> {
        anew(packet.as_bytes()).map(|written| String::from_utf8(written).expect("text"))
    }

    #[test]
    fn fields_are_kept_and_nothing_else() {
        let written = text(PACKET).expect("a panorama");
        let fields = " GPano:ProjectionType=\"equirectangular\" GPano:UsePanoramaViewer=\"True\" \
            GPano:PoseHeadingDegrees=\"122.5\" GPano:FullPanoWidthPixels=\"8000\"/>";
        assert!(written.contains(fields), "{written}");
        assert!(!written.contains("Jane") && !written.contains("Software"), "{written}");
    }

    #[test]
    fn what_was_written_is_read_again() {
        let once = text(PACKET).expect("a panorama");
        assert_eq!(text(&once), Some(once.clone()));
    }

    #[test]
    fn any_prefix_will_do_and_no_other_namespace() {
        let other = PACKET.replace("GPano", "p1");
        assert_eq!(text(&other), text(PACKET));
        assert_eq!(text(&PACKET.replace("google.com", "example.com")), None);
        assert_eq!(text(&PACKET.replace("equirectangular", "Jane Roe")), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0..PACKET.len(), bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut packet = PACKET.as_bytes().to_vec();
            packet.splice(at..(at + bytes.len()).min(PACKET.len()), bytes);
            if let Some(written) = anew(&packet) {
                let written = str::from_utf8(&written).expect("text");
                prop_assert!(written.len() < 2048 && !written.contains("Jane"));
            }
        }
    }
}

//! The tags of EXIF 3.0 and TIFF 6.0 that may be kept, each with its group and what its value may be.
//!
//! What is not here is not kept: thumbnails and other places of pixels (`StripOffsets`, `JPEGInterchangeFormat`, `SubIFDs`), whole
//! files of other standards (XMP, IPTC, ICC, Photoshop's, print settings), maker notes, tables of a sensor's response, what changes
//! how samples become colours (the profile says that, see `profile`), and whatever the standards do not define.

use super::Directory;
use super::Group::{self, Camera, Coordinates, Other, Place, Time};

/// What a value may be, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Text of at most so many bytes.
    Text(usize),
    /// Digits and what parts them in dates, times and offsets: no letter.
    Clock(usize),
    /// Text behind eight bytes that name its coding.
    Coded(usize),
    /// Text of Windows', in UTF-16.
    Wide(usize),
    /// At most so many numbers.
    Numbers(usize),
    /// At most so many bytes.
    Undefined(usize),
}

use Kind::{Clock, Coded, Numbers, Text, Undefined, Wide};

pub(super) struct Tag {
    pub(super) directory: Directory,
    pub(super) number: u16,
    pub(super) group: Group,
    pub(super) kind: Kind,
}

/// Names of makes, models, programs, people: longer ones are none.
const NAME: Kind = Text(256);
/// Descriptions, of which some programs make a line of JSON. A thumbnail in letters is longer.
const DESCRIPTION: Kind = Text(2048);
/// `YYYY:MM:DD HH:MM:SS`, fractions of a second, offsets.
const DATE: Kind = Clock(32);
const ONE: Kind = Numbers(1);

const fn image(number: u16, group: Group, kind: Kind) -> Tag {
    Tag { directory: Directory::Image, number, group, kind }
}

const fn photo(number: u16, group: Group, kind: Kind) -> Tag {
    Tag { directory: Directory::Photo, number, group, kind }
}

const fn gps(number: u16, kind: Kind) -> Tag {
    Tag { directory: Directory::Gps, number, group: Place, kind }
}

/// By directory and number. Which way up the picture stands and its size are written for the copy.
#[rustfmt::skip]
pub(super) const TAGS: &[Tag] = &[
    image(0x010E, Other, DESCRIPTION),        // ImageDescription
    image(0x010F, Camera, NAME),              // Make
    image(0x0110, Camera, NAME),              // Model
    image(0x011A, Other, ONE),                // XResolution
    image(0x011B, Other, ONE),                // YResolution
    image(0x0128, Other, ONE),                // ResolutionUnit
    image(0x0131, Other, NAME),               // Software
    image(0x0132, Time, DATE),                // DateTime
    image(0x013B, Other, NAME),               // Artist
    image(0x013C, Other, NAME),               // HostComputer
    image(0x0213, Other, ONE),                // YCbCrPositioning
    image(0x4746, Other, ONE),                // Rating
    image(0x4749, Other, ONE),                // RatingPercent
    image(0x8298, Other, Text(1024)),         // Copyright
    image(0x9C9B, Other, Wide(1024)),         // XPTitle
    image(0x9C9C, Other, Wide(1024)),         // XPComment
    image(0x9C9D, Other, Wide(1024)),         // XPAuthor
    image(0x9C9E, Other, Wide(1024)),         // XPKeywords
    image(0x9C9F, Other, Wide(1024)),         // XPSubject
    photo(0x829A, Camera, ONE),               // ExposureTime
    photo(0x829D, Camera, ONE),               // FNumber
    photo(0x8822, Camera, ONE),               // ExposureProgram
    photo(0x8824, Other, Text(64)),           // SpectralSensitivity
    photo(0x8827, Camera, Numbers(2)),        // PhotographicSensitivity
    photo(0x8830, Camera, ONE),               // SensitivityType
    photo(0x8831, Camera, ONE),               // StandardOutputSensitivity
    photo(0x8832, Camera, ONE),               // RecommendedExposureIndex
    photo(0x8833, Camera, ONE),               // ISOSpeed
    photo(0x8834, Camera, ONE),               // ISOSpeedLatitudeyyy
    photo(0x8835, Camera, ONE),               // ISOSpeedLatitudezzz
    photo(0x9000, Other, Undefined(4)),       // ExifVersion
    photo(0x9003, Time, DATE),                // DateTimeOriginal
    photo(0x9004, Time, DATE),                // DateTimeDigitized
    photo(0x9010, Time, DATE),                // OffsetTime
    photo(0x9011, Time, DATE),                // OffsetTimeOriginal
    photo(0x9012, Time, DATE),                // OffsetTimeDigitized
    photo(0x9101, Other, Undefined(4)),       // ComponentsConfiguration
    photo(0x9102, Other, ONE),                // CompressedBitsPerPixel
    photo(0x9201, Camera, ONE),               // ShutterSpeedValue
    photo(0x9202, Camera, ONE),               // ApertureValue
    photo(0x9203, Camera, ONE),               // BrightnessValue
    photo(0x9204, Camera, ONE),               // ExposureBiasValue
    photo(0x9205, Camera, ONE),               // MaxApertureValue
    photo(0x9206, Camera, ONE),               // SubjectDistance
    photo(0x9207, Camera, ONE),               // MeteringMode
    photo(0x9208, Camera, ONE),               // LightSource
    photo(0x9209, Camera, ONE),               // Flash
    photo(0x920A, Camera, ONE),               // FocalLength
    photo(0x9214, Coordinates, Numbers(4)),   // SubjectArea
    photo(0x9286, Other, Coded(2048)),        // UserComment
    photo(0x9290, Time, DATE),                // SubSecTime
    photo(0x9291, Time, DATE),                // SubSecTimeOriginal
    photo(0x9292, Time, DATE),                // SubSecTimeDigitized
    photo(0x9400, Other, ONE),                // Temperature
    photo(0x9401, Other, ONE),                // Humidity
    photo(0x9402, Other, ONE),                // Pressure
    photo(0x9403, Other, ONE),                // WaterDepth
    photo(0x9404, Other, ONE),                // Acceleration
    photo(0x9405, Place, ONE),                // CameraElevationAngle
    photo(0xA000, Other, Undefined(4)),       // FlashpixVersion
    photo(0xA001, Other, ONE),                // ColorSpace
    photo(0xA20B, Camera, ONE),               // FlashEnergy
    photo(0xA20E, Camera, ONE),               // FocalPlaneXResolution
    photo(0xA20F, Camera, ONE),               // FocalPlaneYResolution
    photo(0xA210, Camera, ONE),               // FocalPlaneResolutionUnit
    photo(0xA214, Coordinates, Numbers(2)),   // SubjectLocation
    photo(0xA215, Camera, ONE),               // ExposureIndex
    photo(0xA217, Camera, ONE),               // SensingMethod
    photo(0xA300, Other, Undefined(1)),       // FileSource
    photo(0xA301, Other, Undefined(1)),       // SceneType
    photo(0xA302, Other, Undefined(64)),      // CFAPattern
    photo(0xA401, Other, ONE),                // CustomRendered
    photo(0xA402, Camera, ONE),               // ExposureMode
    photo(0xA403, Camera, ONE),               // WhiteBalance
    photo(0xA404, Camera, ONE),               // DigitalZoomRatio
    photo(0xA405, Camera, ONE),               // FocalLengthIn35mmFilm
    photo(0xA406, Camera, ONE),               // SceneCaptureType
    photo(0xA407, Camera, ONE),               // GainControl
    photo(0xA408, Camera, ONE),               // Contrast
    photo(0xA409, Camera, ONE),               // Saturation
    photo(0xA40A, Camera, ONE),               // Sharpness
    photo(0xA40C, Camera, ONE),               // SubjectDistanceRange
    photo(0xA420, Other, Text(64)),           // ImageUniqueID
    photo(0xA430, Other, NAME),               // CameraOwnerName
    photo(0xA431, Other, NAME),               // BodySerialNumber
    photo(0xA432, Camera, Numbers(4)),        // LensSpecification
    photo(0xA433, Camera, NAME),              // LensMake
    photo(0xA434, Camera, NAME),              // LensModel
    photo(0xA435, Other, NAME),               // LensSerialNumber
    photo(0xA436, Other, NAME),               // ImageTitle
    photo(0xA437, Other, NAME),               // Photographer
    photo(0xA438, Other, NAME),               // ImageEditor
    photo(0xA439, Camera, NAME),              // CameraFirmware
    photo(0xA43A, Other, NAME),               // RAWDevelopingSoftware
    photo(0xA43B, Other, NAME),               // ImageEditingSoftware
    photo(0xA43C, Other, NAME),               // MetadataEditingSoftware
    photo(0xA460, Other, ONE),                // CompositeImage
    photo(0xA461, Other, Numbers(2)),         // SourceImageNumberOfCompositeImage
    gps(0x00, Numbers(4)),                    // GPSVersionID
    gps(0x01, Text(2)),                       // GPSLatitudeRef
    gps(0x02, Numbers(3)),                    // GPSLatitude
    gps(0x03, Text(2)),                       // GPSLongitudeRef
    gps(0x04, Numbers(3)),                    // GPSLongitude
    gps(0x05, ONE),                           // GPSAltitudeRef
    gps(0x06, ONE),                           // GPSAltitude
    gps(0x07, Numbers(3)),                    // GPSTimeStamp
    Tag { directory: Directory::Gps, number: 0x08, group: Other, kind: Text(64) }, // GPSSatellites: free text, as the next ones that are Other
    gps(0x09, Text(2)),                       // GPSStatus
    gps(0x0A, Text(2)),                       // GPSMeasureMode
    gps(0x0B, ONE),                           // GPSDOP
    gps(0x0C, Text(2)),                       // GPSSpeedRef
    gps(0x0D, ONE),                           // GPSSpeed
    gps(0x0E, Text(2)),                       // GPSTrackRef
    gps(0x0F, ONE),                           // GPSTrack
    gps(0x10, Text(2)),                       // GPSImgDirectionRef
    gps(0x11, ONE),                           // GPSImgDirection
    Tag { directory: Directory::Gps, number: 0x12, group: Other, kind: Text(64) }, // GPSMapDatum
    gps(0x13, Text(2)),                       // GPSDestLatitudeRef
    gps(0x14, Numbers(3)),                    // GPSDestLatitude
    gps(0x15, Text(2)),                       // GPSDestLongitudeRef
    gps(0x16, Numbers(3)),                    // GPSDestLongitude
    gps(0x17, Text(2)),                       // GPSDestBearingRef
    gps(0x18, ONE),                           // GPSDestBearing
    gps(0x19, Text(2)),                       // GPSDestDistanceRef
    gps(0x1A, ONE),                           // GPSDestDistance
    Tag { directory: Directory::Gps, number: 0x1B, group: Other, kind: Coded(128) }, // GPSProcessingMethod
    Tag { directory: Directory::Gps, number: 0x1C, group: Other, kind: Coded(256) }, // GPSAreaInformation
    gps(0x1D, DATE),                          // GPSDateStamp
    gps(0x1E, ONE),                           // GPSDifferential
    gps(0x1F, ONE),                           // GPSHPositioningError
    Tag { directory: Directory::Interoperability, number: 0x01, group: Other, kind: Text(4) },
    Tag { directory: Directory::Interoperability, number: 0x02, group: Other, kind: Undefined(4) },
];

//! As much of Matroska as carries frames with their times through a pipe.

use crate::geometry::Size;

/// An element: name, length, content.
fn element(name: &[u8], content: &[u8]) -> Vec<u8> {
    [name, &length(content.len()), content].concat()
}

fn length(bytes: usize) -> [u8; 8] {
    (bytes as u64 | 1 << 56).to_be_bytes()
}

fn number(name: &[u8], number: u64) -> Vec<u8> {
    element(name, &number.to_be_bytes())
}

/// What precedes the frames. Times are in millionths of a second.
pub(super) fn head(size: Size) -> Vec<u8> {
    const NANOSECONDS_A_TICK: u64 = 1000;
    let ebml = [
        number(&[0x42, 0x86], 1),
        number(&[0x42, 0xF7], 1),
        number(&[0x42, 0xF2], 4),
        number(&[0x42, 0xF3], 8),
        element(&[0x42, 0x82], b"matroska"),
        number(&[0x42, 0x87], 4),
        number(&[0x42, 0x85], 2),
    ];
    let info = [
        number(&[0x2A, 0xD7, 0xB1], NANOSECONDS_A_TICK),
        element(&[0x4D, 0x80], b"safelight"),
        element(&[0x57, 0x41], b"safelight"),
    ];
    let pixels = [number(&[0xB0], size.width.into()), number(&[0xBA], size.height.into())].concat();
    let track = [
        number(&[0xD7], 1),
        number(&[0x73, 0xC5], 1),
        number(&[0x83], 1),
        element(&[0x86], b"V_MJPEG"),
        element(&[0xE0], &pixels),
    ];
    [
        element(&[0x1A, 0x45, 0xDF, 0xA3], &ebml.concat()),
        // Of a length that nobody knows yet.
        vec![0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        element(&[0x15, 0x49, 0xA9, 0x66], &info.concat()),
        element(&[0x16, 0x54, 0xAE, 0x6B], &element(&[0xAE], &track.concat())),
    ]
    .concat()
}

/// What precedes a frame of so many bytes: a cluster of its own, so that its time is exact.
pub(super) fn frame_head(micros: u64, bytes: usize) -> Vec<u8> {
    let time = number(&[0xE7], micros);
    // Whose; how long after the cluster; a frame that needs no other.
    let block = [0x81, 0, 0, 0x80];
    let block_head = [&[0xA3][..], &length(block.len() + bytes), &block].concat();
    let whole = time.len() + block_head.len() + bytes;
    [&[0x1F, 0x43, 0xB6, 0x75][..], &length(whole), &time, &block_head].concat()
}

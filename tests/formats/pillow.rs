//! Pillow as somebody else's reader and writer, where it is installed.

use super::*;

/// What Pillow shows of two files is the same, picture by picture.
const COMPARE: &str = r#"
import sys
from PIL import Image, ImageSequence
for original, copy in zip(sys.argv[1::2], sys.argv[2::2]):
    a, b = Image.open(original), Image.open(copy)
    frames = [[f.convert("RGBA").copy() for f in ImageSequence.Iterator(i)] for i in (a, b)]
    assert len(frames[0]) == len(frames[1]), (original, len(frames[0]), len(frames[1]))
    for number, (x, y) in enumerate(zip(*frames)):
        for p, q in zip(*(zip(*[iter(i.tobytes())] * 4) for i in (x, y))):
            assert p == q or (p[3] == 0 and q[3] == 0), (original, number, p, q)
"#;

/// Animations with every way of taking a part away again, and with transparency.
const DRAW: &str = r#"
import sys
from PIL import Image, ImageDraw
for disposal in (0, 1, 2, 3):
    frames = []
    for n in range(7):
        frame = Image.new("RGBA", (90, 60), (0, 0, 0, 0) if disposal != 1 else (5, 10, 20, 255))
        draw = ImageDraw.Draw(frame)
        draw.rectangle((5 + 9 * n, 5 + 4 * n, 25 + 9 * n, 25 + 4 * n), fill=(150 + 15 * n, 90, 60, 255))
        draw.rectangle((40, 30, 50 + n, 50), fill=(10, 150 + 9 * n, 70, 255))
        frames.append(frame)
    rest = dict(save_all=True, append_images=frames[1:], duration=[50, 60, 70, 80, 90, 100, 110], loop=2)
    frames[0].save(f"{sys.argv[1]}/d{disposal}.gif", disposal=disposal, **rest)
    frames[0].save(f"{sys.argv[1]}/d{disposal}.png", disposal=min(disposal, 2), blend=disposal % 2, **rest)
    frames[0].save(f"{sys.argv[1]}/d{disposal}.webp", lossless=True, exact=True, minimize_size=disposal > 1, **rest)
"#;

fn python(script: &str, args: &[&Path]) -> Option<Ended> {
    let run = Command::new("python3").arg("-c").arg(script).args(args).output().ok()?;
    let ended = Ended::of(run);
    if ended.stderr.contains("ModuleNotFoundError") { None } else { Some(ended) }
}

#[test]
fn pillow_shows_the_same_of_a_copy_as_of_the_original() {
    let desk = Desk::with(&[]);
    let photos = desk.photos();
    let Some(drawn) = python(DRAW, &[&photos]) else {
        println!("skipped: python3 with Pillow is not there");
        return;
    };
    assert_eq!(drawn.code, Some(0), "{drawn:?}");
    let run = desk.redact(&["--only", "faces"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let mut pairs = Vec::new();
    for disposal in 0..4 {
        for extension in ["gif", "png", "webp"] {
            if (disposal, extension) == (3, "png") {
                // Of PNGs whose parts each give back what was there, Pillow leaves the last but one; ffmpeg and browsers do not.
                continue;
            }
            let name = format!("d{disposal}.{extension}");
            pairs.extend([photos.join(&name), desk.0.path().join("out").join(&name)]);
        }
    }
    let pairs: Vec<&Path> = pairs.iter().map(PathBuf::as_path).collect();
    let compared = python(COMPARE, &pairs).expect("it was there");
    assert_eq!(compared.code, Some(0), "{compared:?}");
    let shown = |folder: &str| {
        let file = desk.0.path().join(folder).join("d3.png");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-i"]).arg(file).args(["-pix_fmt", "rgba", "-f", "rawvideo", "-"]);
        let pixels = command.output().ok()?.stdout;
        // What is transparent has no colour.
        Some(
            pixels
                .as_chunks::<4>()
                .0
                .iter()
                .map(|pixel| if pixel[3] == 0 { [0; 4] } else { *pixel })
                .collect::<Vec<_>>(),
        )
    };
    match (shown("photos"), shown("out")) {
        (Some(original), Some(copy)) => {
            assert!(original.len() == 7 * 90 * 60 && original == copy, "as ffmpeg shows it")
        }
        _ => println!("skipped: ffmpeg is not there"),
    }
}

/// As tools write them: each page as a file of its own first, whose header stays between them; and colours of a quarter of the size.
const SAVE: &str = r#"
import sys
from PIL import Image, ImageDraw
def page(n):
    image = Image.new("RGB", (190, 130), (40, 60, 80))
    ImageDraw.Draw(image).ellipse((20 + 9 * n, 15, 120, 110 - 9 * n), fill=(200, 30 + 50 * n, 40))
    return image
pages = [page(n) for n in range(3)]
for compression in ("tiff_lzw", "tiff_deflate", "packbits", None):
    pages[0].save(f"{sys.argv[1]}/{compression}.tif", save_all=True, append_images=pages[1:], compression=compression)
pages[0].save(f"{sys.argv[1]}/still.webp", quality=70)
pages[0].save(f"{sys.argv[1]}/moves.webp", save_all=True, append_images=pages[1:], duration=90, quality=70)
"#;

#[test]
fn what_pillow_writes_comes_out_as_pillow_shows_it() {
    let desk = Desk::with(&[]);
    let photos = desk.photos();
    let Some(drawn) = python(SAVE, &[&photos]) else {
        println!("skipped: python3 with Pillow is not there");
        return;
    };
    assert_eq!(drawn.code, Some(0), "{drawn:?}");
    let run = desk.redact(&["--only", "faces"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let names = ["tiff_lzw.tif", "tiff_deflate.tif", "packbits.tif", "None.tif", "still.webp", "moves.webp"];
    let pairs = names.map(|name| [photos.join(name), desk.0.path().join("out").join(name)]);
    let pairs: Vec<&Path> = pairs.as_flattened().iter().map(PathBuf::as_path).collect();
    let compared = python(COMPARE, &pairs).expect("it was there");
    assert_eq!(compared.code, Some(0), "{compared:?}");
}

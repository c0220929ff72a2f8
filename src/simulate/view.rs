//! A pinhole camera and things placed before it: metres become pixels.
//!
//! World axes: x to the right, y up from the ground, z away along the lane.

use tiny_skia::Path;

use super::brush::{Rgb, fill, flat, polygon, rounded, stroke};
use super::plate::warp::Quad;
use super::scene::Canvas;

/// A point in metres.
pub type Point3 = [f32; 3];

/// A pinhole camera.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Focal length in pixels.
    pub focal: f32,
    /// Principal point in pixels.
    pub center: (f32, f32),
    /// Where it hangs.
    pub position: Point3,
    /// Turned to the right, radians.
    pub yaw: f32,
    /// Turned down, radians.
    pub pitch: f32,
    /// Tilted clockwise, radians.
    pub roll: f32,
}

impl View {
    /// Where `p` falls, and how far away it is; `None` behind the lens.
    pub fn project(&self, p: Point3) -> Option<((f32, f32), f32)> {
        let (x, y, z) = (p[0] - self.position[0], p[1] - self.position[1], p[2] - self.position[2]);
        let (sy, cy) = self.yaw.sin_cos();
        let (x, z) = (x * cy - z * sy, x * sy + z * cy);
        let (sp, cp) = self.pitch.sin_cos();
        let (y, z) = (y * cp + z * sp, z * cp - y * sp);
        if z < 0.3 {
            return None;
        }
        let (px, py) = (self.focal * x / z, -self.focal * y / z);
        let (sr, cr) = self.roll.sin_cos();
        Some(((self.center.0 + px * cr - py * sr, self.center.1 + px * sr + py * cr), z))
    }

    /// Row of the horizon in the picture's middle column.
    pub fn horizon(&self) -> f32 {
        self.center.1 - self.focal * self.pitch.tan()
    }
}

/// Where a vehicle stands: its nearest face's middle on the ground, and its heading.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Metres to the right.
    pub x: f32,
    /// Metres away.
    pub z: f32,
    /// Radians; 0 shows the nearest face squarely to somebody straight before it.
    pub heading: f32,
}

/// Draws in a vehicle's own metres: `u` to the viewer's right, `y` up, `d` away from its nearest face.
pub struct Easel<'a> {
    /// What is drawn on.
    pub canvas: &'a mut Canvas,
    /// Seen from here.
    pub view: &'a View,
    /// The vehicle stands here.
    pub place: Place,
}

impl Easel<'_> {
    /// World coordinates of a local point.
    pub fn world(&self, [u, y, d]: Point3) -> Point3 {
        let (s, c) = self.place.heading.sin_cos();
        [self.place.x + u * c + d * s, y, self.place.z + d * c - u * s]
    }

    /// Pixel of a local point.
    pub fn at(&self, p: Point3) -> Option<(f32, f32)> {
        self.view.project(self.world(p)).map(|(p, _)| p)
    }

    /// Pixels per metre at a local point; 0 behind the lens.
    pub fn scale(&self, p: Point3) -> f32 {
        self.view.project(self.world(p)).map_or(0.0, |(_, depth)| self.view.focal / depth)
    }

    /// The viewer's place in local coordinates (`u`, `d`).
    pub fn viewer(&self) -> (f32, f32) {
        let (dx, dz) = (self.view.position[0] - self.place.x, self.view.position[2] - self.place.z);
        let (s, c) = self.place.heading.sin_cos();
        (dx * c - dz * s, dx * s + dz * c)
    }

    /// The outline through local points, corners rounded by `roundness`.
    pub fn shape(&self, points: &[Point3], roundness: f32) -> Option<Path> {
        let flat: Option<Vec<_>> = points.iter().map(|&p| self.at(p)).collect();
        if roundness > 0.0 { rounded(&flat?, roundness) } else { polygon(&flat?) }
    }

    /// Fills a shape.
    pub fn fill(&mut self, points: &[Point3], roundness: f32, color: Rgb, alpha: f32) {
        let path = self.shape(points, roundness);
        fill(self.canvas, path.as_ref(), &flat(color, alpha));
    }

    /// Fills a shape with a gradient from local point `from` to `to`.
    pub fn shade(&mut self, points: &[Point3], roundness: f32, from: Point3, to: Point3, stops: &[(f32, Rgb, f32)]) {
        let path = self.shape(points, roundness);
        if let (Some(a), Some(b)) = (self.at(from), self.at(to)) {
            fill(self.canvas, path.as_ref(), &super::brush::gradient(a, b, stops));
        }
    }

    /// Strokes a closed shape's outline, `width` in metres.
    pub fn edge(&mut self, points: &[Point3], roundness: f32, color: Rgb, alpha: f32, width: f32) {
        let pixels = width * points.first().map_or(0.0, |&p| self.scale(p));
        let path = self.shape(points, roundness);
        stroke(self.canvas, path.as_ref(), &flat(color, alpha), pixels.max(0.6));
    }

    /// A line, `width` in metres.
    pub fn line(&mut self, from: Point3, to: Point3, color: Rgb, alpha: f32, width: f32) {
        let pixels = (width * self.scale(from)).max(0.6);
        if let (Some(a), Some(b)) = (self.at(from), self.at(to)) {
            super::brush::line(self.canvas, a, b, &flat(color, alpha), pixels);
        }
    }

    /// A disc or ellipse that faces along the vehicle, half axes in metres.
    pub fn disc(&mut self, center: Point3, rx: f32, ry: f32, color: Rgb, alpha: f32) {
        let ring: Vec<Point3> = ring(center, rx, ry).collect();
        self.fill(&ring, 1.0, color, alpha);
    }

    /// A disc on a vehicle's end, which bends away towards its sides; `half` is half of the vehicle's width.
    pub fn wrapped_disc(&mut self, [u, y, d]: Point3, rx: f32, ry: f32, half: f32, color: Rgb, alpha: f32) {
        let ring: Vec<Point3> = ring([u, y, d], rx, ry).map(|[u, y, d]| [u, y, d + bend(u, half)]).collect();
        self.fill(&ring, 1.0, color, alpha);
    }

    /// A wheel seen from its side: a circle along the vehicle.
    pub fn wheel(&mut self, [u, y, d]: Point3, radius: f32, color: Rgb) {
        let ring: Vec<Point3> = (0..14)
            .map(|i| {
                let (s, c) = (i as f32 * std::f32::consts::TAU / 14.0).sin_cos();
                [u, y + radius * s, d + radius * c]
            })
            .collect();
        self.fill(&ring, 1.0, color, 1.0);
    }

    /// The upright rectangle around `center`, as a quad to lay a picture on; turned by `turn` radians in its plane and
    /// leaning back by `lean` radians.
    pub fn panel(&self, [u, y, d]: Point3, w: f32, h: f32, turn: f32, lean: f32) -> Option<Quad> {
        let (s, c) = turn.sin_cos();
        let (sl, cl) = lean.sin_cos();
        let corner = |a: f32, b: f32| {
            let (x, up) = (a * c + b * s, b * c - a * s);
            self.at([u + x, y + up * cl, d + up * sl])
        };
        let (w, h) = (w / 2.0, h / 2.0);
        Some([corner(-w, h)?, corner(w, h)?, corner(w, -h)?, corner(-w, -h)?])
    }
}

/// How far a vehicle's end lies back at `u`, `half` of its width from the middle at the corner.
pub fn bend(u: f32, half: f32) -> f32 {
    let t = ((u.abs() / half - 0.55) / 0.45).clamp(0.0, 1.2);
    0.34 * t * t
}

/// Ten points of an ellipse that faces along the vehicle.
pub fn ring([u, y, d]: Point3, rx: f32, ry: f32) -> impl Iterator<Item = Point3> {
    (0..10).map(move |i| {
        let (s, c) = (i as f32 * std::f32::consts::TAU / 10.0).sin_cos();
        [u + rx * c, y + ry * s, d]
    })
}

/// A shape given for the right half, mirrored to a whole: points run from the top middle down the right side.
pub fn mirrored(right: &[Point3]) -> Vec<Point3> {
    right.iter().copied().chain(right.iter().rev().map(|&[u, y, d]| [-u, y, d])).collect()
}

/// A rectangle in the vehicle's cross plane.
pub fn slab(u: f32, y: f32, w: f32, h: f32, d: f32) -> [Point3; 4] {
    [[u, y, d], [u + w, y, d], [u + w, y + h, d], [u, y + h, d]]
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: View =
        View { focal: 1000.0, center: (640.0, 360.0), position: [0.0, 1.5, 0.0], yaw: 0.0, pitch: 0.0, roll: 0.0 };

    #[test]
    fn axes_point_where_they_should() {
        let ((x, y), depth) = VIEW.project([1.0, 2.5, 10.0]).expect("before the lens");
        assert_eq!((x, y, depth), (740.0, 260.0, 10.0));
        assert!(VIEW.project([0.0, 0.0, -1.0]).is_none());
        let down = View { pitch: 0.1, ..VIEW };
        assert!(
            down.project([0.0, 1.5, 10.0]).expect("before the lens").0.1 < 360.0,
            "looking down lifts what is ahead"
        );
        assert!((down.horizon() - down.project([0.0, 1.5, 1e6]).expect("far").0.1).abs() < 0.1);
        let right = View { yaw: 0.1, ..VIEW };
        assert!(right.project([0.0, 1.5, 10.0]).expect("before the lens").0.0 < 640.0);
    }

    #[test]
    fn local_and_world_agree() {
        let mut canvas = Canvas::new(4, 4).expect("small");
        let easel = Easel { canvas: &mut canvas, view: &VIEW, place: Place { x: 2.0, z: 8.0, heading: 0.3 } };
        let (u, d) = easel.viewer();
        let [x, _, z] = easel.world([u, 0.0, d]);
        assert!(x.abs() < 1e-4 && z.abs() < 1e-4, "the viewer stands at the origin: {x} {z}");
    }
}

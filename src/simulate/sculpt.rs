//! Small sculptures: lofted surfaces, lit, turned, projected and painted onto the canvas with a depth buffer.
//!
//! Owns vectors, poses, light and the rasteriser. Knows nothing of what the surfaces stand for.
//!
//! Paths alone cannot turn a head: what a profile shows and hides follows from its shape. So people are surfaces in
//! space, and flat paint (see [`Surface::Painted`]) is what `tiny-skia` draws onto them.

use crate::geometry::{PixelRect, Rect, Size};
use crate::simulate::scene::Canvas;

/// A point or direction: x to the right, y up, z towards the viewer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct V3 {
    pub x: f32,
    pub y: f32,
    pub z: f32,
}

pub(super) const fn v3(x: f32, y: f32, z: f32) -> V3 {
    V3 { x, y, z }
}

impl V3 {
    pub fn plus(self, o: Self) -> Self {
        v3(self.x + o.x, self.y + o.y, self.z + o.z)
    }

    pub fn minus(self, o: Self) -> Self {
        v3(self.x - o.x, self.y - o.y, self.z - o.z)
    }

    pub fn times(self, k: f32) -> Self {
        v3(self.x * k, self.y * k, self.z * k)
    }

    pub fn dot(self, o: Self) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    pub fn cross(self, o: Self) -> Self {
        v3(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)
    }

    pub fn unit(self) -> Self {
        let length = self.dot(self).sqrt();
        if length > 1e-12 { self.times(1.0 / length) } else { v3(0.0, 0.0, 1.0) }
    }

    pub fn towards(self, o: Self, share: f32) -> Self {
        self.plus(o.minus(self).times(share))
    }
}

/// Where a sculpture stands on the canvas and how it is turned.
#[derive(Clone, Copy)]
pub(super) struct Pose {
    rows: [V3; 3],
    /// Where the sculpture's origin lies on the canvas.
    pub center: (f32, f32),
    /// Pixels for each unit of the sculpture.
    pub scale: f32,
}

impl Pose {
    /// Yaw to the picture's right, pitch upwards, roll clockwise, in radians.
    pub fn new(center: (f32, f32), scale: f32, yaw: f32, pitch: f32, roll: f32) -> Self {
        let ((sy, cy), (sp, cp), (sr, cr)) = (yaw.sin_cos(), pitch.sin_cos(), roll.sin_cos());
        // Pitch about x first, then yaw about y, then roll about z (clockwise as seen).
        let (x, y, z) = (v3(cy, -sy * sp, sy * cp), v3(0.0, cp, sp), v3(-sy, -cy * sp, cy * cp));
        let rows = [x.times(cr).plus(y.times(sr)), y.times(cr).minus(x.times(sr)), z];
        Self { rows, center, scale }
    }

    pub fn turn(&self, p: V3) -> V3 {
        v3(self.rows[0].dot(p), self.rows[1].dot(p), self.rows[2].dot(p))
    }

    /// Canvas x and y, and depth towards the viewer, all in pixels. Nearer parts are a little larger, as a lens a few
    /// metres away sees them.
    pub fn project(&self, p: V3) -> [f32; 3] {
        let q = self.turn(p);
        let near = 1.0 + 0.06 * q.z.clamp(-3.0, 3.0);
        [self.center.0 + q.x * near * self.scale, self.center.1 - q.y * near * self.scale, q.z * self.scale]
    }
}

/// One lamp and the light from everywhere else.
#[derive(Clone, Copy)]
pub(super) struct Light {
    /// Towards the lamp, of length one.
    pub towards: V3,
    /// How much the lamp gives.
    pub key: f32,
    /// How much everything else gives.
    pub fill: f32,
}

impl Light {
    /// How bright a surface facing along `normal` is: one for full light, perceptually scaled.
    pub fn shade(&self, normal: V3, openness: f32) -> f32 {
        let lamp = ((normal.dot(self.towards) + 0.22) / 1.22).max(0.0);
        let linear = (self.fill * (0.82 + 0.18 * normal.y) + self.key * lamp) * openness;
        // x^0.75: half-way between linear light and the display's curve, which photographs of skin come closest to.
        let root = linear.max(0.0).sqrt();
        root * root.sqrt()
    }

    /// How much of the lamp a shiny surface mirrors to the viewer.
    pub fn mirror(&self, normal: V3) -> f32 {
        let half = self.towards.plus(v3(0.0, 0.0, 1.0)).unit();
        let c = normal.dot(half).max(0.0);
        let c4 = c * c * c * c;
        c4 * c4 * c4
    }
}

/// A surface as a grid of points: columns run to the right, rows downwards, as seen from outside.
pub(super) struct Shell {
    /// Points in each row.
    pub cols: usize,
    /// Whether the first and last columns are the same points.
    pub closed: bool,
    pub points: Vec<V3>,
    pub uv: Vec<[f32; 2]>,
    /// How much of the surface exists: 1 whole, 0 nothing; between them the surface's own texture decides.
    pub cover: Vec<f32>,
    /// How much of the sky each point sees.
    pub open: Vec<f32>,
}

impl Shell {
    pub fn new(cols: usize, rows: usize, closed: bool) -> Self {
        let n = cols * rows;
        Self {
            cols,
            closed,
            points: Vec::with_capacity(n),
            uv: Vec::with_capacity(n),
            cover: Vec::with_capacity(n),
            open: Vec::with_capacity(n),
        }
    }

    pub fn push(&mut self, point: V3, uv: [f32; 2], cover: f32, open: f32) {
        self.points.push(point);
        self.uv.push(uv);
        self.cover.push(cover);
        self.open.push(open);
    }

    pub fn normals(&self) -> Vec<V3> {
        let cols = self.cols;
        let rows = self.points.len() / cols.max(1);
        let mut normals = Vec::with_capacity(self.points.len());
        for r in 0..rows {
            for c in 0..cols {
                let at = |r: usize, c: usize| self.points[r * cols + c];
                let left = if c > 0 {
                    c - 1
                } else if self.closed {
                    cols.saturating_sub(2)
                } else {
                    0
                };
                let right = if c + 1 < cols {
                    c + 1
                } else if self.closed {
                    1.min(cols - 1)
                } else {
                    c
                };
                let (up, down) = (r.saturating_sub(1), (r + 1).min(rows - 1));
                let across = at(r, right).minus(at(r, left));
                normals.push(at(down, c).minus(at(up, c)).cross(across).unit());
            }
        }
        normals
    }

    /// The shell turned, lit and projected. `gloss` is how much of the lamp it mirrors, 0 to 1.
    pub fn mesh(&self, pose: &Pose, light: &Light, gloss: f32) -> Mesh {
        let vertices = (self.normals().into_iter().zip(&self.points).zip(&self.uv).zip(&self.cover).zip(&self.open))
            .map(|((((normal, &point), &uv), &cover), &open)| {
                let n = pose.turn(normal);
                Vertex {
                    at: pose.project(point),
                    uv,
                    shade: light.shade(n, open),
                    gloss: gloss * light.mirror(n) * open,
                    cover,
                }
            })
            .collect();
        Mesh { cols: self.cols, vertices }
    }
}

/// A corner of a projected mesh.
#[derive(Clone, Copy)]
pub(super) struct Vertex {
    /// Canvas x, y and depth towards the viewer, in pixels.
    pub at: [f32; 3],
    pub uv: [f32; 2],
    pub shade: f32,
    pub gloss: f32,
    pub cover: f32,
}

/// A projected grid.
pub(super) struct Mesh {
    pub cols: usize,
    pub vertices: Vec<Vertex>,
}

/// RGBA texels, rows top down.
pub(super) struct Texture {
    pub width: usize,
    pub height: usize,
    pub texels: Vec<[u8; 4]>,
}

impl Texture {
    /// The nearest texel, repeated in both directions; `u` and `v` in [`ONE`]ths. Width and height must be powers of two.
    fn tiled(&self, u: i32, v: i32) -> [u8; 4] {
        let (x, y) = ((u >> POINT) as usize & (self.width - 1), (v >> POINT) as usize & (self.height - 1));
        self.texels[y * self.width + x]
    }

    /// The nearest texel, held at the edges; `u` and `v` in [`ONE`]ths. Several samples a pixel make it smooth enough.
    fn held(&self, u: i32, v: i32) -> [u8; 4] {
        let (x, y) = ((u.max(0) >> POINT) as usize, (v.max(0) >> POINT) as usize);
        self.texels[y.min(self.height - 1) * self.width + x.min(self.width - 1)]
    }
}

/// Whatever changes across a triangle is counted in fixed point: sums of integers are the innermost loop's whole work,
/// and are the same on every machine.
const POINT: u32 = 16;
const ONE: f32 = 65_536.0;
/// Depths, in pixels, are counted more coarsely: they reach farther.
const DEPTH_ONE: f32 = 1_024.0;

/// What a mesh is made of.
pub(super) enum Surface {
    /// A picture stretched over it; u and v in texels.
    Painted(Texture),
    /// A repeated tile (sides powers of two) whose alpha is compared with the vertices' cover: what is below exists.
    Strands(Texture),
    /// One colour.
    Plain([u8; 3]),
    /// One colour that lets this much of what is behind it through: 0 all, 1 nothing.
    Glass([u8; 3], f32),
}

struct Part {
    mesh: Mesh,
    surface: Surface,
    hollow: bool,
}

/// Parts that hide one another by depth and are painted together.
#[derive(Default)]
pub(super) struct Figure {
    parts: Vec<Part>,
}

impl Figure {
    /// Adds a closed body: its inner side is never seen.
    pub fn add(&mut self, mesh: Mesh, surface: Surface) {
        self.parts.push(Part { mesh, surface, hollow: false });
    }

    /// Adds a sheet: its inner side can be seen and lies in shadow.
    pub fn add_sheet(&mut self, mesh: Mesh, surface: Surface) {
        self.parts.push(Part { mesh, surface, hollow: true });
    }

    /// The box around everything.
    pub fn bounds(&self) -> Rect {
        Rect::around(self.parts.iter().flat_map(|p| &p.mesh.vertices).map(|v| (v.at[0], v.at[1])))
    }

    /// Paints the figure. `mark` is told each pixel that the figure mostly covers.
    pub fn paint(&self, canvas: &mut Canvas, samples: Samples, easel: &mut Easel, mark: &mut dyn FnMut(u32, u32)) {
        let size = Size::new(canvas.width(), canvas.height());
        let Some(area) = self.bounds().grown(1.0, 1.0).pixels(size) else { return };
        let mut layer = Layer::new(area, samples as usize, easel);
        for part in &self.parts {
            layer.draw(part);
        }
        match samples {
            Samples::Four => layer.resolve::<2>(canvas, mark),
            Samples::Nine => layer.resolve::<3>(canvas, mark),
        }
    }
}

/// Samples of each pixel.
#[derive(Clone, Copy)]
pub(super) enum Samples {
    Four = 2,
    Nine = 3,
}

/// Memory that figures are painted in, one after another.
#[derive(Default)]
pub(super) struct Easel {
    color: Vec<[u8; 4]>,
    depth: Vec<i32>,
}

/// The part of the canvas that a figure touches, at a multiple of its resolution.
struct Layer<'a> {
    area: PixelRect,
    samples: usize,
    width: usize,
    height: usize,
    color: &'a mut [[u8; 4]],
    depth: &'a mut [i32],
}

impl<'a> Layer<'a> {
    fn new(area: PixelRect, samples: usize, easel: &'a mut Easel) -> Self {
        let (width, height) = (area.w as usize * samples, area.h as usize * samples);
        let n = width * height;
        easel.color.clear();
        easel.color.resize(n, [0; 4]);
        easel.depth.clear();
        easel.depth.resize(n, 0);
        Self { area, samples, width, height, color: &mut easel.color, depth: &mut easel.depth }
    }

    fn draw(&mut self, part: &Part) {
        let cols = part.mesh.cols;
        let rows = part.mesh.vertices.len() / cols.max(1);
        let k = self.samples as f32;
        let placed: Vec<Vertex> = (part.mesh.vertices.iter())
            .map(|v| Vertex {
                at: [(v.at[0] - self.area.x as f32) * k, (v.at[1] - self.area.y as f32) * k, v.at[2] + FAR],
                ..*v
            })
            .collect();
        for r in 1..rows {
            for c in 1..cols {
                let [a, b] = [placed[(r - 1) * cols + c - 1], placed[(r - 1) * cols + c]];
                let [d, e] = [placed[r * cols + c - 1], placed[r * cols + c]];
                self.triangle(part, [a, b, e]);
                self.triangle(part, [a, e, d]);
            }
        }
    }

    fn triangle(&mut self, part: &Part, [a, b, c]: [Vertex; 3]) {
        if a.cover <= 0.0 && b.cover <= 0.0 && c.cover <= 0.0 {
            return;
        }
        let (abx, aby) = (b.at[0] - a.at[0], b.at[1] - a.at[1]);
        let (acx, acy) = (c.at[0] - a.at[0], c.at[1] - a.at[1]);
        let area = abx * acy - aby * acx;
        if area.is_nan() || area.abs() < 1e-6 || (area < 0.0 && !part.hollow) {
            return;
        }
        let ys = [a.at[1], b.at[1], c.at[1]];
        let top = ys[0].min(ys[1]).min(ys[2]);
        let low = ys[0].max(ys[1]).max(ys[2]);
        // Casts from below zero give zero: rounding up needs no call.
        let first = (top + 0.5) as usize;
        let last = ((low + 0.5) as usize).min(self.height);
        if first >= last {
            return;
        }
        let inside = if area < 0.0 { 0.5 } else { 1.0 };
        let values = |v: &Vertex| {
            let [z, u, w] = [v.at[2] * DEPTH_ONE, v.uv[0] * ONE, v.uv[1] * ONE];
            [z, u, w, v.shade * inside * ONE, v.gloss * inside * ONE, v.cover * ONE]
        };
        let (va, vb, vc) = (values(&a), values(&b), values(&c));
        let mut per_x = [0.0f32; 6];
        let mut per_y = [0.0f32; 6];
        for i in 0..6 {
            let (db, dc) = (vb[i] - va[i], vc[i] - va[i]);
            per_x[i] = (db * acy - dc * aby) / area;
            per_y[i] = (dc * abx - db * acx) / area;
        }
        let step = per_x.map(|d| d as i32);
        let corners = [a.at, b.at, c.at];
        for row in first..last {
            let y = row as f32 + 0.5;
            let (mut left, mut right) = (f32::MAX, f32::MIN);
            for i in 0..3 {
                let (p, q) = (corners[i], corners[(i + 1) % 3]);
                if (p[1] <= y) != (q[1] <= y) {
                    let x = p[0] + (y - p[1]) / (q[1] - p[1]) * (q[0] - p[0]);
                    left = left.min(x);
                    right = right.max(x);
                }
            }
            let from = (left + 0.5) as usize;
            let to = ((right + 0.5) as usize).min(self.width);
            if from >= to {
                continue;
            }
            let (dx, dy) = (from as f32 + 0.5 - a.at[0], y - a.at[1]);
            let mut at: [i32; 6] = std::array::from_fn(|i| (va[i] + per_x[i] * dx + per_y[i] * dy) as i32);
            let span = row * self.width + from..row * self.width + to;
            let (color, depth) = (&mut self.color[span.clone()], &mut self.depth[span]);
            for (pixel, nearest) in color.iter_mut().zip(depth) {
                let [z, u, v, shade, gloss, cover] = at;
                for (value, by) in at.iter_mut().zip(step) {
                    *value = value.wrapping_add(by);
                }
                if z <= *nearest {
                    continue;
                }
                let [r, g, b, order] = match &part.surface {
                    Surface::Painted(texture) => texture.held(u, v),
                    Surface::Strands(tile) => tile.tiled(u, v),
                    Surface::Plain([r, g, b]) | Surface::Glass([r, g, b], _) => [*r, *g, *b, 0],
                };
                if i32::from(order) >= cover >> (POINT - 8) {
                    continue;
                }
                let (shade, shine) = (shade >> 8, (gloss >> 8) * 255);
                let lit = [r, g, b].map(|c| ((i32::from(c) * shade + shine) >> (POINT - 8)).clamp(0, 255));
                if let Surface::Glass(_, opacity) = part.surface {
                    let keep = 1.0 - opacity;
                    for (channel, lit) in pixel.iter_mut().zip(lit) {
                        *channel = (f32::from(*channel) * keep + lit as f32 * opacity) as u8;
                    }
                    pixel[3] = (f32::from(pixel[3]) * keep + 255.0 * opacity) as u8;
                } else {
                    *nearest = z;
                    *pixel = [lit[0] as u8, lit[1] as u8, lit[2] as u8, 255];
                }
            }
        }
    }

    fn resolve<const K: usize>(&self, canvas: &mut Canvas, mark: &mut dyn FnMut(u32, u32)) {
        let stride = canvas.width() as usize * 4;
        let n = (K * K) as u32;
        let (left, across) = (self.area.x as usize * 4, self.area.w as usize * 4);
        for y in 0..self.area.h as usize {
            let from = (self.area.y as usize + y) * stride + left;
            let row = &mut canvas.data_mut()[from..from + across];
            for (x, under) in row.chunks_exact_mut(4).enumerate() {
                let mut sum = [0u32; 4];
                for sy in 0..K {
                    let from = (y * K + sy) * self.width + x * K;
                    for pixel in &self.color[from..from + K] {
                        for (s, c) in sum.iter_mut().zip(pixel) {
                            *s += u32::from(*c);
                        }
                    }
                }
                let alpha = sum[3] / n;
                if alpha == 0 {
                    continue;
                }
                for (under, s) in under.iter_mut().zip(sum) {
                    *under = (s / n + u32::from(*under) * (255 - alpha) / 255).min(255) as u8;
                }
                if alpha > 127 {
                    mark(self.area.x + x as u32, self.area.y + y as u32);
                }
            }
        }
    }
}

/// Added to every depth, so that zero is farther than anything drawn: fresh memory is zero.
const FAR: f32 = 1.0e5;

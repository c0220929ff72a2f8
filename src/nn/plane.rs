//! Where a tensor lies in memory: NHWC rows with a border of zeros around them.
//!
//! Owns layouts and aligned buffers. The border makes padding free: a convolution reads past the edge without asking
//! where the edge is. Channels are padded to whole vectors, so that kernels have no scalar tails.

/// Vectors begin on cache lines, or every load would touch two.
const ALIGNMENT: usize = 64;

/// Elements that a kernel may read past the last row: it takes up to sixteen at a time.
const SLACK: usize = 16;

/// Zeros kept around a tensor, in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Border {
    pub top: usize,
    pub left: usize,
    pub bottom: usize,
    pub right: usize,
}

impl Border {
    pub fn widen(&mut self, other: Self) {
        self.top = self.top.max(other.top);
        self.left = self.left.max(other.left);
        self.bottom = self.bottom.max(other.bottom);
        self.right = self.right.max(other.right);
    }
}

/// Shape and place of one tensor.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Elements from one cell to the next; at least `channels`.
    pub step: usize,
    pub border: Border,
}

impl Layout {
    /// Elements from one row to the next.
    pub fn row(&self) -> usize {
        (self.border.left + self.width + self.border.right) * self.step
    }

    /// The element of the cell at row 0, column 0.
    pub fn origin(&self) -> usize {
        self.border.top * self.row() + self.border.left * self.step
    }

    /// Elements that a buffer must have.
    pub fn len(&self) -> usize {
        (self.border.top + self.height + self.border.bottom) * self.row() + SLACK
    }

    /// The first element of row `y`.
    pub fn at(&self, y: usize) -> usize {
        self.origin() + y * self.row()
    }

    /// The elements of row `y`, without the border.
    pub fn cells<'a, T>(&self, data: &'a [T], y: usize) -> &'a [T] {
        &data[self.at(y)..][..self.width * self.step]
    }

    /// The elements of row `y`, without the border.
    pub fn cells_mut<'a, T>(&self, data: &'a mut [T], y: usize) -> &'a mut [T] {
        &mut data[self.at(y)..][..self.width * self.step]
    }

    /// Zeroes all around the cells.
    pub fn clear_border<T: Copy + Default>(&self, data: &mut [T]) {
        let row = self.row();
        let first = self.border.top * row;
        data[..first].fill(T::default());
        let (left, right) = (self.border.left * self.step, self.border.right * self.step);
        for y in 0..self.height {
            let from = first + y * row;
            data[from..from + left].fill(T::default());
            data[from + row - right..from + row].fill(T::default());
        }
        data[first + self.height * row..self.len()].fill(T::default());
    }
}

/// Numbers that begin on a cache line. Grows when asked, never shrinks.
#[derive(Default)]
pub struct Buffer<T> {
    data: Vec<T>,
    start: usize,
}

impl<T: Copy + Default> Buffer<T> {
    /// Makes room for `len` numbers; all are zero when it had to grow.
    pub fn reserve(&mut self, len: usize) {
        if self.data.len() < self.start + len || self.data.is_empty() {
            let line = ALIGNMENT / size_of::<T>();
            self.data = vec![T::default(); len + line];
            let offset = self.data.as_ptr().align_offset(ALIGNMENT);
            // `align_offset` may decline to answer; unaligned is slower and no less right.
            self.start = if offset < line { offset } else { 0 };
        }
    }

    pub fn as_slice(&self) -> &[T] {
        &self.data[self.start..]
    }

    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data[self.start..]
    }

    /// A buffer that holds `values`.
    pub fn from_values(values: &[T]) -> Self {
        let mut buffer = Self { data: Vec::new(), start: 0 };
        buffer.reserve(values.len());
        buffer.as_mut_slice()[..values.len()].copy_from_slice(values);
        buffer
    }
}

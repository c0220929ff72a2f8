//! Many workers, one order: images are taken in the source's order, worked on in parallel, and received in the
//! source's order again.
//!
//! Owns threads, memory bounds and stopping. Knows nothing of what is done to an image. Plain scoped threads, not a
//! rayon pool: a worker may have to wait for room, and a waiting thread of a shared pool would hold up everyone else's
//! work on it.
//!
//! Two bounds, both in bytes. The *window* counts what was taken and not yet received: a worker takes the next image
//! only when it fits, or when nothing else is under way, so that the oldest image always goes on. The *budget* counts
//! decoded pixels: it is held while nothing else is waited for. Hence neither can lock up, whatever the sizes.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::source::{Found, Source, SourceFault, SourceImage};

/// What is worked on, one after the other.
pub(super) trait Supply: Send {
    type Item: Send;

    /// The next one.
    fn next(&mut self) -> Option<Found<Self::Item>>;

    /// Bytes that one takes in memory.
    fn length(item: &Self::Item) -> u64;
}

impl Supply for Source {
    type Item = SourceImage;

    fn next(&mut self) -> Option<Found> {
        self.step()
    }

    fn length(image: &SourceImage) -> u64 {
        image.length
    }
}

/// What arrives in the source's order.
pub(super) enum Arrival<T> {
    /// An image and what the work made of it.
    Image(T),
    /// Something else that the walk met.
    Fault(PathBuf, SourceFault),
    /// Nothing for a while: time for whatever is due.
    Idle,
}

/// How wide the lanes are.
pub(super) struct Bounds {
    pub(super) workers: NonZeroUsize,
    /// Bytes taken and not yet received.
    pub(super) window: u64,
}

/// How long the receiver waits before it is told that nothing came.
const IDLE: Duration = Duration::from_millis(500);

/// Runs `work` on every image of `source` and its place in the order, and `receive` on the results in order, on the calling thread. `worker` makes
/// what one thread keeps; `weigh` says how many bytes a result holds. When `stop` becomes true, no further image is
/// taken and what is under way is received still.
///
/// # Errors
///
/// The first error of `receive`; then everything under way is dropped.
pub(super) fn run<S: Supply, W, T: Send, E>(
    source: &mut S,
    bounds: &Bounds,
    stop: &AtomicBool,
    worker: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, u64, S::Item) -> T + Sync,
    weigh: impl Fn(&T) -> u64 + Sync,
    mut receive: impl FnMut(Arrival<T>) -> Result<(), E>,
) -> Result<(), E> {
    let window = Window::new(bounds.window, bounds.workers.get());
    let entrance = Mutex::new((source, 0u64));
    thread::scope(|scope| {
        for _ in 0..bounds.workers.get() {
            scope.spawn(|| {
                let _leaving = Leaving(&window);
                let mut state = None;
                while let Some((turn, found)) = take(&entrance, &window, stop) {
                    match found {
                        Found::Fault(path, fault) => window.deliver(turn, Arrival::Fault(path, fault), 0),
                        Found::Image(image) => {
                            let taken = S::length(&image);
                            let result = work(state.get_or_insert_with(&worker), turn, image);
                            let weight = weigh(&result);
                            window.reweigh(taken, weight);
                            window.deliver(turn, Arrival::Image(result), weight);
                        }
                    }
                }
            });
        }
        // Whatever ends the receiving, a panic of its own included, must let the workers go.
        let _abandoning = Abandoning(&window);
        while let Some(arrival) = window.next() {
            receive(arrival)?;
        }
        Ok(())
    })
}

/// The next of the source and its turn, when there is room for it.
fn take<S: Supply>(
    entrance: &Mutex<(&mut S, u64)>,
    window: &Window<impl Send>,
    stop: &AtomicBool,
) -> Option<(u64, Found<S::Item>)> {
    let mut entrance = lock(entrance);
    if stop.load(Ordering::Relaxed) {
        return None;
    }
    let (source, next_turn) = &mut *entrance;
    let found = source.next()?;
    if let Found::Image(image) = &found
        && !window.admit(S::length(image))
    {
        return None;
    }
    let turn = *next_turn;
    *next_turn += 1;
    Some((turn, found))
}

/// Results that wait for their turn.
struct Window<T> {
    capacity: u64,
    state: Mutex<State<T>>,
    /// Something arrived, or the last worker left.
    arrived: Condvar,
    /// Room was made, or nobody receives any more.
    room: Condvar,
}

struct State<T> {
    under_way: u64,
    /// Images admitted and not yet received.
    images: u64,
    next_turn: u64,
    waiting: BTreeMap<u64, (Arrival<T>, u64)>,
    workers: usize,
    abandoned: bool,
}

impl<T> Window<T> {
    fn new(capacity: u64, workers: usize) -> Self {
        let state =
            State { under_way: 0, images: 0, next_turn: 0, waiting: BTreeMap::new(), workers, abandoned: false };
        Self { capacity, state: Mutex::new(state), arrived: Condvar::new(), room: Condvar::new() }
    }

    /// Waits for room for `bytes`; false when nobody receives any more.
    fn admit(&self, bytes: u64) -> bool {
        let mut state = lock(&self.state);
        while !state.abandoned && state.images > 0 && state.under_way.saturating_add(bytes) > self.capacity {
            state = wait(&self.room, state);
        }
        state.images += 1;
        state.under_way = state.under_way.saturating_add(bytes);
        !state.abandoned
    }

    fn reweigh(&self, before: u64, after: u64) {
        let mut state = lock(&self.state);
        state.under_way = state.under_way.saturating_sub(before).saturating_add(after);
        drop(state);
        self.room.notify_all();
    }

    fn deliver(&self, turn: u64, arrival: Arrival<T>, weight: u64) {
        let mut state = lock(&self.state);
        if !state.abandoned {
            state.waiting.insert(turn, (arrival, weight));
            drop(state);
            self.arrived.notify_one();
        }
    }

    /// What is next in order; `None` when all has been received.
    fn next(&self) -> Option<Arrival<T>> {
        let mut state = lock(&self.state);
        loop {
            let turn = state.next_turn;
            if let Some((arrival, weight)) = state.waiting.remove(&turn) {
                state.next_turn += 1;
                if matches!(arrival, Arrival::Image(_)) {
                    state.images -= 1;
                    state.under_way = state.under_way.saturating_sub(weight);
                }
                drop(state);
                self.room.notify_all();
                return Some(arrival);
            }
            if state.workers == 0 {
                return None;
            }
            let timeout;
            (state, timeout) = self.arrived.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() && !state.waiting.contains_key(&turn) && state.workers > 0 {
                return Some(Arrival::Idle);
            }
        }
    }
}

/// Signs a worker off, however it ends.
struct Leaving<'w, T>(&'w Window<T>);

impl<T> Drop for Leaving<'_, T> {
    fn drop(&mut self) {
        lock(&self.0.state).workers -= 1;
        self.0.arrived.notify_one();
    }
}

/// Lets waiting workers go when the receiver has ended.
struct Abandoning<'w, T>(&'w Window<T>);

impl<T> Drop for Abandoning<'_, T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.abandoned = true;
        state.waiting.clear();
        drop(state);
        self.0.room.notify_all();
    }
}

/// A bound on bytes that are held at once. One holder may exceed it alone.
pub(super) struct Budget {
    capacity: u64,
    held: Mutex<u64>,
    released: Condvar,
}

impl Budget {
    pub(super) fn new(capacity: u64) -> Self {
        Self { capacity, held: Mutex::new(0), released: Condvar::new() }
    }

    /// Waits until `bytes` fit. The holder must not wait for anything else that waits for this budget.
    pub(super) fn hold(&self, bytes: u64) -> Held<'_> {
        let mut held = lock(&self.held);
        while *held > 0 && held.saturating_add(bytes) > self.capacity {
            held = wait(&self.released, held);
        }
        *held = held.saturating_add(bytes);
        Held { budget: self, bytes }
    }
}

/// A share of a [`Budget`], given back on drop.
pub(super) struct Held<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = lock(&self.budget.held);
        *held = held.saturating_sub(self.bytes);
        drop(held);
        self.budget.released.notify_all();
    }
}

/// Nothing that panics is ever called under these locks; should it happen all the same, the counts still hold.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'m, T>(condition: &Condvar, guard: MutexGuard<'m, T>) -> MutexGuard<'m, T> {
    condition.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::fs;
    use std::sync::atomic::AtomicU64;

    use super::*;

    fn folder(sizes: &[usize]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (i, &size) in sizes.iter().enumerate() {
            fs::write(folder.path().join(format!("{i:03}.jpg")), vec![0; size]).unwrap();
        }
        folder
    }

    fn bounds(workers: usize, window: u64) -> Bounds {
        Bounds { workers: NonZeroUsize::new(workers).unwrap(), window }
    }

    #[test]
    fn the_order_is_the_sources_and_the_window_holds() {
        let sizes: Vec<usize> = (0..60).map(|i| [10, 990, 2500, 0][i % 4]).collect();
        let folder = folder(&sizes);
        for workers in [1, 2, 7] {
            let mut source = Source::open(folder.path(), None).unwrap();
            let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
            let mut seen = Vec::new();
            run(
                &mut source,
                &bounds(workers, 3000),
                &AtomicBool::new(false),
                || (),
                |(), _, image| {
                    let held = now.fetch_add(image.length, Ordering::SeqCst) + image.length;
                    most.fetch_max(held, Ordering::SeqCst);
                    // The later, the faster.
                    thread::sleep(Duration::from_micros(image.length % 100 * 10));
                    image
                },
                |image| image.length,
                |arrival| {
                    if let Arrival::Image(image) = arrival {
                        now.fetch_sub(image.length, Ordering::SeqCst);
                        seen.push(image.name);
                    }
                    Ok::<_, Infallible>(())
                },
            )
            .unwrap();
            assert!(seen.is_sorted() && seen.len() == sizes.len(), "{workers} workers");
            assert!(most.into_inner() <= 3000 + 2500, "{workers} workers");
        }
    }

    #[test]
    fn an_image_larger_than_the_window_goes_alone() {
        let folder = folder(&[5000, 5000, 5000]);
        let mut source = Source::open(folder.path(), None).unwrap();
        let mut seen = 0;
        let stop = AtomicBool::new(false);
        run(
            &mut source,
            &bounds(3, 10),
            &stop,
            || (),
            |(), _, _| (),
            |()| 1,
            |arrival| {
                seen += usize::from(matches!(arrival, Arrival::Image(())));
                Ok::<_, Infallible>(())
            },
        )
        .unwrap();
        assert_eq!(seen, 3);
    }

    #[test]
    fn an_error_of_the_receiver_ends_everything() {
        let folder = folder(&[100; 50]);
        let mut source = Source::open(folder.path(), None).unwrap();
        let stop = AtomicBool::new(false);
        let result = run(&mut source, &bounds(4, 150), &stop, || (), |(), _, _| (), |()| 100, |_| Err("full"));
        assert_eq!(result, Err("full"));
    }

    #[test]
    fn stopping_receives_what_is_under_way_and_takes_no_more() {
        let folder = folder(&[100; 50]);
        let mut source = Source::open(folder.path(), None).unwrap();
        let stop = AtomicBool::new(false);
        let (worked, mut received) = (AtomicU64::new(0), 0);
        let work = |(): &mut (), _, _| {
            if worked.fetch_add(1, Ordering::SeqCst) == 9 {
                stop.store(true, Ordering::SeqCst);
            }
        };
        run(
            &mut source,
            &bounds(3, 1 << 20),
            &stop,
            || (),
            work,
            |()| 100,
            |arrival| {
                received += u64::from(matches!(arrival, Arrival::Image(())));
                Ok::<_, Infallible>(())
            },
        )
        .unwrap();
        assert_eq!(received, worked.into_inner());
        assert!((10..=13).contains(&received), "{received}");
    }

    #[test]
    fn a_budget_lets_one_holder_exceed_it_and_no_second() {
        let budget = Budget::new(100);
        let large = budget.hold(500);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(budget.hold(1)));
            thread::sleep(Duration::from_millis(20));
            assert!(!waiting.is_finished());
            drop(large);
        });
        assert_eq!(*lock(&budget.held), 0);
    }
}

//! Threads that work on pictures, never on connections.
//!
//! Owns the queue to them and what bounds memory behind it: an order waits here only with room for its request, and what was made
//! is held until a client has taken it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::metrics::Metrics;
use crate::redactor::{Done, Order, Redactor, Refusal};

/// Memory is counted in these.
const UNIT: usize = 1024;

/// How long a thread waits until what it made may be held.
const TAKE: Duration = Duration::from_secs(10);

/// Bytes that may be held at once.
#[derive(Clone)]
pub(crate) struct Memory {
    units: Arc<Semaphore>,
    most: usize,
}

impl Memory {
    pub(crate) fn new(bytes: u64) -> Self {
        let most = (bytes as usize / UNIT).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self { units: Arc::new(Semaphore::new(most)), most }
    }

    /// Room for `bytes` more, if there is any now.
    pub(crate) fn try_hold(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.units).try_acquire_many_owned(self.units_of(bytes)).ok()
    }

    /// Waits for room. One thing larger than all room there is takes all of it.
    async fn hold(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.units).acquire_many_owned(self.units_of(bytes).min(self.most as u32)).await.ok()
    }

    fn units_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
    }

    /// Whoever waits for room goes on without.
    pub(crate) fn close(&self) {
        self.units.close();
    }
}

/// Bytes that give their room back when nobody holds them any more.
struct Held {
    bytes: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What a worker made.
pub(crate) struct Made {
    /// The blanked picture and its media type.
    pub(crate) scene: Option<(Bytes, &'static str)>,
    /// All else.
    pub(crate) done: Done,
    /// The name under which the original is sealed, if it is.
    pub(crate) sealed: Option<String>,
}

pub(crate) struct Job {
    order: Order,
    reply: oneshot::Sender<Result<Made, Refusal>>,
}

/// The way to the threads.
#[derive(Clone)]
pub(crate) struct Pool {
    jobs: mpsc::Sender<Job>,
}

/// The threads' end of it.
pub(crate) type Jobs = Mutex<mpsc::Receiver<Job>>;

impl Pool {
    /// A queue for `waiting` orders.
    pub(crate) fn new(waiting: usize) -> (Self, Jobs) {
        let (jobs, receiver) = mpsc::channel(waiting.max(1));
        (Self { jobs }, Mutex::new(receiver))
    }

    /// Orders that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Has one order done. Whoever stops waiting for it takes it back, if it was not begun.
    pub(crate) async fn work(&self, order: Order) -> Result<Made, Refusal> {
        let (reply, made) = oneshot::channel();
        let sent = self.jobs.send(Job { order, reply }).await;
        match sent {
            Ok(()) => made.await.unwrap_or(Err(Refusal::Fault)),
            Err(_) => Err(Refusal::Fault),
        }
    }
}

/// Works on `jobs` until nobody can send any more.
pub(crate) fn work(jobs: &Jobs, redactor: &dyn Redactor, memory: &Memory, metrics: &Metrics, handle: &Handle) {
    let mut worker = None;
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Job { order, reply }) = next else { return };
        if reply.is_closed() {
            continue;
        }
        let began = Instant::now();
        // After a panic the worker is made anew, and nothing else that the closure borrows can have changed.
        let worked = catch_unwind(AssertUnwindSafe(|| worker.get_or_insert_with(|| redactor.worker()).work(&order)));
        let result = worked.unwrap_or_else(|_panic| {
            worker = None;
            Err(Refusal::Fault)
        });
        drop(order);
        metrics.picture(&result, began.elapsed());
        let made = result.and_then(|done| held(done, memory, handle));
        // A client that went away needs no answer.
        let _ = reply.send(made);
    }
}

/// What was made, with room for it. A thread that waits for that, with a picture in hand, is held up by clients that do not read; not
/// for long, since a batch's first picture may wait for room that its others have.
fn held(mut done: Done, memory: &Memory, handle: &Handle) -> Result<Made, Refusal> {
    let Some((bytes, media_type)) = done.scene.take() else { return Ok(Made { scene: None, done, sealed: None }) };
    let room = handle.block_on(async { timeout(TAKE, memory.hold(bytes.len())).await });
    let room = room.map_err(|_| Refusal::Unavailable("too many answers wait to be taken; try again".to_owned()))?;
    let bytes = Bytes::from_owner(Held { bytes, _room: room });
    Ok(Made { scene: Some((bytes, media_type)), done, sealed: None })
}

//! The socket, its connections, and their end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use crate::guard::{Guard, Token};
use crate::metrics::Metrics;
use crate::pool::{self, Memory, Pool};
use crate::redactor::Redactor;
use crate::routes::{About, Service};

/// How a service is set up.
pub struct Settings {
    /// Where it listens; port 0 for any free one.
    pub listen: SocketAddr,
    /// What clients must show, if anything.
    pub token: Option<Token>,
    /// What it is called beside its addresses: a proxy's name for it, say.
    pub names: Vec<String>,
    /// Whether it can do what it is there for.
    pub health: Arc<Health>,
    /// The program's version.
    pub version: &'static str,
    /// Whether originals can be sealed.
    pub keeps: bool,
    /// What is accepted at most.
    pub limits: Limits,
}

/// What is accepted at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request.
    pub body_bytes: u64,
    /// Threads that work on pictures.
    pub jobs: NonZeroUsize,
    /// Requests that are worked on or wait for it.
    pub requests: usize,
    /// Open connections; further ones wait to be accepted.
    pub connections: usize,
    /// Time for a request's head, and for a connection's first request.
    pub head: Duration,
    /// Time for a request's body.
    pub receive: Duration,
    /// Time for a picture, waiting included.
    pub answer: Duration,
    /// Time for a client to take what it was sent.
    pub write: Duration,
    /// Bytes of requests, and as many of answers, that are held at once.
    pub held_bytes: u64,
    /// Time to finish what is under way when the service ends.
    pub finish: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // The largest panoramas in the field have 40 MB.
            body_bytes: 64 << 20,
            jobs: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            // At ten pictures a second, as of 12 megapixels on two cores, the last of these waits six seconds.
            requests: 64,
            connections: 256,
            // As long as a connection may be idle, too: where all are taken, others wait for one.
            head: Duration::from_secs(5),
            // The longest body at ten megabits a second.
            receive: Duration::from_secs(60),
            // Two hundred megapixels take twenty seconds of one core.
            answer: Duration::from_secs(120),
            write: Duration::from_secs(30),
            // Four of the longest bodies, which count twice.
            held_bytes: 512 << 20,
            finish: Duration::from_secs(20),
        }
    }
}

/// Whether a service can do what it is there for.
#[derive(Default)]
pub struct Health(AtomicBool);

impl Health {
    /// Says that something failed that it cannot do without, until it is begun anew.
    pub fn fail(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_well(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

/// What a service did while it ran.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Requests that were answered.
    pub requests: u64,
    /// Pictures that were worked on.
    pub pictures: u64,
    /// Of these, pictures that were not blanked.
    pub failed: u64,
    /// Requests that had no answer yet when the time was over in which it may end.
    pub cut: u64,
}

/// How often somebody's wish to stop is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// Most headers' bytes of a request.
const HEAD_BYTES: usize = 64 << 10;
/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 32;

/// A socket that listens.
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
}

impl Server {
    /// Listens where `settings` say.
    ///
    /// # Errors
    ///
    /// When the address cannot be had.
    pub fn bind(settings: Settings) -> io::Result<Self> {
        // Connections take little time beside pictures: one thread serves them all.
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(settings.listen))?;
        let address = listener.local_addr()?;
        Ok(Self { runtime, listener, address, settings })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` becomes true, then finishes what is under way.
    pub fn run(self, redactor: &dyn Redactor, stop: &AtomicBool) -> Summary {
        let Self { runtime, listener, address, settings } = self;
        let Settings { token, names, health, version, keeps, limits, .. } = settings;
        let metrics = Arc::new(Metrics::default());
        // One order waits for each request; a batch has few more at a time.
        let (pool, jobs) = Pool::new(limits.requests);
        let answers = Memory::new(limits.held_bytes);
        let service = Arc::new(Service {
            about: About { version, keeps, health },
            metrics: Arc::clone(&metrics),
            guard: Guard::new(token, address, names),
            limits,
            pool,
            memory: Memory::new(limits.held_bytes),
            room: Arc::new(Semaphore::new(limits.requests)),
            connections: Arc::new(Semaphore::new(limits.connections)),
        });
        let handle = runtime.handle().clone();
        let room = Arc::clone(&service.room);
        let mut cut = 0;
        thread::scope(|scope| {
            for _ in 0..limits.jobs.get() {
                scope.spawn(|| pool::work(&jobs, redactor, &answers, &metrics, &handle));
            }
            runtime.block_on(accept(listener, service, stop));
            cut = limits.requests.saturating_sub(room.available_permits()) as u64;
            // Whoever is still not done is cut off: with the last connection goes the last who could send an order.
            answers.close();
            drop(runtime);
        });
        let (pictures, failed) = metrics.pictures();
        Summary { requests: metrics.requests(), pictures, failed, cut }
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>, stop: &AtomicBool) {
    let graceful = GracefulShutdown::new();
    let stopped = || stop.load(Ordering::Relaxed);
    while !stopped() {
        // Closed by nobody.
        let Ok(Ok(place)) = timeout(LOOK, Arc::clone(&service.connections).acquire_owned()).await else { continue };
        let accepted = loop {
            match timeout(LOOK, listener.accept()).await {
                Ok(Ok((stream, _))) => break Some(stream),
                _ if stopped() => break None,
                // Too many open files, say: a moment later there may be fewer.
                Ok(Err(_)) => sleep(LOOK).await,
                Err(_) => {}
            }
        };
        let Some(stream) = accepted else { break };
        let watcher = graceful.watcher();
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let _place = place;
            connection(stream, service, watcher).await;
        });
    }
    drop(listener);
    let _ = timeout(service.limits.finish, graceful.shutdown()).await;
}

async fn connection(stream: TcpStream, service: Arc<Service>, watcher: hyper_util::server::graceful::Watcher) {
    let limits = service.limits;
    // An answer is written as a whole; waiting for more of it to send helps nobody.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_read_timeout(Some(limits.silence()));
    stream.set_write_timeout(Some(limits.write));
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES as u32)
        .keep_alive_interval(limits.write)
        .keep_alive_timeout(limits.head);
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let respond = service_fn(move |request| {
        seen.store(true, Ordering::Relaxed);
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.respond(request).await) }
    });
    let served = builder.serve_connection(TokioIo::new(Box::pin(stream)), respond).into_owned();
    // Which protocol a client speaks, its first bytes tell, and nothing else limits how long they take.
    let first = pin!(sleep(limits.head));
    if let Either::Right(((), served)) = select(pin!(watcher.watch(served)), first).await
        && asked.load(Ordering::Relaxed)
    {
        // How a connection ends is its client's affair.
        let _ = served.await;
    }
}

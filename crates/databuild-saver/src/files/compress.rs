//! Compresses archives, one after another, on a thread of its own. Killed at any moment it leaves the archive
//! or its compressed form, whole, or both until it is looked at again: before the file that the archive is of
//! is written the next time.

use crate::limits;
use databuild_io::sink::{Sink, SinkError, SinkErrorKind, SinkFile};
use databuild_policy::roll::name::Compression;
use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The thread that compresses; it ends with this.
pub(super) struct Compressor {
    queue: Option<SyncSender<Work>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

enum Work {
    Archive(String),
    /// All that was asked for before is done: say so.
    Tell(SyncSender<()>),
}

#[derive(Default)]
struct Shared {
    /// Nothing more is begun.
    closing: AtomicBool,
    /// What is being done is given up.
    stop: AtomicBool,
    /// What waits or is being done.
    asked: Mutex<HashSet<String>>,
    /// The thread has nothing to do any more.
    over: Mutex<bool>,
    ended: Condvar,
}

impl Shared {
    fn asked(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Compressor {
    /// Starts the thread. Without one, because there are too many, archives stay as they are until later.
    pub(super) fn start(sink: Arc<dyn Sink>, compression: Compression) -> Compressor {
        let (sender, receiver) = sync_channel(limits::COMPRESSIONS_QUEUED);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("compress".to_owned())
            .spawn(move || {
                work(sink.as_ref(), compression, &receiver, &theirs);
                *theirs.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
                theirs.ended.notify_all();
            })
            .ok();
        Compressor { queue: thread.is_some().then_some(sender), shared, thread }
    }

    /// Asks for an archive to be compressed. If there is too much to do, it is found again later.
    pub(super) fn push(&self, path: &str) {
        let Some(queue) = &self.queue else { return };
        if self.shared.asked().insert(path.to_owned())
            && let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
                queue.try_send(Work::Archive(path.to_owned()))
        {
            self.shared.asked().remove(path);
        }
    }

    /// Waits until all that was asked for is done.
    pub(super) fn drain(&self) {
        let Some(queue) = &self.queue else { return };
        let (sender, receiver) = sync_channel(1);
        if queue.send(Work::Tell(sender)).is_ok() {
            // It ends without an answer only with its thread.
            receiver.recv().ok();
        }
    }
}

impl Compressor {
    /// Ends it. What is being compressed may be finished, for as long as `longest`; what waits stays as it is
    /// until it is found again.
    pub(super) fn end(mut self, longest: Duration) {
        self.shared.closing.store(true, Ordering::Relaxed);
        self.queue = None;
        if self.thread.is_some() {
            let over = self.shared.over.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.shared.ended.wait_timeout_while(over, longest, |over| !*over));
        }
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        self.shared.stop.store(true, Ordering::Relaxed);
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // What it did is whole or not there, however it ended.
            thread.join().ok();
        }
    }
}

fn work(sink: &dyn Sink, compression: Compression, queue: &Receiver<Work>, shared: &Shared) {
    for work in queue {
        match work {
            Work::Archive(path) => {
                if !shared.closing.load(Ordering::Relaxed) {
                    // What fails stays as it is, and is found again at the next roll.
                    compress(sink, compression, &path, &shared.stop).ok();
                }
                shared.asked().remove(&path);
            }
            Work::Tell(sender) => {
                sender.send(()).ok();
            }
        }
    }
}

fn compress(
    sink: &dyn Sink,
    compression: Compression,
    path: &str,
    stop: &AtomicBool,
) -> Result<(), SinkError> {
    let whole = format!("{path}{}", compression.ending());
    if sink.stat(&whole)?.is_none() {
        let incoming = format!("{whole}.tmp");
        let file = sink.append_from(&incoming, 0)?;
        if !copy(sink, compression, path, file, stop)? {
            return sink.remove(&incoming);
        }
        sink.rename(&incoming, &whole)?;
    }
    // Its name is durable before that of the other is gone.
    sink.sync_names(&whole)?;
    match sink.remove(path) {
        Err(error) if error.kind == SinkErrorKind::Missing => Ok(()),
        removed => removed,
    }
}

/// Whether it came to the end before it was told to stop.
fn copy(
    sink: &dyn Sink,
    compression: Compression,
    path: &str,
    mut file: Box<dyn SinkFile>,
    stop: &AtomicBool,
) -> Result<bool, SinkError> {
    let trouble = |source: io::Error| SinkError {
        kind: SinkErrorKind::Transient,
        doing: "compress",
        path: path.to_owned(),
        source: Some(source),
    };
    let mut encoder = Encoder::new(compression).map_err(trouble)?;
    let mut offset = 0;
    loop {
        let chunk = sink.read(path, offset, limits::COMPRESS_READ_BYTES)?;
        if chunk.is_empty() {
            break;
        }
        offset += chunk.len() as u64;
        encoder.write(&chunk).map_err(trouble)?;
        file.append(&encoder.take())?;
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
    }
    file.append(&encoder.finish().map_err(trouble)?)?;
    if stop.load(Ordering::Relaxed) {
        return Ok(false);
    }
    file.sync()?;
    file.close()?;
    Ok(true)
}

enum Encoder {
    Gzip(Box<flate2::write::GzEncoder<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl Encoder {
    fn new(compression: Compression) -> io::Result<Encoder> {
        Ok(match compression {
            Compression::Gzip => {
                let level = flate2::Compression::default();
                Encoder::Gzip(Box::new(flate2::write::GzEncoder::new(Vec::new(), level)))
            }
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 0)?;
                encoder.include_checksum(true)?;
                Encoder::Zstd(Box::new(encoder))
            }
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Encoder::Gzip(encoder) => encoder.write_all(bytes),
            Encoder::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// What is ready.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Encoder::Gzip(encoder) => encoder.get_mut(),
            Encoder::Zstd(encoder) => encoder.get_mut(),
        })
    }

    /// The rest.
    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

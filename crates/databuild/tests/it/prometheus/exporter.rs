//! A target that shows what the service of this test has nothing to tell of: a log saver with a pipeline,
//! and a run that goes on. Its text is made as that of the service is.

use databuild_metrics::expose::{Format, expose};
use databuild_metrics::own::{ConfigReload, Heard, Moment, OwnHealth};
use databuild_metrics::saver::{PipelineState, PipelineStats, SaverStats};
use databuild_model::ids::{JobLabel, PipelineName};
use databuild_model::time::Timestamp;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

/// Answers every request with one text.
pub(super) struct Exporter {
    listener: TcpListener,
    stop: AtomicBool,
}

/// Ends the exporter when it goes, so that a test that fails ends, too.
pub(super) struct Ending<'a>(&'a Exporter);

impl Exporter {
    pub(super) fn bind() -> Exporter {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        Exporter { listener, stop: AtomicBool::new(false) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    pub(super) fn ending(&self) -> Ending<'_> {
        Ending(self)
    }

    /// Answers until it is ended.
    pub(super) fn serve(&self) {
        let text = text();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            Format::Classic.content_type(),
            text.len()
        );
        while let Ok((stream, _)) = self.listener.accept() {
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            // A caller that went away asks again.
            answer(stream, &head, &text).ok();
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Release);
        TcpStream::connect(self.0.address()).ok();
    }
}

fn answer(mut stream: TcpStream, head: &str, text: &str) -> std::io::Result<()> {
    let mut asked = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while asked.read_line(&mut line)? != 0 && line != "\r\n" {
        line.clear();
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(text.as_bytes())
}

fn text() -> String {
    let pipeline = PipelineStats {
        state: PipelineState::Waiting,
        checkpoint_age_seconds: Some(0.5),
        ..PipelineStats::new(PipelineName::parse("errors").expect("a name"))
    };
    let quiet = Heard {
        job_label: JobLabel::parse("clean").expect("a label"),
        job_type: "process".to_owned(),
        age_seconds: 2.0,
    };
    let moment = Moment {
        heard: vec![quiet],
        config: Some(ConfigReload { successful: true, in_use: true, success_seconds: 1.0 }),
        saver: Some(SaverStats { pipelines: vec![pipeline] }),
        ..Moment::default()
    };
    let registry = OwnHealth::new("0.0.0").at(&moment, Timestamp::default());
    expose(&[&registry], Format::Classic)
}

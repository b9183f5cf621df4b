//! A lean load generator: requests made beforehand, sent over connections that stay open, from one thread.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::process::{Cpu, own_cpu};

/// What a load took, and what it brought.
#[derive(Default)]
pub struct Load {
    pub took: Duration,
    /// Bytes in the bodies of all answers.
    pub bytes: usize,
    /// How often the mark stood in an answer.
    pub marks: usize,
    /// Processor time of the generator.
    pub cpu: Duration,
    /// How long each answer took.
    pub times: Vec<Duration>,
    /// The body of the last answer.
    pub last: Vec<u8>,
}

impl Load {
    /// Adds a later load.
    pub fn add(&mut self, after: Self) {
        self.took += after.took;
        self.bytes += after.bytes;
        self.marks += after.marks;
        self.cpu += after.cpu;
        self.times.extend(after.times);
        if !after.last.is_empty() {
            self.last = after.last;
        }
    }
}

/// Sends `requests` over `connections` connections, one at a time on each, until `times` of them were answered with 200; at
/// its end the list begins again. Counts `mark` in the answers, if it is given.
pub fn run(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Vec<u8>>,
    times: usize,
    mark: Option<&'static str>,
) -> Load {
    paced(address, connections, requests, times, mark, Duration::ZERO)
}

/// The same, but each connection asks at most once in `pace`. The time of a late request counts from when it was due.
pub fn paced(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Vec<u8>>,
    times: usize,
    mark: Option<&'static str>,
    pace: Duration,
) -> Load {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let requests: Arc<[Vec<u8>]> = requests.into();
    let next = Arc::new(AtomicUsize::new(0));
    let before = own_cpu();
    let started = Instant::now();
    let mut load = Load::default();
    runtime.block_on(async {
        let connections: Vec<_> = (0..connections)
            .map(|n| {
                let (requests, next) = (requests.clone(), next.clone());
                // Spread over the pace, so that they don't all ask at once.
                let mut due = started + pace * n as u32 / connections as u32;
                tokio::spawn(async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let mut buffer = vec![0; 512 << 10];
                    let mut load = Load::default();
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        if i >= times {
                            return load;
                        }
                        let sent = if pace.is_zero() {
                            Instant::now()
                        } else {
                            tokio::time::sleep_until(due.into()).await;
                            due += pace;
                            due - pace
                        };
                        stream.write_all(&requests[i % requests.len()]).await.unwrap();
                        let body = answer(&mut stream, &mut buffer).await;
                        load.bytes += body.len();
                        load.marks += mark.map_or(0, |mark| count(body, mark.as_bytes()));
                        load.times.push(sent.elapsed());
                        if i + 1 == times {
                            load.last = body.to_vec();
                        }
                    }
                })
            })
            .collect();
        for connection in connections {
            load.add(connection.await.unwrap());
        }
    });
    Load { took: started.elapsed(), cpu: Cpu::since(before, own_cpu()), ..load }
}

/// Reads one answer, which must be 200 and say its length. Gives the body.
async fn answer<'a>(stream: &mut TcpStream, buffer: &'a mut [u8]) -> &'a [u8] {
    let mut filled = 0;
    loop {
        let n = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(n > 0, "the server hung up: {}", String::from_utf8_lossy(&buffer[..filled]));
        filled += n;
        let Some(head) = buffer[..filled].windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 200"), "{text}");
        let length = text.lines().find_map(|l| l.strip_prefix("content-length: "));
        let end = head + 4 + length.expect("a length").trim().parse::<usize>().unwrap();
        while filled < end {
            let n = stream.read(&mut buffer[filled..]).await.unwrap();
            assert!(n > 0, "the server hung up");
            filled += n;
        }
        return &buffer[head + 4..end];
    }
}

fn count(text: &[u8], mark: &[u8]) -> usize {
    text.windows(mark.len()).filter(|w| *w == mark).count()
}

//! A store that takes its time: it speaks as much of redis' protocol as a client needs, and answers slowly where it is
//! asked for a key that begins with `slow`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a key may be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store with a value for every key: `value`.
pub struct SlowStore {
    address: SocketAddr,
    /// How often a slow key was asked for.
    asked: watch::Receiver<usize>,
    serving: JoinHandle<()>,
}

impl SlowStore {
    /// `delay` is how long slow keys take; they do not wait for each other.
    pub async fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (asking, asked) = watch::channel(0);
        let asking = Arc::new(asking);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (reading, writing) = stream.into_split();
                let (sender, receiver) = unbounded_channel();
                let asking = Arc::clone(&asking);
                tokio::spawn(async move { read(reading, delay, &asking, &sender).await });
                tokio::spawn(write(writing, receiver));
            }
        });
        Self { address, asked, serving }
    }

    /// The `url` of a store.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// How often slow keys were asked for so far.
    pub fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    /// Waits until slow keys were asked for so often.
    pub async fn was_asked(&self, times: usize) {
        let mut asked = self.asked.clone();
        let waited = timeout(PATIENCE, asked.wait_for(|asked| *asked >= times)).await;
        assert!(waited.is_ok(), "slow keys were asked for {} times, not {times}", self.asked());
    }
}

impl Drop for SlowStore {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Reads commands, and queues a reply to each with the time at which it may leave.
async fn read(
    reading: OwnedReadHalf,
    delay: Duration,
    asking: &watch::Sender<usize>,
    replies: &UnboundedSender<(Instant, &'static str)>,
) -> io::Result<()> {
    let mut reading = BufReader::new(reading);
    loop {
        let command = command(&mut reading).await?;
        let word = |at: usize| command.get(at).map_or("", String::as_str);
        let now = Instant::now();
        let reply = match word(0).to_ascii_uppercase().as_str() {
            "GET" if word(1).starts_with("slow") => {
                asking.send_modify(|asked| *asked += 1);
                (now + delay, "$5\r\nvalue\r\n")
            }
            "GET" => (now, "$5\r\nvalue\r\n"),
            "PING" => (now, "+PONG\r\n"),
            _ => (now, "+OK\r\n"),
        };
        replies.send(reply).map_err(|_| io::ErrorKind::BrokenPipe)?;
    }
}

/// Replies leave in the order of the commands.
async fn write(mut writing: OwnedWriteHalf, mut replies: UnboundedReceiver<(Instant, &'static str)>) -> io::Result<()> {
    while let Some((at, reply)) = replies.recv().await {
        sleep_until(at).await;
        writing.write_all(reply.as_bytes()).await?;
    }
    Ok(())
}

/// `*COUNT`, then `$LEN` and the bytes of each word.
async fn command(reading: &mut BufReader<OwnedReadHalf>) -> io::Result<Vec<String>> {
    let count = number(reading, '*').await?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let mut word = vec![0; number(reading, '$').await? + 2];
        reading.read_exact(&mut word).await?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Ok(words)
}

async fn number(reading: &mut BufReader<OwnedReadHalf>, mark: char) -> io::Result<usize> {
    let mut line = String::new();
    reading.read_line(&mut line).await?;
    let number = line.trim_end().strip_prefix(mark).and_then(|number| number.parse().ok());
    number.ok_or(io::ErrorKind::InvalidData.into())
}

//! Cuts a connection whose server sends a reply that is too large, before it is held in memory.
//!
//! The client behind this has no limit of its own. This reads along ([`Scanner`]) and knows where each top-level reply
//! begins and how large it will be: whole replies in front of a too large one still pass.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::scanner::{Cut, Scanner};

/// Filled in when a connection is cut.
pub(super) type Verdict = Arc<OnceLock<Cut>>;

/// A stream whose incoming replies are limited.
pub(super) struct ReplyLimit<S> {
    stream: S,
    scanner: Scanner,
    verdict: Verdict,
}

impl<S> ReplyLimit<S> {
    pub(super) fn new(stream: S, limit: u64, verdict: Verdict) -> Self {
        Self { stream, scanner: Scanner::new(limit), verdict }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReplyLimit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(cut) = self.verdict.get() {
            return Poll::Ready(Err(cut_off(*cut)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let Err((whole, cut)) = self.scanner.read(&buffer.filled()[before..]) else { return Poll::Ready(Ok(())) };
        let cut = *self.verdict.get_or_init(|| cut);
        if whole == 0 {
            return Poll::Ready(Err(cut_off(cut)));
        }
        buffer.set_filled(before + whole); // the replies in front; the next read ends it
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReplyLimit<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn cut_off(cut: Cut) -> io::Error {
    let kind = match cut {
        Cut::TooLarge => io::ErrorKind::FileTooLarge,
        Cut::Malformed => io::ErrorKind::InvalidData,
    };
    kind.into()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn whole_replies_in_front_of_a_cut_one_still_pass() {
        let verdict = Verdict::default();
        let mut stream = ReplyLimit::new(&b"+OK\r\n:1\r\n$99\r\n"[..], 50, Arc::clone(&verdict));
        let mut passed = Vec::new();
        assert!(stream.read_to_end(&mut passed).await.is_err());
        assert_eq!(passed, b"+OK\r\n:1\r\n");
        assert_eq!(verdict.get(), Some(&Cut::TooLarge));
    }
}

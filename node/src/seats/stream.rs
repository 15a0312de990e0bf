//! A stream that knows its seat: when its connection is over it reads the end, and writes fail
//! where they would wait.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use super::{Presence, Seat};

/// A stream and, where it takes one, its seat.
pub struct Seated<T> {
    io: T,
    seat: Option<Seat>,
    is_closed: bool,
}

impl<T> Seated<T> {
    /// A stream that may be ended for others.
    pub fn new(io: T, seat: Seat) -> Self {
        Self { io, seat: Some(seat), is_closed: false }
    }

    /// A stream that nobody ends, such as one this node opened.
    pub fn free(io: T) -> Self {
        Self { io, seat: None, is_closed: false }
    }

    /// A stream for which there was no seat.
    pub fn closed(io: T) -> Self {
        Self { io, seat: None, is_closed: true }
    }

    /// What may be told of it.
    pub fn presence(&self) -> Option<Presence> {
        self.seat.as_ref().map(Seat::presence)
    }

    fn is_over(&self) -> bool {
        self.is_closed || self.seat.as_ref().is_some_and(Seat::is_over)
    }

    /// Before a task sleeps: whether there is nothing more to wait for.
    fn is_over_before_waiting(&self, context: &Context<'_>) -> bool {
        let Some(seat) = &self.seat else { return self.is_closed };
        seat.listen(context.waker());
        seat.is_over()
    }

    fn taken(&self, written: &Poll<io::Result<usize>>, context: &Context<'_>) -> Option<io::Error> {
        match written {
            Poll::Ready(Ok(_)) => {
                if let Some(seat) = &self.seat {
                    seat.took_some();
                }
                None
            }
            Poll::Pending if self.is_over_before_waiting(context) => {
                Some(io::ErrorKind::TimedOut.into())
            }
            _ => None,
        }
    }
}

impl<T: tokio::io::AsyncRead + Unpin> tokio::io::AsyncRead for Seated<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over() {
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut self.io).poll_read(context, buffer) {
            Poll::Pending if self.is_over_before_waiting(context) => Poll::Ready(Ok(())),
            read => read,
        }
    }
}

impl<T: tokio::io::AsyncWrite + Unpin> tokio::io::AsyncWrite for Seated<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.taken(&written, context).map_or(written, |error| Poll::Ready(Err(error)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

impl<T: futures::AsyncRead + Unpin> futures::AsyncRead for Seated<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_over() {
            return Poll::Ready(Ok(0));
        }
        match Pin::new(&mut self.io).poll_read(context, buffer) {
            Poll::Pending if self.is_over_before_waiting(context) => Poll::Ready(Ok(0)),
            read => read,
        }
    }
}

impl<T: futures::AsyncWrite + Unpin> futures::AsyncWrite for Seated<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.taken(&written, context).map_or(written, |error| Poll::Ready(Err(error)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(context)
    }
}

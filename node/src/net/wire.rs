//! The protocol between nodes, `/lianshi/1`: one request and one answer per stream, the end of the
//! stream being the end of the message. The bytes are `registry::wire`; here they meet a stream and
//! its limits.

use std::{io, sync::Arc};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use lianshi_registry::wire::{ANSWER_BYTES_MAX, Answer, REQUEST_BYTES_MAX, Request};
use libp2p::{StreamProtocol, request_response};
use tokio::sync::Semaphore;

/// Name and version of the protocol.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/lianshi/1");

/// Most bytes of a request that is no letter: a digest has two thousand, a submission sixteen
/// thousand, and a checkpoint with a hundred cosignatures about twenty thousand.
pub(super) const SMALL_FRAME_BYTES_MAX: usize = 32 * 1024;
/// Letters of one connection that are read at a time; the post of an honest node has as many under
/// way.
pub(super) const LARGE_FRAMES_MAX: usize = 16;

/// Reads and writes the frames with their limits. The swarm keeps one, clones it for each
/// connection, and each of those for each of its streams; letters are counted by connection.
#[derive(Debug, Default)]
pub(super) struct Codec {
    letters: Option<Arc<Semaphore>>,
}

impl Clone for Codec {
    fn clone(&self) -> Self {
        let of_connection = || Arc::new(Semaphore::new(LARGE_FRAMES_MAX));
        Self { letters: Some(self.letters.clone().unwrap_or_else(of_connection)) }
    }
}

impl Codec {
    async fn read<T>(&self, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut tag = [0];
        io.read_exact(&mut tag).await?;
        if !Request::is_letter(tag[0]) {
            return read_frame(io, tag.to_vec(), SMALL_FRAME_BYTES_MAX).await;
        }
        let letters = self.letters.as_ref().map(|letters| letters.try_acquire());
        match letters {
            Some(Ok(_place)) => read_frame(io, tag.to_vec(), REQUEST_BYTES_MAX).await,
            _ => Err(invalid("too many letters at a time")),
        }
    }
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = self.read(io).await?;
        Request::decode(&bytes).ok_or_else(|| invalid("not a request"))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read_frame(io, Vec::new(), ANSWER_BYTES_MAX).await?;
        Answer::decode(&bytes).ok_or_else(|| invalid("not an answer"))
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&request.encode()).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        answer: Answer,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let (tag, rest) = answer.parts();
        io.write_all(&[tag]).await?;
        io.write_all(rest).await
    }
}

/// Reads to the end of the stream; `bytes` were read before.
async fn read_frame<T>(io: &mut T, mut bytes: Vec<u8>, max: usize) -> io::Result<Vec<u8>>
where
    T: AsyncRead + Unpin + Send,
{
    let limit = u64::try_from(max.saturating_sub(bytes.len())).unwrap_or(u64::MAX);
    io.take(limit.saturating_add(1)).read_to_end(&mut bytes).await?;
    if bytes.len() > max { Err(invalid("the frame is too large")) } else { Ok(bytes) }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
        let read = |size: usize| {
            let bytes = vec![1_u8; size];
            futures::executor::block_on(read_frame(&mut bytes.as_slice(), Vec::new(), 100))
        };
        assert_eq!(read(100).expect("fits").len(), 100);
        assert!(read(101).is_err());
    }
}

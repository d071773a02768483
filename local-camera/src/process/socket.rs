//! A socket that keeps messages apart (`SOCK_SEQPACKET`), and passes descriptors.

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Longest message, in bytes. A webcam with hundreds of sizes is told in 10,000.
const MOST: usize = 128 << 10;

/// Most descriptors of one message: a picture has three planes at most.
const MOST_DESCRIPTORS: usize = 4;

thread_local! {
    /// What a thread receives into: memory of its own for each message would cost more than the message.
    static TEXT: RefCell<Box<[u8]>> = RefCell::new(vec![0; MOST].into());
}

/// One end.
#[derive(Debug)]
pub struct Socket(OwnedFd);

impl From<OwnedFd> for Socket {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.0
    }
}

impl Socket {
    /// Both ends of a new one. No program that is started gets them by accident.
    ///
    /// # Errors
    /// Where the system has no descriptors left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self(one), Self(other)))
    }

    /// Has [`Self::receive`] wait no longer than that.
    ///
    /// # Errors
    /// Where this is no socket.
    pub fn set_patience(&self, patience: Duration) -> io::Result<()> {
        let timeout = rustix::net::sockopt::Timeout::Recv;
        Ok(rustix::net::sockopt::set_socket_timeout(
            &self.0,
            timeout,
            Some(patience),
        )?)
    }

    /// Sends a message, which is lost where the other end takes none.
    pub fn send(&self, message: &impl Serialize) {
        let _ = self.send_with(message, &[]);
    }

    /// Sends a message with descriptors. It never waits.
    ///
    /// # Errors
    /// Where the other end is gone, or reads nothing.
    pub fn send_with(&self, message: &impl Serialize, descriptors: &[OwnedFd]) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors))
        {
            return Err(io::Error::other("a buffer lies in too many pieces"));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        rustix::net::sendmsg(&self.0, &[IoSlice::new(&text)], &mut ancillary, flags)?;
        Ok(())
    }

    /// The next message with its descriptors; `None` where there is none within the patience.
    ///
    /// # Errors
    /// `UnexpectedEof` where the other end is gone, and others where what it sent is no such message.
    pub fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        TEXT.with_borrow_mut(|text| self.receive_into(text))
    }

    fn receive_into<T: DeserializeOwned>(
        &self,
        text: &mut [u8],
    ) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            &self.0,
            &mut [IoSliceMut::new(text)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        );
        let received = match received {
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            received => received?,
        };
        let descriptors = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let descriptors: Vec<_> = descriptors.flatten().collect();
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if received.flags.contains(ReturnFlags::TRUNC)
            || received.flags.contains(ReturnFlags::CTRUNC)
        {
            return Err(io::Error::other("a message is too long"));
        }
        Ok(Some((
            serde_json::from_slice(&text[..received.bytes])?,
            descriptors,
        )))
    }
}

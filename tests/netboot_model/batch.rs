//! Frames in batches: a rack of boards in one process must cost less than the server that it asks.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};

use socket2::Socket;

/// Frames in one call.
const MOST: usize = 64;
/// Longer than any frame of a board.
const SNAP: usize = 2048;

/// Room for frames that come.
pub(crate) struct Batch {
    fd: RawFd,
    buffers: Vec<[u8; SNAP]>,
    lengths: Vec<usize>,
}

fn header(parts: *mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zeros are a valid mmsghdr.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_iov = parts;
    header.msg_hdr.msg_iovlen = 1;
    header
}

impl Batch {
    pub(crate) fn new(socket: &Socket) -> Self {
        Self { fd: socket.as_raw_fd(), buffers: vec![[0; SNAP]; MOST], lengths: Vec::new() }
    }

    /// Takes what has come; gives how many frames.
    pub(crate) fn receive(&mut self) -> usize {
        let mut parts: Vec<libc::iovec> = self
            .buffers
            .iter_mut()
            .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: SNAP })
            .collect();
        let mut headers: Vec<_> = parts.iter_mut().map(|part| header(part)).collect();
        // SAFETY: the headers point to iovecs, and these to buffers of that length; all outlive the call.
        let got = unsafe {
            libc::recvmmsg(
                self.fd,
                headers.as_mut_ptr(),
                MOST as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if got < 0 {
            let error = io::Error::last_os_error();
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "receiving frames: {error}");
        }
        let got = usize::try_from(got).unwrap_or(0);
        self.lengths = headers[..got].iter().map(|header| header.msg_len as usize).collect();
        got
    }

    /// One of them.
    pub(crate) fn frame(&self, at: usize) -> &[u8] {
        &self.buffers[at][..self.lengths[at].min(SNAP)]
    }

    /// Sends frames. What the wire can't take is lost, and sent again by the board.
    pub(crate) fn send(&self, frames: &mut Vec<Vec<u8>>) {
        for some in frames.chunks_mut(MOST) {
            let mut parts: Vec<libc::iovec> = some
                .iter_mut()
                .map(|frame| libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() })
                .collect();
            let mut headers: Vec<_> = parts.iter_mut().map(|part| header(part)).collect();
            let mut sent = 0;
            while sent < headers.len() {
                let rest = &mut headers[sent..];
                // SAFETY: as above; the frames are only read.
                let now = unsafe { libc::sendmmsg(self.fd, rest.as_mut_ptr(), rest.len() as u32, 0) };
                // The frame that couldn't be sent is left out.
                sent += usize::try_from(now).unwrap_or(0).max(1);
            }
        }
        frames.clear();
    }
}

//! A disk that misbehaves: it fails, or it lies. QEMU reads it through the NBD protocol
//! (<https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md>), which is served here on a Unix socket.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the disk is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Read,
    Write,
}

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should.
    Honest,
    /// It says that it failed.
    Fail,
    /// It says that all is well. What was to be written isn't; of what is read, one bit is wrong.
    Lie,
}

/// Decides for each access: operation, offset in bytes, length in bytes.
type Judge = dyn Fn(Op, u64, u64) -> Verdict + Send + Sync;

/// A disk served until the tests end.
pub(crate) struct Disk {
    socket: PathBuf,
}

impl Disk {
    /// Serves a file with a judge between it and its reader.
    pub(crate) fn serve(
        file: &Path,
        judge: impl Fn(Op, u64, u64) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        let socket = file.with_extension("nbd");
        let listener = UnixListener::bind(&socket).unwrap();
        let file = Arc::new(File::options().read(true).write(true).open(file).unwrap());
        let judge: Arc<Judge> = Arc::new(judge);
        std::thread::spawn(move || {
            // One connection a start of QEMU.
            for stream in listener.incoming().map_while(Result::ok) {
                let (file, judge) = (Arc::clone(&file), Arc::clone(&judge));
                std::thread::spawn(move || serve(stream, &file, &*judge));
            }
        });
        Self { socket }
    }

    /// How QEMU calls it.
    pub(crate) fn address(&self) -> String {
        format!("nbd+unix:///?socket={}", self.socket.display())
    }
}

const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const I_HAVE_OPT: u64 = 0x4948_4156_454f_5054;
const GO: u32 = 7;
const ACK: u32 = 1;
const INFO: u32 = 3;
const UNSUPPORTED: u32 = (1 << 31) + 1;
const HAS_FLAGS_AND_FLUSH: u16 = 1 | 4;
const EIO: u32 = 5;

fn serve(mut stream: UnixStream, file: &File, judge: &Judge) -> io::Result<()> {
    let len = file.metadata()?.len();
    stream.write_all(b"NBDMAGICIHAVEOPT")?;
    // Fixed newstyle, no zeroes after the greeting.
    stream.write_all(&3u16.to_be_bytes())?;
    take::<4>(&mut stream)?;
    greet(&mut stream, len)?;
    loop {
        let header = take::<28>(&mut stream)?;
        assert_eq!(header[..4], 0x2560_9513u32.to_be_bytes(), "a request's magic");
        let kind = u16::from_be_bytes([header[6], header[7]]);
        let cookie = &header[8..16];
        let offset = u64::from_be_bytes(header[16..24].try_into().unwrap());
        let count = u32::from_be_bytes(header[24..28].try_into().unwrap());
        let mut data = vec![0; if kind <= 1 { count as usize } else { 0 }];
        let verdict = match kind {
            0 => judge(Op::Read, offset, count.into()),
            1 => {
                stream.read_exact(&mut data)?;
                judge(Op::Write, offset, count.into())
            }
            2 => return Ok(()),
            3 => Verdict::Honest,
            other => panic!("NBD request {other}, which was not offered"),
        };
        match (kind, verdict) {
            (0, Verdict::Honest | Verdict::Lie) => file.read_exact_at(&mut data, offset)?,
            (1, Verdict::Honest) => file.write_all_at(&data, offset)?,
            _ => {}
        }
        if kind == 0 && verdict == Verdict::Lie {
            data[0] ^= 0x10;
        }
        let error = if verdict == Verdict::Fail { EIO } else { 0 };
        let mut reply = 0x6744_6698u32.to_be_bytes().to_vec();
        reply.extend(error.to_be_bytes());
        reply.extend(cookie);
        if kind == 0 && error == 0 {
            reply.extend(data);
        }
        stream.write_all(&reply)?;
    }
}

/// Agrees on options until the client goes over to requests.
fn greet(stream: &mut UnixStream, len: u64) -> io::Result<()> {
    loop {
        let header = take::<16>(stream)?;
        assert_eq!(header[..8], I_HAVE_OPT.to_be_bytes(), "an option's magic");
        let option = u32::from_be_bytes(header[8..12].try_into().unwrap());
        let mut data = vec![0; u32::from_be_bytes(header[12..16].try_into().unwrap()) as usize];
        stream.read_exact(&mut data)?;
        let mut reply = |kind: u32, data: &[u8]| {
            let mut reply = OPTION_REPLY.to_be_bytes().to_vec();
            reply.extend(option.to_be_bytes());
            reply.extend(kind.to_be_bytes());
            reply.extend((data.len() as u32).to_be_bytes());
            reply.extend(data);
            stream.write_all(&reply)
        };
        if option == GO {
            let mut export = 0u16.to_be_bytes().to_vec();
            export.extend(len.to_be_bytes());
            export.extend(HAS_FLAGS_AND_FLUSH.to_be_bytes());
            reply(INFO, &export)?;
            return reply(ACK, &[]);
        }
        reply(UNSUPPORTED, &[])?;
    }
}

fn take<const N: usize>(stream: &mut UnixStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

//! A block device with faults: a loop device on a file of a FUSE file system that this process serves itself.
//!
//! The file system is never mounted anywhere (fsopen(2), fsmount(2)), and the loop device clears itself, so that nothing
//! is left when a test is killed. It is done with the kernel's own interfaces: linux/fuse.h 7.31, linux/loop.h.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Writing into this range ends with an error of this number.
    Write(Range<u64>, i32),
    /// Reading, likewise.
    Read(Range<u64>, i32),
    /// A write into this range takes half of what it was given, and says so.
    Short(Range<u64>),
    /// This byte comes back with one bit flipped.
    Flips(u64),
    /// What is written into this range is acknowledged and forgotten: the old bytes come back.
    Forgets(Range<u64>),
    /// It says that it has zeroed what lies behind this byte, and hasn't.
    LiesOnZero(u64),
    /// After so many bytes were written it is gone.
    Gone(u64),
}

struct Inside {
    bytes: Mutex<Vec<u8>>,
    faults: Mutex<Vec<Fault>>,
    written: AtomicU64,
    /// How many times a fault was met.
    met: AtomicU64,
    over: AtomicBool,
}

/// The device. It goes with this value.
pub(crate) struct Faulty {
    inside: Arc<Inside>,
    device: File,
    pub(crate) path: PathBuf,
}

impl Faulty {
    /// A disk with these bytes.
    pub(crate) fn new(bytes: Vec<u8>, faults: &[Fault]) -> Self {
        Self::with(bytes, faults, false)
    }

    /// The same, with its lock switch on.
    pub(crate) fn read_only(bytes: Vec<u8>) -> Self {
        Self::with(bytes, &[], true)
    }

    fn with(bytes: Vec<u8>, faults: &[Fault], read_only: bool) -> Self {
        let inside = Arc::new(Inside {
            bytes: Mutex::new(bytes),
            faults: Mutex::new(faults.to_vec()),
            written: 0.into(),
            met: 0.into(),
            over: false.into(),
        });
        let file = serve(Arc::clone(&inside));
        let (device, path) = attach(&file, read_only);
        Self { inside, device, path }
    }

    pub(crate) fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// What is on it, past all faults.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.inside.bytes.lock().unwrap().clone()
    }

    /// Another set of faults from now on.
    pub(crate) fn set(&self, faults: &[Fault]) {
        *self.inside.faults.lock().unwrap() = faults.to_vec();
    }

    /// How many bytes it took so far.
    pub(crate) fn written(&self) -> u64 {
        self.inside.written.load(SeqCst)
    }

    /// How often a fault was met.
    pub(crate) fn met(&self) -> u64 {
        self.inside.met.load(SeqCst)
    }

    /// Whether no board starts from it.
    pub(crate) fn is_unbootable(&self) -> bool {
        let bytes = self.inside.bytes.lock().unwrap();
        bytes[..1 << 20].iter().all(|byte| *byte == 0)
            && bytes[bytes.len() - 4096..].iter().all(|byte| *byte == 0)
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        const LOOP_CLR_FD: libc::Ioctl = 0x4c01;
        // SAFETY: LOOP_CLR_FD takes no argument; the descriptor is that of a loop device.
        let _ = unsafe { libc::ioctl(self.device.as_raw_fd(), LOOP_CLR_FD, 0) };
    }
}

/// A system call that gives a number or an error.
fn checked(what: &str, result: libc::c_long) -> i32 {
    assert!(result >= 0, "{what}: {}", io::Error::last_os_error());
    i32::try_from(result).unwrap()
}

fn owned(what: &str, result: libc::c_long) -> File {
    // SAFETY: the kernel has just given this descriptor to us alone.
    unsafe { File::from_raw_fd(checked(what, result)) }
}

/// Serves a file system with one file, and opens that file.
fn serve(inside: Arc<Inside>) -> File {
    const SET_STRING: u32 = 1;
    const CREATE: u32 = 6;
    let fuse = File::options().read(true).write(true).open("/dev/fuse").expect("/dev/fuse (as root)");
    // SAFETY: fsopen reads a text that ends with a zero.
    let context = owned("fsopen", unsafe { libc::syscall(libc::SYS_fsopen, c"fuse".as_ptr(), 1) });
    let number = std::ffi::CString::new(fuse.as_raw_fd().to_string()).unwrap();
    let set = |key: &std::ffi::CStr, value: &std::ffi::CStr| {
        let context = context.as_raw_fd();
        // SAFETY: fsconfig reads two texts that end with a zero.
        let result = unsafe {
            libc::syscall(libc::SYS_fsconfig, context, SET_STRING, key.as_ptr(), value.as_ptr(), 0)
        };
        checked("fsconfig", result);
    };
    set(c"fd", &number);
    for (key, value) in [(c"rootmode", c"40000"), (c"user_id", c"0"), (c"group_id", c"0")] {
        set(key, value);
    }
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: this command takes no texts.
    let made = unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), CREATE, none, none, 0) };
    checked("fsconfig", made);
    // Not before: there is nothing to read until then.
    std::thread::spawn(move || answer(fuse, &inside));
    // SAFETY: fsmount takes numbers only.
    let root = owned("fsmount", unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), 1, 0) });
    // SAFETY: openat reads a text that ends with a zero.
    let file = unsafe { libc::openat(root.as_raw_fd(), c"disk".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
    owned("opening the file", file.into())
}

/// A loop device on a file.
fn attach(file: &File, read_only: bool) -> (File, PathBuf) {
    const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4c82;
    const LOOP_CONFIGURE: libc::Ioctl = 0x4c0a;
    let control = File::open("/dev/loop-control").expect("/dev/loop-control (as root)");
    // Others want one too: between asking and taking it may be gone.
    for _ in 0..50 {
        // SAFETY: LOOP_CTL_GET_FREE takes no argument.
        let free = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
        let path = PathBuf::from(format!("/dev/loop{}", checked("a free loop device", free.into())));
        let Ok(device) = File::options().read(true).write(!read_only).open(&path) else { continue };
        // struct loop_config: the file, the size of a block, struct loop_info64 with its flags at 52.
        let mut config = [0_u8; 304];
        config[..4].copy_from_slice(&file.as_raw_fd().to_ne_bytes());
        // Clears itself when its last user is gone; read-only.
        let flags = 4_u32 | u32::from(read_only);
        config[60..64].copy_from_slice(&flags.to_ne_bytes());
        let pointer = config.as_ptr();
        // SAFETY: LOOP_CONFIGURE reads a struct loop_config, which is 304 bytes long.
        if unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, pointer) } == 0 {
            return (device, path);
        }
        assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EBUSY), "{}", path.display());
    }
    panic!("no loop device is free");
}

/// The longest write.
const MOST: usize = 1 << 20;

/// Answers the kernel until the file system is gone, or the disk is to be gone.
fn answer(mut fuse: File, inside: &Inside) {
    let mut buf = vec![0; MOST + 8192];
    while !inside.over.load(SeqCst) {
        let request = match fuse.read(&mut buf) {
            Ok(count) => &buf[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let u32_at = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        let unique = &request[8..16];
        let Some(result) = inside.done(u32_at(4), &request[40..], request[16] == 1) else { continue };
        let (errno, body) = match result {
            Ok(body) => (0, body),
            Err(errno) => (-errno, Vec::new()),
        };
        let len = u32::try_from(16 + body.len()).unwrap();
        let mut reply = [&len.to_ne_bytes()[..], &errno.to_ne_bytes(), unique].concat();
        reply.extend(body);
        // A request that was given up needs no answer.
        let _ = fuse.write_all(&reply);
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn overlap(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}

impl Inside {
    /// `None` for what wants no answer. The numbers are those of linux/fuse.h.
    fn done(&self, opcode: u32, arguments: &[u8], root: bool) -> Option<Result<Vec<u8>, i32>> {
        Some(match opcode {
            // FORGET, INTERRUPT, BATCH_FORGET
            2 | 36 | 42 => return None,
            // LOOKUP: number 2 for as long as it is wanted.
            1 => Ok([
                &2_u64.to_ne_bytes()[..],
                &[0; 8],
                &[0xff; 4],
                &[0; 4],
                &[0; 16],
                &self.attributes(false),
            ]
            .concat()),
            // GETATTR, SETATTR
            3 | 4 => Ok([&[0; 16][..], &self.attributes(root)].concat()),
            // OPEN: past the cache.
            14 => Ok([&[0; 8][..], &1_u32.to_ne_bytes(), &[0; 4]].concat()),
            15 => self.read(number(arguments, 8), number(arguments, 16) as u32 as usize),
            16 => {
                let len = number(arguments, 16) as u32 as usize;
                self.write(number(arguments, 8), &arguments[40..40 + len])
            }
            // STATFS: with a size of blocks the loop device discards.
            17 => Ok([&[0; 40][..], &4096_u32.to_ne_bytes(), &[0; 36]].concat()),
            // RELEASE, FSYNC, FLUSH
            18 | 20 | 25 => Ok(Vec::new()),
            // INIT: asynchronous reads, long writes, many pages.
            26 => {
                let words = [7_u32, 31, 0, 1 | 1 << 5 | 1 << 22];
                let mut out: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
                out.extend([12, 0, 8, 0]);
                out.extend((MOST as u32).to_ne_bytes());
                out.extend(1_u32.to_ne_bytes());
                out.extend([0, 1, 0, 0]);
                out.extend([0; 32]);
                Ok(out)
            }
            43 => self.zero(number(arguments, 8), number(arguments, 16)),
            _ => Err(libc::ENOSYS),
        })
    }

    /// struct fuse_attr of the file or its directory.
    fn attributes(&self, root: bool) -> Vec<u8> {
        let len = if root { 0 } else { self.bytes.lock().unwrap().len() as u64 };
        let mode = if root { libc::S_IFDIR | 0o755 } else { libc::S_IFREG | 0o600 };
        let long = [if root { 1 } else { 2 }, len, len / 512, 0, 0, 0];
        let short = [0, 0, 0, mode, 1, 0, 0, 0, 4096, 0];
        let long = long.iter().flat_map(|word: &u64| word.to_ne_bytes());
        long.chain(short.iter().flat_map(|word: &u32| word.to_ne_bytes())).collect()
    }

    fn fault(&self, met: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let found = self.faults.lock().unwrap().iter().find(|fault| met(fault)).cloned();
        self.met.fetch_add(found.is_some().into(), SeqCst);
        found
    }

    fn read(&self, at: u64, len: usize) -> Result<Vec<u8>, i32> {
        let place = at..at + len as u64;
        if let Some(Fault::Read(_, errno)) =
            self.fault(|fault| matches!(fault, Fault::Read(range, _) if overlap(range, &place)))
        {
            return Err(errno);
        }
        let all = self.bytes.lock().unwrap();
        let end = all.len().min(at as usize + len);
        let mut bytes = all.get(at as usize..end).unwrap_or_default().to_vec();
        if let Some(Fault::Flips(byte)) =
            self.fault(|fault| matches!(fault, Fault::Flips(byte) if place.contains(byte)))
        {
            bytes[(byte - at) as usize] ^= 0x10;
        }
        Ok(bytes)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> Result<Vec<u8>, i32> {
        let place = at..at + bytes.len() as u64;
        let hit = self.fault(|fault| match fault {
            Fault::Write(range, _) | Fault::Short(range) | Fault::Forgets(range) => overlap(range, &place),
            Fault::Gone(after) => self.written.load(SeqCst) >= *after,
            _ => false,
        });
        let mut taken = bytes.len();
        let mut all = self.bytes.lock().unwrap();
        let mut put = |range: Range<u64>| {
            let within = (range.start - at) as usize..(range.end - at) as usize;
            all[range.start as usize..range.end as usize].copy_from_slice(&bytes[within]);
        };
        match hit {
            Some(Fault::Write(_, errno)) => return Err(errno),
            Some(Fault::Gone(_)) => {
                self.over.store(true, SeqCst);
                return Err(libc::EIO);
            }
            Some(Fault::Short(_)) => {
                taken = (taken / 2).next_multiple_of(512);
                put(at..at + taken as u64);
            }
            Some(Fault::Forgets(range)) => {
                put(at..range.start.clamp(at, place.end));
                put(range.end.clamp(at, place.end)..place.end);
            }
            _ => put(place),
        }
        self.written.fetch_add(taken as u64, SeqCst);
        Ok([(taken as u32).to_ne_bytes(), [0; 4]].concat())
    }

    fn zero(&self, at: u64, len: u64) -> Result<Vec<u8>, i32> {
        let place = at..at + len;
        let hit = self.fault(|fault| match fault {
            Fault::Write(range, _) | Fault::Forgets(range) => overlap(range, &place),
            Fault::LiesOnZero(from) => place.end > *from,
            _ => false,
        });
        match hit {
            Some(Fault::Write(_, errno)) => Err(errno),
            Some(_) => Ok(Vec::new()),
            None => {
                self.bytes.lock().unwrap()[at as usize..(at + len) as usize].fill(0);
                Ok(Vec::new())
            }
        }
    }
}

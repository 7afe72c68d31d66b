//! shim
use crate::image::{Error, Image};
use crate::stop::Stop;
use sha2::Digest;
use std::sync::{Arc, Mutex};
pub struct Parts {
    pub start: u64,
    pub size: u64,
    pub end: Option<u64>,
}
#[derive(Clone)]
pub struct Digests {
    pub file_sha256: Vec<u8>,
    pub raw_sha256: Vec<u8>,
}
pub struct Pass {
    crc: Arc<Mutex<Vec<u32>>>,
    dig: Arc<Mutex<Option<Digests>>>,
}
impl Pass {
    pub fn start(
        image: &Image,
        parts: Parts,
        cb: Box<dyn Fn() + Send + Sync>,
        _s: &Stop,
    ) -> Result<Pass, Error> {
        let crc: Arc<Mutex<Vec<u32>>> = Arc::default();
        let dig: Arc<Mutex<Option<Digests>>> = Arc::default();
        let (c, d, img) = (crc.clone(), dig.clone(), image.content());
        std::thread::spawn(move || {
            let mut h = sha2::Sha256::new();
            let mut off = 0u64;
            let mut buf = vec![0; 1 << 20];
            let mut k = crc32fast::Hasher::new();
            let mut kl = 0u64;
            loop {
                let mut want = buf.len() as u64;
                if off < parts.start {
                    want = want.min(parts.start - off)
                } else {
                    want = want.min(parts.size - kl)
                }
                let n = img.read_at(&mut buf[..want as usize], off).unwrap();
                if n == 0 {
                    break;
                }
                h.update(&buf[..n]);
                if off >= parts.start {
                    k.update(&buf[..n]);
                    kl += n as u64;
                    if kl == parts.size {
                        c.lock().unwrap().push(std::mem::take(&mut k).finalize());
                        kl = 0;
                        cb();
                    }
                }
                off += n as u64;
            }
            if kl > 0 {
                let pad = (512 - (kl % 512) % 512) % 512;
                k.update(&vec![0; pad as usize]);
                c.lock().unwrap().push(k.finalize());
            }
            *d.lock().unwrap() = Some(Digests { file_sha256: vec![], raw_sha256: h.finalize().to_vec() });
            cb();
        });
        Ok(Pass { crc, dig })
    }
    pub fn part_crc(&self, n: usize) -> Option<u32> {
        self.crc.lock().unwrap().get(n).copied()
    }
    pub fn failure(&self) -> Option<Error> {
        None
    }
    pub fn digests(&self) -> Option<Digests> {
        self.dig.lock().unwrap().clone()
    }
}

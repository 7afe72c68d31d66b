//! A real server of buckets, SeaweedFS, for tests: one for a process, a bucket for each test; or one that a test takes away.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// The key that it takes, and its secret.
pub const KEY: (&str, &str) = ("AKIAPIPROV", "a-secret/of+tests");
/// It starts within seconds; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server. It ends with the process that started it.
#[derive(Debug)]
pub struct Seaweed {
    dir: PathBuf,
    ports: [u16; 8],
    /// Its certificate and its key, where it speaks TLS.
    tls: Option<(PathBuf, PathBuf)>,
    child: Mutex<Option<Child>>,
}

static SERVER: OnceLock<Seaweed> = OnceLock::new();
static BUCKETS: AtomicU32 = AtomicU32::new(0);

/// The program.
fn weed() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/python/bin/weed");
    assert!(path.exists(), "{} is missing: tools/install-packages test", path.display());
    path
}

/// Does something that has to end in time.
pub fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let done = work();
        let _ = sender.send(());
        done
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(limit) {
        panic!("it isn't done within {limit:?}");
    }
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Seaweed {
    /// The one of this process, started where it isn't.
    pub fn get() -> &'static Self {
        SERVER.get_or_init(Self::own)
    }

    /// One of a test's own.
    pub fn own() -> Self {
        Self::start(None)
    }

    /// The same, over TLS, with this certificate and its key.
    pub fn with_tls(cert: &Path, key: &Path) -> Self {
        Self::start(Some((cert.to_owned(), key.to_owned())))
    }

    fn start(tls: Option<(PathBuf, PathBuf)>) -> Self {
        let dir = tempfile::Builder::new().prefix("weed").tempdir_in("/tmp").expect("a directory").keep();
        let identity = format!(
            r#"{{"identities":[{{"name":"t","credentials":[{{"accessKey":"{}","secretKey":"{}"}}],"actions":["Admin","Read","Write","List"]}}]}}"#,
            KEY.0, KEY.1
        );
        std::fs::write(dir.join("s3.json"), identity).expect("a file");
        let free = [(); 8].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let ports = free.each_ref().map(|free| free.local_addr().expect("a port").port());
        drop(free);
        let server = Self { dir, ports, tls, child: Mutex::default() };
        server.go_on();
        // Nothing of this process is called when it ends: so somebody else watches.
        let script = format!(
            "while [ -d /proc/{} ]; do sleep 0.2; done; [ ! -e {1}/pid ] || kill -9 $(cat {1}/pid); rm -rf {1}",
            std::process::id(),
            server.dir.display(),
        );
        let mut watcher = Command::new("sh");
        watcher.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        watcher.process_group(0);
        #[expect(clippy::zombie_processes, reason = "it outlives this process: that is what it waits for")]
        watcher.spawn().expect("sh starts");
        server
    }

    /// Starts it, again with what it has.
    pub fn go_on(&self) {
        let mut command = Command::new(weed());
        command.arg("server").arg(format!("-dir={}", self.dir.display()));
        command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.autoCreateBucket=false"]);
        // It tells nobody of itself, and has no other ports than these.
        command.args(["-master.telemetry=false", "-metricsPort=0", "-s3.port.lance=0", "-s3.port.iceberg=0"]);
        // Each bucket has volumes of its own; where none is left for it, each object in it is refused. Empty ones cost nothing.
        command.args(["-volume.max=5000", "-master.volumeSizeLimitMB=64", "-volume.preStopSeconds=0"]);
        command.arg(format!("-s3.config={}/s3.json", self.dir.display()));
        let names = [
            "s3",
            "s3.port.grpc",
            "master",
            "master.port.grpc",
            "volume",
            "volume.port.grpc",
            "filer",
            "filer.port.grpc",
        ];
        for (name, port) in names.into_iter().zip(self.ports) {
            let name = if name.contains("port") { name.to_owned() } else { format!("{name}.port") };
            command.arg(format!("-{name}={port}"));
        }
        if let Some((cert, key)) = &self.tls {
            command.arg(format!("-s3.cert.file={}", cert.display()));
            command.arg(format!("-s3.key.file={}", key.display()));
        }
        let log = std::fs::File::create(self.dir.join("log")).expect("a file");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log).process_group(0);
        let child = command.spawn().expect("weed starts");
        std::fs::write(self.dir.join("pid"), child.id().to_string()).expect("a file");
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let begun = Instant::now();
        while !self.make("ready") {
            let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "weed doesn't start: {log}");
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// kill -9.
    pub fn stop(&self) {
        if let Some(mut child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Its number may be somebody else's afterwards.
            let _ = std::fs::remove_file(self.dir.join("pid"));
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
        }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.ports[0])
    }

    /// Makes a bucket, or finds it; no where the server doesn't answer yet.
    fn make(&self, bucket: &str) -> bool {
        let status = self.curl(&["-X", "PUT", "-o", "/dev/null", "-w", "%{http_code}"], bucket);
        ["200", "409"].contains(&status.trim())
    }

    /// What curl says of something there, with the key.
    pub fn curl(&self, arguments: &[&str], path: &str) -> String {
        let mut command = Command::new("curl");
        command.args(["--silent", "--insecure", "--max-time", "60", "--aws-sigv4", "aws:amz:us-east-1:s3"]);
        command.args(["--user", &format!("{}:{}", KEY.0, KEY.1)]).args(arguments);
        let output = command.arg(format!("{}/{path}", self.endpoint())).output();
        let output = output.expect("curl is missing: tools/install-packages test");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A new bucket.
    pub fn bucket(&self) -> String {
        let bucket = format!("piprov-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
        assert!(self.make(&bucket), "no bucket");
        bucket
    }

    /// The names of what is in a bucket.
    pub fn names(&self, bucket: &str) -> Vec<String> {
        let listed = self.curl(&[], &format!("{bucket}?list-type=2"));
        listed
            .split("<Key>")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap_or_default().to_owned())
            .collect()
    }

    /// A file with the keys for it, at its own address.
    pub fn keys(&self, dir: &Path) -> PathBuf {
        keys(dir, KEY, &self.endpoint())
    }
}

/// A file with keys for a server.
pub fn keys(dir: &Path, (id, secret): (&str, &str), endpoint: &str) -> PathBuf {
    let path = dir.join("keys");
    let text = format!(
        "[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\nendpoint_url = {endpoint}\n"
    );
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    path
}

impl Drop for Seaweed {
    fn drop(&mut self) {
        self.stop();
    }
}

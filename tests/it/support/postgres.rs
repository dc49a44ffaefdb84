//! A real PostgreSQL: one server for this process, in a folder of its own, on a free port of the loopback, with a database for
//! each test; and a real PgBouncer before it, in transaction mode.
//!
//! A shell is in between: it waits for the end of its standard input, which is this process's to hold, and stops the server
//! then. So nothing is left, however this process ends. Where the programs are not installed, tests say so and pass.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tryon::queue::{Location, PostgresAddress};

/// The one that owns everything in it.
pub(crate) const OWNER: &str = "tryon";

/// How long a server may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Postgres {
    folder: PathBuf,
    port: u16,
    bouncer: OnceLock<Option<u16>>,
    keepers: Mutex<Vec<Child>>,
}

static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Postgres {
    /// The server of this process; `None`, and a word on standard error the first time, where there is none on this machine.
    pub(crate) fn server() -> Option<&'static Self> {
        SERVER.get_or_init(Self::start).as_ref()
    }

    #[expect(clippy::print_stderr, reason = "tests that are left out say so")]
    fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("left out: queues in PostgreSQL (there is no initdb; apt-get install postgresql)");
            return None;
        };
        // Not a TempDir: a static is never dropped. The keeper removes the folder.
        let folder = tempfile::Builder::new().prefix("tryon-postgres-").tempdir().expect("a folder").keep();
        let port = free_port();
        give_to_server(&folder);
        let data = folder.join("data");
        let mut initdb = as_server(&programs.join("initdb"));
        initdb.args(["-U", OWNER, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]).arg(&data);
        let made = initdb.stdin(Stdio::null()).output().expect("initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = off\n\
             synchronous_commit = off\nfull_page_writes = off\nmax_connections = 200\nshared_buffers = 64MB\n\
             deadlock_timeout = 200ms\nautovacuum = off\n"
        );
        fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .and_then(|mut file| file.write_all(settings.as_bytes()))
            .expect("its settings");
        let server = format!("{} -D {}", programs.join("postgres").display(), data.display());
        let keeper = kept(&server, &folder, &folder);
        await_port(port);
        let postgres = Self { folder, port, bouncer: OnceLock::new(), keepers: Mutex::new(vec![keeper]) };
        Some(postgres)
    }

    /// A new database.
    pub(crate) fn database(&self) -> String {
        let name = format!("queue_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Where it listens, on the loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where a queue in this database is.
    pub(crate) fn location(&self, database: &str) -> Location {
        located(self.port, database)
    }

    /// The same by way of a pooler in transaction mode; `None`, and a word on standard error, where there is none.
    pub(crate) fn pooled(&self, database: &str) -> Option<Location> {
        let port = *self.bouncer.get_or_init(|| self.start_bouncer());
        port.map(|port| located(port, database))
    }

    #[expect(clippy::print_stderr, reason = "tests that are left out say so")]
    fn start_bouncer(&self) -> Option<u16> {
        let Some(program) = found(&["/usr/sbin", "/usr/bin", "/opt/homebrew/bin"], "pgbouncer") else {
            eprintln!("left out: queues by way of a pooler (there is no pgbouncer; apt-get install pgbouncer)");
            return None;
        };
        let port = free_port();
        // No prepared statements are remembered between transactions, as in poolers before 1.21.
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 500\nunix_socket_dir =\n\
             server_idle_timeout = 5\n",
            server = self.port
        );
        // `auth_type = any` takes one user for all.
        let settings = settings.replace("* = host=127.0.0.1", &format!("* = user={OWNER} host=127.0.0.1"));
        let file = self.folder.join("pgbouncer.ini");
        fs::write(&file, settings).expect("its settings");
        // Not the folder: the server makes and removes files in it at this moment.
        give_to_server(&file);
        let keeper = kept(&format!("{} -q {}", program.display(), file.display()), &self.folder, Path::new(""));
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner).push(keeper);
        await_port(port);
        Some(port)
    }

    /// Runs SQL in a database, as another program would.
    pub(crate) fn run(&self, database: &str, sql: &str) {
        let sql = sql.to_owned();
        self.with_client(database, async move |client| client.batch_execute(&sql).await.expect("done"));
    }

    /// Asks a database, as another program would.
    pub(crate) fn with_client<T: Send>(
        &self,
        database: &str,
        ask: impl AsyncFnOnce(tokio_postgres::Client) -> T + Send,
    ) -> T {
        let text = format!("host=127.0.0.1 port={} user={OWNER} dbname={database}", self.port);
        // Tests call it from within a runtime, which cannot be waited for there.
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    let (client, connection) =
                        tokio_postgres::connect(&text, tokio_postgres::NoTls).await.expect("a connection");
                    let connection = tokio::spawn(connection);
                    let answer = ask(client).await;
                    connection.abort();
                    answer
                })
            });
            asking.join().expect("an answer")
        })
    }
}

fn located(port: u16, database: &str) -> Location {
    let url = format!("postgres://{OWNER}@127.0.0.1:{port}/{database}?sslmode=disable");
    Location::Postgres(PostgresAddress::parse(&url).expect("a URL").expect("an address"))
}

/// The folder with the server's programs.
pub(crate) fn programs() -> Option<PathBuf> {
    if let Some(path) = found(&[], "initdb") {
        return path.parent().map(Path::to_owned);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut versions: Vec<_> = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    versions.sort();
    versions.into_iter().rev().find(|bin| bin.join("initdb").is_file())
}

pub(crate) fn found(folders: &[&str], program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let all = on_path.into_iter().chain(folders.iter().map(PathBuf::from));
    all.map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn is_root() -> bool {
    cfg!(unix) && Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.starts_with(b"0\n"))
}

/// The server refuses to run as root, so it runs as `nobody` then.
pub(crate) fn as_server(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    command
}

pub(crate) fn give_to_server(folder: &Path) {
    if is_root() {
        let given = Command::new("chown").args(["-R", "65534:65534"]).arg(folder).status().expect("chown");
        assert!(given.success());
    }
}

/// Starts a server beside a keeper that ends it, and removes `rubbish`, when this process has ended. PostgreSQL is told by
/// SIGQUIT; PgBouncer, as a shell's background process, ignores that, and ends by SIGTERM.
fn kept(server: &str, folder: &Path, rubbish: &Path) -> Child {
    let script = format!(
        "{server} >>{log} 2>&1 </dev/null & server=$!; read -r _; kill -QUIT $server; kill -TERM $server; wait $server; \
         if [ -n '{rubbish}' ]; then rm -rf '{rubbish}'; fi",
        log = folder.join("log").display(),
        rubbish = rubbish.display(),
    );
    let mut command = if is_root() {
        let mut command = as_server(Path::new("sh"));
        command.arg("-c");
        command
    } else {
        let mut command = Command::new("sh");
        command.arg("-c");
        command
    };
    command.arg(script).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a shell")
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port()
}

pub(crate) fn await_port(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "the server on port {port} does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    // It listens a moment before it answers.
    std::thread::sleep(Duration::from_millis(50));
}

//! A PostgreSQL of its own that writes to disk as one does in earnest, and that can be restarted, killed, taken away and cut
//! off from its clients; and a PgBouncer before it, in transaction mode.
//!
//! A shell beside it waits for the end of its standard input, which is this process's to hold, and removes everything then. So
//! nothing is left, however this process ends.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::postgres::{OWNER, as_server, await_port, found, free_port, give_to_server, programs};

/// How the server is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Connections are closed, and everything is written.
    Fast,
    /// As in a crash: what was committed is found in the log again.
    Immediate,
}

impl Stop {
    fn word(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        }
    }
}

/// See the module's page.
pub(crate) struct Database {
    folder: PathBuf,
    programs: PathBuf,
    psql: PathBuf,
    port: u16,
    bouncer: Option<(PathBuf, u16)>,
    keeper: Child,
}

impl Database {
    /// A server that runs; `None` where the programs are not installed.
    pub(crate) fn start(with_pooler: bool) -> Option<Self> {
        let programs = programs()?;
        let psql = found(&[&programs.display().to_string()], "psql")?;
        let bouncer = match with_pooler {
            true => Some((found(&["/usr/sbin", "/usr/bin", "/opt/homebrew/bin"], "pgbouncer")?, free_port())),
            false => None,
        };
        let folder = tempfile::Builder::new().prefix("tryon-faults-").tempdir().expect("a folder").keep();
        give_to_server(&folder);
        let mut initdb = as_server(&programs.join("initdb"));
        initdb.args(["-U", OWNER, "--auth=trust", "-E", "UTF8", "--locale=C", "-D"]).arg(folder.join("data"));
        succeeded("initdb", &initdb.stdin(Stdio::null()).output().expect("initdb"));
        let port = free_port();
        // A start after a crash flushes every file by itself otherwise, which takes seconds.
        let quick = if version(&programs) >= 14 { "recovery_init_sync_method = syncfs\n" } else { "" };
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = on\n\
             synchronous_commit = on\nmax_connections = 100\nshared_buffers = 64MB\ndeadlock_timeout = 200ms\n{quick}"
        );
        fs::OpenOptions::new()
            .append(true)
            .open(folder.join("data/postgresql.conf"))
            .and_then(|mut file| file.write_all(settings.as_bytes()))
            .expect("its settings");
        let keeper = keeper(&programs, &folder);
        let database = Self { folder, programs, psql, port, bouncer, keeper };
        database.up();
        database.start_bouncer();
        Some(database)
    }

    pub(crate) fn has_pooler(&self) -> bool {
        self.bouncer.is_some()
    }

    /// Starts the server.
    pub(crate) fn up(&self) {
        self.control(&["-w", "-l", &self.folder.join("log").display().to_string(), "start"]);
    }

    /// Stops the server.
    pub(crate) fn down(&self, how: Stop) {
        self.control(&["-w", "-m", how.word(), "stop"]);
    }

    fn control(&self, arguments: &[&str]) {
        let mut control = as_server(&self.programs.join("pg_ctl"));
        control.arg("-D").arg(self.folder.join("data")).args(["-t", "60"]).args(arguments);
        succeeded("pg_ctl", &control.current_dir(&self.folder).stdin(Stdio::null()).output().expect("pg_ctl"));
    }

    /// Ends all connections of clients.
    pub(crate) fn cut(&self, name: &str) {
        let cut = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        );
        self.ask(name, &cut);
    }

    /// Makes a database.
    pub(crate) fn make(&self, name: &str) {
        self.ask("postgres", &format!("CREATE DATABASE {name}"));
    }

    /// Where a queue in a database is, by way of the pooler where there is one.
    pub(crate) fn url(&self, name: &str) -> String {
        let port = self.bouncer.as_ref().map_or(self.port, |(_, port)| *port);
        format!("postgres://{OWNER}@127.0.0.1:{port}/{name}?sslmode=disable")
    }

    /// What a question in SQL is answered with: a line a row, with `|` between the columns.
    pub(crate) fn ask(&self, name: &str, sql: &str) -> Vec<String> {
        let mut psql = Command::new(&self.psql);
        psql.args(["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", OWNER, "-d", name, "-c", sql]);
        psql.arg("-p").arg(self.port.to_string());
        let answer = psql.current_dir("/").stdin(Stdio::null()).output().expect("psql");
        succeeded("psql", &answer);
        String::from_utf8_lossy(&answer.stdout).lines().map(str::to_owned).collect()
    }

    fn start_bouncer(&self) {
        let Some((program, port)) = &self.bouncer else { return };
        let file = |name: &str| self.folder.join(name).display().to_string();
        let settings = format!(
            "[databases]\n* = user={OWNER} host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 8\nmax_client_conn = 200\n\
             unix_socket_dir =\nserver_login_retry = 1\npidfile = {pid}\nlogfile = {log}\n",
            server = self.port,
            pid = file("bouncer.pid"),
            log = file("bouncer.log"),
        );
        fs::write(self.folder.join("bouncer.ini"), settings).expect("its settings");
        let started = as_server(program).args(["-d", "-q"]).arg(self.folder.join("bouncer.ini")).output();
        succeeded("pgbouncer", &started.expect("pgbouncer"));
        await_port(*port);
    }

    /// Ends the pooler as a crash would, and starts it again.
    pub(crate) fn restart_bouncer(&self) {
        let path = self.folder.join("bouncer.pid");
        let pid = fs::read_to_string(&path).expect("the pooler's process");
        succeeded("kill", &Command::new("kill").args(["-KILL", pid.trim()]).output().expect("kill"));
        let deadline = Instant::now() + Duration::from_secs(10);
        while Path::new("/proc").join(pid.trim()).exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = fs::remove_file(path);
        self.start_bouncer();
    }

    /// The end of the server's log, for messages.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The server's major version; 0 where it cannot be read.
fn version(programs: &Path) -> u32 {
    let said = Command::new(programs.join("postgres")).arg("--version").output().map(|output| output.stdout);
    let said = String::from_utf8(said.unwrap_or_default()).unwrap_or_default();
    let number = said.split(' ').nth(2).unwrap_or_default();
    number.split(|c: char| !c.is_ascii_digit()).next().and_then(|major| major.parse().ok()).unwrap_or(0)
}

fn succeeded(program: &str, output: &Output) {
    let said = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {}", said());
}

/// See the module's page.
fn keeper(programs: &Path, folder: &Path) -> Child {
    let script = format!(
        "trap '' INT TERM HUP; read -r _; {control} -D '{folder}/data' -m immediate stop; \
         if [ -f '{folder}/bouncer.pid' ]; then kill -KILL $(cat '{folder}/bouncer.pid'); fi; rm -rf '{folder}'",
        control = programs.join("pg_ctl").display(),
        folder = folder.display(),
    );
    let mut shell = as_server(Path::new("sh"));
    shell.arg("-c").arg(script).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().expect("a shell")
}

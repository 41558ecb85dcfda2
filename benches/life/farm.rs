//! A control site with a used school on one server, and what administrators do today instead.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::need::program;
use support::scratch::Scratch;
use support::{moodle, root, schema};
use vmoodle_benches::many::{control_site, map};
use vmoodle_core::console::Console;

/// The tenant that is kept and copied.
pub(crate) const SCHOOL: &str = "school.example.org";
/// The template that was made of it.
pub(crate) const TEMPLATE: &str = "basic";

/// The control site, its console, and the school.
pub(crate) struct Farm {
    pub(crate) console: Console,
    pub(crate) school: Database,
    pub(crate) folder: Scratch,
    made: Cell<u32>,
}

impl Farm {
    /// A farm whose school has a fresh Moodle's database and so many files; `None` (said on stderr) where the engine is
    /// not installed.
    pub(crate) fn new(engine: Engine, files: u32) -> Option<Self> {
        let control = Database::durable(engine, &format!("life_control_{}", engine.dbtype()))?;
        control.run(&schema::statements(&root::workspace().join("php/local/vmoodle/db/install.xml"), engine, "mdl_"));
        let school = Database::durable(engine, &format!("life_school_{}", engine.dbtype()))?;
        moodle::fill(&school, "School");
        let folder = Scratch::new("life");
        let console = Console::new(control_site(&control, &folder.folder("control")));
        let farm = Self { console, school, folder, made: Cell::new(0) };
        fill(&farm.dataroot(), files);
        let mut row = map(farm.school.registry_columns());
        row.extend(map(json!({ "vhostname": format!("https://{SCHOOL}"), "vdatapath": farm.dataroot() })));
        farm.console.tenant_add(&row).expect("a school");
        Some(farm)
    }

    /// The school's dataroot.
    pub(crate) fn dataroot(&self) -> PathBuf {
        self.folder.folder("school")
    }

    /// Where the farm keeps its snapshots.
    pub(crate) fn shelf(&self) -> PathBuf {
        self.folder.join("control/vmoodle/snapshots")
    }

    /// Runs an operation to its end; gives the job.
    pub(crate) fn run(&self, operation: &str, parameters: Value, targets: &[&str]) -> i64 {
        let targets: Vec<String> = targets.iter().map(|word| (*word).to_owned()).collect();
        let options = map(json!({ "confirm": true }));
        let job = self.console.job_submit(operation, &map(parameters), &targets, &options).expect("a job");
        self.finish(job);
        job
    }

    /// A number that nothing has yet. Nothing is taken away while others are measured: a file system without a journal makes
    /// files slowly for five minutes after many were deleted.
    pub(crate) fn number(&self) -> u32 {
        self.made.set(self.made.get() + 1);
        self.made.get()
    }

    fn finish(&self, job: i64) {
        let counts = self.console.job_run(job, &mut |_| {}).expect("a run");
        let fine = counts.keys().all(|state| state == "done" || state == "skipped");
        assert!(fine, "{:#?}", self.console.job(job).expect("the job")["items"]);
    }
}

/// Writes a database out as text, packed by gzip.
pub(crate) fn dump(database: &Database, file: &Path) {
    let mut dumping = client(database, true).stdout(Stdio::piped()).spawn().expect("the engine's programs");
    let packed = std::fs::File::create(file).expect("a file");
    let gzip = Command::new("gzip").stdin(dumping.stdout.take().expect("piped")).stdout(packed).status();
    assert!(dumping.wait().is_ok_and(|status| status.success()) && gzip.is_ok_and(|status| status.success()));
}

/// Makes a database of what was written out.
pub(crate) fn load(database: &Database, file: &Path) {
    let quote = if database.engine == Engine::MariaDb { '`' } else { '"' };
    let server = Database { name: if quote == '`' { "mysql" } else { "postgres" }.to_owned(), ..database.clone() };
    server.run(&format!("DROP DATABASE IF EXISTS {quote}{}{quote}", database.name));
    server.run(&format!("CREATE DATABASE {quote}{}{quote}", database.name));
    let mut unpacking = Command::new("gzip").arg("-dc").arg(file).stdout(Stdio::piped()).spawn().expect("gzip runs");
    let mut client = client(database, false);
    let loaded = client.stdin(unpacking.stdout.take().expect("piped")).stdout(Stdio::null()).status();
    assert!(unpacking.wait().is_ok_and(|status| status.success()) && loaded.is_ok_and(|status| status.success()));
}

/// Octets on disk of the files in a folder that no other folder holds as well.
pub(crate) fn own_octets(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => own_octets(&entry.path()),
            Ok(meta) if meta.nlink() == 1 => meta.blocks() * 512,
            _ => 0,
        })
        .sum()
}

/// A dataroot of contents as Moodle names them: most of them pictures and documents, which nothing makes smaller.
fn fill(dataroot: &Path, files: u32) {
    use sha1::{Digest, Sha1};
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for number in 0..files {
        let size = 1024 + usize::try_from(next() % 40_000).expect("a size");
        let content: Vec<u8> = if number % 5 == 0 {
            format!("text of file {number} ").into_bytes().into_iter().cycle().take(size).collect()
        } else {
            std::iter::repeat_with(|| next().to_le_bytes()).flatten().take(size).collect()
        };
        let hash: String = Sha1::digest(&content).iter().map(|octet| format!("{octet:02x}")).collect();
        let place = dataroot.join("filedir").join(&hash[..2]).join(&hash[2..4]);
        std::fs::create_dir_all(&place).expect("a folder");
        std::fs::write(place.join(hash), content).expect("a file");
    }
}

fn client(database: &Database, dumps: bool) -> Command {
    let name = match (database.engine, dumps) {
        (Engine::MariaDb, true) => "mariadb-dump",
        (Engine::MariaDb, false) => "mariadb",
        (Engine::Postgres, true) => "pg_dump",
        (Engine::Postgres, false) => "psql",
    };
    let mut command = Command::new(program(name).unwrap_or_else(|| panic!("no `{name}`")));
    match database.engine {
        Engine::MariaDb => {
            command.args(["--no-defaults", "--user=root", "--socket"]).arg(&database.socket);
            command.args(dumps.then_some("--single-transaction"));
        }
        Engine::Postgres => {
            command.arg("--host").arg(&database.socket).arg(format!("--port={}", database.port));
            command.arg(format!("--username={}", database.user())).args((!dumps).then_some("--quiet"));
        }
    }
    command.arg(&database.name);
    command
}

//! One question, one script that reads and one that writes on 1,000 tenants, each against a loop of the engine's client.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::need::{self, Need, program};
use support::scratch::Scratch;
use support::{root, schema};
use vmoodle_benches::figures::{Report, Spread, alternate, median_between, ratios};
use vmoodle_benches::many::control_site;
use vmoodle_benches::{engines, is_trial};
use vmoodle_core::console::Console;

/// The tests' account is one of the server.
const ALLOW: &str = "administrator";

/// A farm whose tenants share a database, each with a prefix of its own.
struct Farm {
    console: Console,
    tenants: Database,
    count: usize,
    // The registry and the dataroots.
    _control: Database,
    _folder: Scratch,
}

fn main() {
    if need::all(&[Need::MariaDb]).is_none() {
        return;
    }
    let (count, pairs) = if is_trial() { (5, 1) } else { (1000, 20) };
    let mut report = Report::new(
        "sql",
        &format!(
            "Seconds for {count} tenants, which share one database and have a prefix each: ours against one run of `mariadb` or \
             `psql` for each tenant, one after the other, in pairs, each first every other time. A script goes through the \
             journal, a question does not.\n\nRepeat: `cargo bench -p vmoodle-benches --bench sql`."
        ),
    );
    report.say("| engine | ours | seconds | client, seconds | client / ours, median (95 of 100 times between) |");
    report.say("|---|---|---|---|---|");
    for engine in engines() {
        let Some(farm) = Farm::new(engine, count) else { continue };
        farm.measure(&mut report, pairs, "question", READS, Farm::question);
        farm.measure(&mut report, pairs, "script that reads", READS, |farm| farm.script(READS, "read"));
        farm.measure(&mut report, pairs, "script that writes", WRITES, |farm| farm.script(WRITES, "write"));
    }
}

const READS: &str = "SELECT name, value FROM {config} WHERE name = 'lang'";
const WRITES: &str = "UPDATE {config} SET value = 'fr' WHERE name = 'lang'";

impl Farm {
    fn new(engine: Engine, count: usize) -> Option<Self> {
        let control = Database::durable(engine, &format!("bench_sql_{}", engine.dbtype()))?;
        control.run(&schema::statements(&root::workspace().join("php/local/vmoodle/db/install.xml"), engine, "mdl_"));
        let tenants = Database::durable(engine, &format!("bench_sql_{}_tenants", engine.dbtype()))?;
        let folder = Scratch::new("bench_sql");
        let console = Console::new(control_site(&control, &folder.folder("control")));
        let id = if engine == Engine::MariaDb { "BIGINT AUTO_INCREMENT PRIMARY KEY" } else { "BIGSERIAL PRIMARY KEY" };
        let tables: Vec<String> = (0..count)
            .map(|number| {
                format!(
                    "CREATE TABLE t{number}_config (id {id}, name VARCHAR(100), value TEXT);
                     CREATE TABLE t{number}_config_plugins (id {id}, plugin VARCHAR(100), name VARCHAR(100), value TEXT,
                         UNIQUE (plugin, name));
                     INSERT INTO t{number}_config (name, value) VALUES ('lang', 'en'), ('theme', 'boost');"
                )
            })
            .collect();
        tenants.run(&tables.concat());
        let mut row = tenants.registry_columns().as_object().cloned().expect("a map");
        for number in 0..count {
            row.insert("vhostname".into(), json!(format!("https://t{number}.example.org")));
            row.insert("vdbprefix".into(), json!(format!("t{number}_")));
            row.insert("vdatapath".into(), json!(folder.join(format!("t{number}"))));
            console.tenant_add(&row).expect("a tenant");
        }
        Some(Self { console, tenants, count, _control: control, _folder: folder })
    }

    fn measure(&self, report: &mut Report, pairs: usize, what: &str, sql: &str, ours: impl Fn(&Self) -> f64) {
        let (own, client) = alternate(pairs, || ours(self), || self.client(sql));
        let engine = self.tenants.engine.dbtype();
        report.keep(&format!("{engine}-{what}-seconds"), &own);
        report.keep(&format!("{engine}-{what}-client-seconds"), &client);
        let ratios = ratios(&client, &own);
        let (low, high) = median_between(&ratios);
        report.say(&format!(
            "| {engine} | {what} | {} | {} | {:.1} ({low:.1} to {high:.1}) |",
            Spread::of(&own).show(2),
            Spread::of(&client).show(2),
            Spread::of(&ratios).median,
        ));
    }

    fn question(&self) -> f64 {
        let options = json!({"allow": ALLOW}).as_object().cloned().expect("a map");
        let start = Instant::now();
        let mut rows = 0;
        let counts = self.console.query_each(READS, &Map::new(), &["all".into()], &options, &mut |_| {
            rows += 1;
            true
        });
        let passed = start.elapsed().as_secs_f64();
        assert_eq!((counts.expect("answers")["answered"].as_u64(), rows), (Some(self.count as u64), self.count));
        passed
    }

    fn script(&self, sql: &str, mode: &str) -> f64 {
        let given = json!({"sql": sql, "mode": mode, "allow": ALLOW}).as_object().cloned().expect("a map");
        let options = json!({"confirm": true, "concurrency": 16}).as_object().cloned().expect("a map");
        let start = Instant::now();
        let job = self.console.job_submit("run_sql", &given, &["all".into()], &options).expect("a job");
        let counts = self.console.job_run(job, &mut |_| {}).expect("a run");
        let passed = start.elapsed().as_secs_f64();
        assert_eq!(Value::Object(counts), json!({"done": self.count}));
        passed
    }

    /// As administrators do it today.
    fn client(&self, sql: &str) -> f64 {
        let start = Instant::now();
        for number in 0..self.count {
            let sql = sql.replace("{config}", &format!("t{number}_config"));
            let status = client(&self.tenants, &sql).stdout(Stdio::null()).status();
            assert!(status.is_ok_and(|status| status.success()));
        }
        start.elapsed().as_secs_f64()
    }
}

fn client(database: &Database, sql: &str) -> Command {
    let (name, run) = match database.engine {
        Engine::MariaDb => ("mariadb", "-e"),
        Engine::Postgres => ("psql", "-c"),
    };
    let mut command = Command::new(program(name).unwrap_or_else(|| panic!("no `{name}`")));
    match database.engine {
        Engine::MariaDb => {
            command.args(["--no-defaults", "--user=root", "--socket"]).arg(&database.socket);
        }
        Engine::Postgres => {
            command.arg("--host").arg(&database.socket).arg(format!("--port={}", database.port));
            command.args(["--no-psqlrc", "--quiet"]).arg(format!("--username={}", database.user()));
        }
    }
    command.args([run, sql]).arg(&database.name);
    command
}

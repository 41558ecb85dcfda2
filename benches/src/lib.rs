//! What the benches share: farms of any size made without a database, paired figures, and the file they are kept in.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

pub mod figures;
pub mod many;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::database;
use vmoodle_core::farm::Farm;
use vmoodle_core::gate::ControlFacts;
use vmoodle_core::host::SiteAddress;
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::index::{compile, publish};
use vmoodle_core::secret::Stored;
use vmoodle_core::tenant::{Endpoint, Engine, State, Tenant, TenantId};

/// The control site of every bench.
pub fn control() -> ControlFacts {
    ControlFacts {
        wwwroot: "https://farm.example.org".into(),
        dbname: "control".into(),
        prefix: "mdl_".into(),
        dirroot: None,
    }
}

/// The host of a tenant by its number.
pub fn host(number: u32) -> String {
    format!("school{number}.example.org")
}

/// A tenant by its number: every column as a real one would have it.
pub fn tenant(number: u32) -> Tenant {
    let wwwroot = format!("https://{}", host(number));
    Tenant {
        id: TenantId(number),
        name: format!("L'école numéro {number}"),
        shortname: format!("school{number}"),
        address: SiteAddress::parse(&wwwroot).expect("an address"),
        database: Endpoint {
            engine: Engine::MariaDb,
            host: "db.example.org".into(),
            port: Some(3306),
            socket: None,
            database: DbName::parse(&format!("moodle_{number}")).expect("a name"),
            user: Some(format!("moodle_{number}")),
            password: Some(Stored::from_column(format!("secret-of-school-{number}"))),
        },
        prefix: Prefix::parse("mdl_").expect("a prefix"),
        persist: false,
        options: serde_json::Map::new(),
        dataroot: format!("/var/moodledata/school{number}"),
        mnet: 0,
        state: State::Enabled,
        settings: serde_json::Map::new(),
        tags: Vec::new(),
    }
}

/// A farm of `count` tenants.
pub fn farm(count: u32, generation: u64) -> Farm {
    let (id, address) = control().farm().expect("a farm");
    Farm {
        id,
        control: address,
        generation,
        published: 1_700_000_000,
        tenants: (1..=count).map(tenant).collect(),
        aliases: Vec::new(),
        policies: Vec::new(),
        components: None,
    }
}

/// Compiles a farm of `count` tenants and puts it at `path`; gives its size in bytes.
pub fn put_index(path: &Path, count: u32, generation: u64) -> usize {
    let compiled = compile(&farm(count, generation)).expect("no ambiguity");
    publish(path, &compiled).expect("a place to write to");
    compiled.bytes.len()
}

/// SQL for the original's registry of `count` tenants in a database `registry_<count>`: its columns and no index on the
/// host, as the original makes it, or in `registry_<count>_indexed` with one.
pub fn original_registry(count: u32, indexed: bool) -> String {
    let name = format!("registry_{count}{}", if indexed { "_indexed" } else { "" });
    let index = if indexed { ", UNIQUE KEY (vhostname)" } else { "" };
    format!(
        "CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci; USE {name};
         CREATE TABLE mdl_local_vmoodle (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(255), shortname varchar(80),
           description longtext, vhostname varchar(255), vdbtype varchar(16), vdbhost varchar(80), vdblogin varchar(16),
           vdbpass varchar(32), vdbname varchar(64), vdbprefix varchar(10), vdbpersist tinyint, vdatapath varchar(255),
           mnet smallint, enabled tinyint, timecreated bigint, lastcron bigint, lastcrongap bigint, croncount bigint,
           metadata longtext{index}) ENGINE=InnoDB;
         INSERT INTO mdl_local_vmoodle (name, shortname, description, vhostname, vdbtype, vdbhost, vdblogin, vdbpass,
           vdbname, vdbprefix, vdbpersist, vdatapath, mnet, enabled, timecreated, lastcron, lastcrongap, croncount)
         SELECT CONCAT('School ', seq), CONCAT('school', seq), REPEAT('text ', 20),
           CONCAT('https://school', seq, '.example.org'), 'mariadb', 'db.example.org', CONCAT('moodle_', seq), 'secret',
           CONCAT('moodle_', seq), 'mdl_', 0, CONCAT('/var/moodledata/school', seq), 0, 1, 0, 0, 0, 0
         FROM seq_1_to_{count};"
    )
}

/// Whether the bench is only to show that it runs: `cargo bench -- --test`.
pub fn is_trial() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// The one engine that is measured, where `-- --engine=mariadb` or `-- --engine=pgsql` names it.
pub fn engine() -> Option<database::Engine> {
    let named = std::env::args().find_map(|argument| argument.strip_prefix("--engine=").map(str::to_owned))?;
    database::Engine::ALL.into_iter().find(|engine| engine.dbtype() == named)
}

/// The engines that are measured.
pub fn engines() -> impl Iterator<Item = database::Engine> {
    database::Engine::ALL.into_iter().filter(|one| engine().is_none_or(|named| named == *one))
}

/// The extension as it is installed: built in the release profile.
///
/// # Panics
/// When it does not build.
pub fn extension() -> PathBuf {
    let root = support::root::workspace();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--quiet", "--release", "-p", "vmoodle-php"];
    let status = Command::new(cargo).args(build).current_dir(root).status();
    assert!(status.expect("cargo runs").success(), "the extension does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("release/libvmoodle.so")
}

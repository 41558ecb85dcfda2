//! A copied site that was made one of its own, as Moodle itself sees it.

use std::fs;

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::process::output;
use vmoodle_core::db::Db;
use vmoodle_core::host::SiteAddress;
use vmoodle_core::ident::{DbName, Prefix};
use vmoodle_core::moodle::code::Code;
use vmoodle_core::moodle::identity::{self, Admin, Identity, Mail};
use vmoodle_core::moodle::site::Names;
use vmoodle_core::moodle::users::AdminChange;
use vmoodle_core::moodle::{config, forget, version};
use vmoodle_core::secret::{Keyring, Secret, Stored};
use vmoodle_core::settings::{Given, Settings};
use vmoodle_core::tenant::{Endpoint, State, Tenant, TenantId};

use crate::stage::{Stage, alone};

/// A script of Moodle that tells who the site is.
const PROBE: &str = r"<?php
define('CLI_SCRIPT', true);
require(__DIR__ . '/config.php');
require_once($CFG->dirroot . '/mnet/lib.php');
$user = authenticate_user_login('admin', 'Été #1234');
$mnet = get_mnet_environment();
echo json_encode([
    'wwwroot' => $CFG->wwwroot, 'siteidentifier' => get_site_identifier(), 'name' => $SITE->fullname,
    'cache' => \core_cache\helper::get_site_identifier() === md5(get_site_identifier()),
    'admin' => $user ? $user->email : null, 'forced' => $user ? get_user_preferences('auth_forcepasswordchange', null, $user) : null,
    'mail' => email_to_user(get_admin(), get_admin(), 'subject', 'text'), 'off' => !empty($CFG->noemailever),
    'mnet' => [$mnet->wwwroot, $mnet->name, openssl_x509_parse($mnet->public_key)['subject']['CN'] ?? null],
    'marker' => get_config('local_vmoodletest', 'marker'), 'lang' => $CFG->lang,
]);
";

const HOST: &str = "fresh.example.org";

fn probe(stage: &Stage) -> Value {
    let text = output(&mut stage.farm.script("identity_probe.php", Some(HOST)));
    let json = text.lines().last().unwrap_or_default();
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {text}"))
}

async fn open(stage: &Stage, database: &Database) -> Db {
    let dataroot = stage.farm.dataroot(HOST).display().to_string();
    let tenant = Tenant {
        id: TenantId(1),
        name: String::new(),
        shortname: String::new(),
        address: SiteAddress::parse(&format!("http://{HOST}")).unwrap(),
        database: Endpoint {
            engine: vmoodle_core::tenant::Engine::parse(database.engine.dbtype()).unwrap(),
            host: "127.0.0.1".into(),
            port: Some(database.port),
            socket: (database.engine == Engine::MariaDb).then(|| database.socket.display().to_string()),
            database: DbName::parse(&database.name).unwrap(),
            user: Some(database.user().into()),
            password: Some(Stored::from_column(database.password())),
        },
        prefix: Prefix::parse("mdl_").unwrap(),
        persist: false,
        options: Map::new(),
        dataroot: dataroot.clone(),
        mnet: -1,
        state: State::Enabled,
        settings: Map::new(),
        tags: Vec::new(),
    };
    Db::open_tenant(&tenant, &Settings::new(Given::default(), &dataroot).unwrap(), &Keyring::none()).await.unwrap()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn moodle_sees_a_site_of_its_own() {
    let Some(stage) = alone() else { return };
    stage.farm.code().replace("identity_probe.php", PROBE.as_bytes());
    for engine in Engine::ALL {
        let database = Database::shared(engine, &format!("fresh_{}", engine.dbtype())).unwrap();
        stage.farm.add(HOST, &database);
        let before = probe(&stage);
        assert_eq!(
            (&before["admin"], &before["off"], &before["cache"]),
            (&Value::Null, &json!(false), &json!(true)),
            "{before}"
        );
        let wanted = Identity {
            names: Names { fullname: Some("L'École 🌞".into()), ..Names::default() },
            admin: Admin::Change(AdminChange {
                password: Some(Secret::new("Été #1234")),
                must_change: true,
                email: Some("chef@example.org".into()),
                ..AdminChange::default()
            }),
            mail: Mail::Off,
            ..Identity::at(SiteAddress::parse(&format!("http://{HOST}")).unwrap())
        };
        let report = wait(async {
            let mut db = open(&stage, &database).await;
            // With MNET on, Moodle makes its new key pair itself.
            config::set(&mut db, "mnet_dispatcher_mode", "strict").await.unwrap();
            config::set_plugin(&mut db, "local_vmoodletest", "marker", "seen").await.unwrap();
            identity::reset(&mut db, &stage.farm.dataroot(HOST), &wanted).await.unwrap()
        });
        let after = probe(&stage);
        assert_eq!(after["siteidentifier"], json!(report.siteidentifier));
        assert_ne!(after["siteidentifier"], before["siteidentifier"]);
        let url = format!("http://{HOST}");
        for (fact, value) in [
            ("wwwroot", json!(url)),
            ("name", json!("L'École 🌞")),
            ("cache", json!(true)),
            ("admin", json!("chef@example.org")),
            ("forced", json!("1")),
            ("mail", json!(true)),
            ("off", json!(true)),
            ("marker", json!("seen")),
            ("mnet", json!([url, "L'École 🌞", url])),
            ("lang", json!("en")),
        ] {
            assert_eq!(after[fact], value, "{fact} of {after}");
        }
        assert_eq!(probe(&stage), after, "and it stays so");
        stage.farm.call("tenant_remove", json!([url])).unwrap();
        let _ = fs::remove_dir_all(stage.farm.dataroot(HOST));
    }
}

#[test]
fn every_table_that_a_copy_forgets_is_one_of_moodles() {
    let Some(stage) = alone() else { return };
    let all = forget::FORGET.iter().chain(forget::FORGET_PEERS);
    let names: Vec<&'static str> = all.map(|forget| forget.table).collect();
    for database in &stage.databases {
        let there = wait(async { open(&stage, database).await.columns(&names).await.unwrap() });
        let missing: Vec<_> = names.iter().filter(|name| !there.contains_key(**name)).collect();
        assert_eq!(missing, Vec::<&&str>::new(), "{}", database.name);
        let site = wait(async { version::read(&mut open(&stage, database).await, 0).await.unwrap() });
        let code = Code::read(stage.farm.code().path()).unwrap();
        assert_eq!(version::check(&site, &code).unwrap(), version::Fit::Same);
        assert_eq!((code.branch, code.maturity.as_str()), (405, "MATURITY_STABLE"));
        assert!(code.release.starts_with("4.5"), "{code:?}");
    }
}

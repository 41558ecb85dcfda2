//! A farm of the original VMoodle: its registry of twenty columns is upgraded in place.

use serde_json::json;
use support::code::Kind;
use support::database::{Database, Engine};
use support::farm::Farm;
use support::need::{self, Need};
use support::{root, schema};

fn original(engine: Engine) -> Option<Farm> {
    need::all(&[Need::Moodle, Need::Dumps, Need::Php])?;
    let control = Database::shared(engine, "moodle_original")?;
    let farm = Farm::new(Kind::Moodle, "original", control, json!({}));
    let control = farm.control();
    control.run(&schema::statements(&root::fixture("schema/original.xml"), engine, "mdl_"));
    control.run(
        "INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('local_vmoodle', 'version', '2025043003');
         INSERT INTO mdl_local_vmoodle
             (name, shortname, vhostname, vdbtype, vdbhost, vdblogin, vdbpass, vdbname, vdatapath, enabled) VALUES
             ('One', 'one', 'https://One.example.org', 'mariadb', 'db.example.org:3307', 'u1', 'p1', 'm1', '/data/1', 1),
             ('Two', 'two', 'https://two.example.org/', 'postgres', 'localhost', 'u2', 'p2', 'm2', '/data/2', 1),
             ('Off', 'off', 'http://off.example.org', 'mysqli', 'localhost', 'u3', 'p3', 'm3', '/data/3', 0),
             ('Twin', 'twin', 'http://one.example.org.', 'mysqli', 'localhost', 'u4', 'p4', 'm4', '/data/4', 1),
             ('Seven', 'seven', 'http://seven.example.org', 'postgres7', 'localhost', '', '', 'm5', '/data/5', 1);",
    );
    farm.upgrade();
    Some(farm)
}

fn assert_upgraded(engine: Engine) {
    let Some(farm) = original(engine) else { return };
    let rows = farm
        .control()
        .run("SELECT shortname, hostkey, state, enabled, vdbtype, vdbhost FROM mdl_local_vmoodle ORDER BY id");
    let states: Vec<Vec<&str>> = rows.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(states.len(), 5, "{rows}");
    assert_eq!(states[0][..4], ["one", "one.example.org", "enabled", "1"], "{rows}");
    assert_eq!(states[1][..4], ["two", "two.example.org", "enabled", "1"], "{rows}");
    assert_eq!(states[2][..4], ["off", "off.example.org", "disabled", "0"], "{rows}");
    assert_eq!(
        (states[3][0], states[3][2], states[3][3]),
        ("twin", "broken", "0"),
        "the lowest id keeps the host: {rows}"
    );
    let declared = schema::columns(&root::workspace().join("php/local/vmoodle/db/install.xml"));
    for (table, columns) in declared {
        let here = farm.control().run(&format!(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'mdl_{table}' AND table_schema IN \
             ('public', '{}')",
            farm.control().name
        ));
        let here: std::collections::BTreeSet<&str> = here.lines().collect();
        let missing: Vec<&String> = columns.iter().filter(|column| !here.contains(column.as_str())).collect();
        assert!(missing.is_empty(), "{table} lacks {missing:?}");
    }
    let tenants = farm.call("tenants", json!([])).unwrap();
    assert_eq!(tenants.as_array().unwrap().len(), 5, "{tenants}");
    assert!(!tenants.to_string().contains("\"p1\""), "passwords are not shown: {tenants}");
    let resolve = |host: &str| farm.call("resolve", json!([host])).unwrap();
    assert_eq!(resolve("ONE.example.org")["outcome"], "tenant");
    assert_eq!(resolve("off.example.org")["outcome"], "unavailable");

    // As the original did it: a tenant of PostgreSQL named `postgres`, a port behind the host.
    let facts = |host: &str| {
        let script = "define('VMOODLE_TEST_NO_SETUP', true); define('CLI_SCRIPT', true); require('config.php');
            echo json_encode([$CFG->dbtype, $CFG->dbhost, $CFG->dboptions['dbport'] ?? null]);";
        let mut command = support::php::command();
        command.args(["-r", script]).env("VMOODLE_HOST", host).current_dir(farm.code().path());
        support::process::output(&mut command)
    };
    assert_eq!(facts("one.example.org"), "[\"mariadb\",\"db.example.org\",3307]");
    assert!(facts("two.example.org").starts_with("[\"pgsql\""), "{}", facts("two.example.org"));
    assert!(facts("seven.example.org").starts_with("[\"pgsql\""));
}

#[test]
fn an_original_registry_on_mariadb_is_upgraded_in_place() {
    assert_upgraded(Engine::MariaDb);
}

#[test]
fn an_original_registry_on_postgresql_is_upgraded_in_place() {
    assert_upgraded(Engine::Postgres);
}

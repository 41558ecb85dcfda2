//! A plain Moodle becomes a tenant and is let go again, and nothing of it is lost on the way.

use std::path::PathBuf;

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::tenant;
use vmoodle_core::Kind;

use crate::life::{done, is_account, row, run, submit, tree, undo};
use crate::{Farm, farm, map, on_both_engines};

/// A plain Moodle on the farm's server: its database, its dataroot and its `config.php`.
pub(crate) struct Plain {
    pub(crate) database: Database,
    pub(crate) dataroot: PathBuf,
    pub(crate) config: PathBuf,
}

impl Plain {
    pub(crate) fn new(farm: &Farm, host: &str) -> Self {
        let name = host.split('.').next().unwrap();
        let database = Database::shared(farm.database.engine, &format!("{}_{name}", farm.database.name)).unwrap();
        tenant::fill(&database, "Plain");
        let folder = farm.folder.folder(format!("plain-{name}"));
        let dataroot = folder.join("data");
        for (path, text) in [("filedir/aa/bb/x", "content"), ("cache/core/y", "stale"), ("localcache/z", "stale")] {
            std::fs::create_dir_all(dataroot.join(path).parent().unwrap()).unwrap();
            std::fs::write(dataroot.join(path), text).unwrap();
        }
        let row = map(database.registry_columns());
        let text = |column: &str| {
            row.get(column).map_or_else(String::new, |value| match value {
                Value::String(text) => text.replace('\\', "\\\\").replace('\'', "\\'"),
                Value::Null => String::new(),
                other => other.to_string(),
            })
        };
        let config = folder.join("config.php");
        let lines = format!(
            "<?php\nunset($CFG);\nglobal $CFG;\n$CFG = new stdClass();\n$CFG->dbtype = '{}';\n$CFG->dblibrary = 'native';\n\
             $CFG->dbhost = '{}';\n$CFG->dbname = '{}';\n$CFG->dbuser = '{}';\n$CFG->dbpass = '{}';\n$CFG->prefix = 'mdl_';\n\
             $CFG->dboptions = ['dbpersist' => 0, 'dbport' => '{}', 'dbsocket' => '{}', 'dbcollation' => 'utf8mb4_unicode_ci'];\n\
             $CFG->wwwroot = 'https://{host}';\n$CFG->dataroot = __DIR__ . '/data';\n$CFG->admin = 'admin';\n\
             $CFG->theme = 'classic';\n$CFG->tempdir = '/var/tmp/moodle';\nif (PHP_SAPI === 'cli') {{ ini_set('memory_limit', '1G'); }}\n\
             require_once(__DIR__ . '/lib/setup.php');\n",
            text("vdbtype"),
            text("vdbhost"),
            database.name,
            text("vdblogin"),
            text("vdbpass"),
            text("vdbport"),
            text("vdbsocket"),
        );
        std::fs::write(&config, lines).unwrap();
        Self { database, dataroot, config }
    }

    /// All that an adoption must leave: who the site is, and its contents.
    pub(crate) fn facts(&self) -> String {
        let kept = "SELECT name, value FROM mdl_config WHERE name NOT IN ('themerev', 'jsrev', 'langrev', 'templaterev', \
                    'localcachedirpurged', 'scheduledtaskreset') ORDER BY name";
        self.database.run(kept) + &self.database.run("SELECT fullname, shortname, summary FROM mdl_course ORDER BY id")
    }
}

fn adopt(farm: &Farm, parameters: Value) -> i64 {
    submit(farm, "adopt_site", parameters, &[]).unwrap()
}

/// What the only item of a job failed with.
fn failure(farm: &Farm, job: i64) -> (String, String) {
    assert_eq!(run(farm, job), json!({"failed": 1}));
    let item = farm.console.job(job).unwrap()["items"][0].clone();
    (item["errorcode"].as_str().unwrap().to_owned(), item["error"].as_str().unwrap().to_owned())
}

on_both_engines! {
    fn a_plain_moodle_becomes_a_tenant_by_its_config_and_is_let_go_again(engine: Engine) {
        let Some(farm) = farm("adopt_one", engine) else { return };
        let plain = Plain::new(&farm, "plain.example.org");
        let before = (plain.facts(), std::fs::read_to_string(&plain.config).unwrap());
        let wish = json!({"nodes": [plain.config]});
        let planned = farm.console.plan("adopt_site", &map(wish.clone()), &[]).unwrap();
        let told = Value::Array(planned).to_string();
        assert!(told.contains("tempdir") && told.contains("not understood at line") && told.contains("theme"), "{told}");
        assert!(!told.contains("classic"), "values of settings are not told: {told}");
        assert_eq!((farm.keys().len(), plain.dataroot.join("cache/core/y").exists()), (0, true), "a plan changes nothing");

        let job = done(&farm, "adopt_site", wish.clone(), &[]);
        let tenant = row(&farm, "plain.example.org");
        assert_eq!((&tenant["state"], &tenant["name"]), (&json!("enabled"), &json!("Plain")));
        assert_eq!((&tenant["settings"], &tenant["vdatapath"]), (&json!({"theme": "classic"}), &json!(plain.dataroot)));
        assert_eq!(tenant["vdboptions"], json!({"dbcollation": "utf8mb4_unicode_ci"}));
        assert_eq!(plain.facts(), before.0, "it is the same site");
        assert!(!plain.dataroot.join("cache/core/y").exists() && plain.dataroot.join("filedir/aa/bb/x").exists());
        let warnings = farm.console.job(job).unwrap()["items"][0]["warnings"].to_string();
        assert!(warnings.contains("tempdir") && warnings.contains("not understood"), "{warnings}");
        assert_eq!(farm.console.index_status()["tenants"], 1);

        let again = adopt(&farm, wish.clone());
        assert_eq!(run(&farm, again), json!({}), "the same wish changes nothing");
        undo(&farm, job);
        assert_eq!((farm.keys().len(), &farm.console.index_status()["tenants"]), (0, &json!(0)));
        assert_eq!((plain.facts(), std::fs::read_to_string(&plain.config).unwrap()), before);
        assert!(plain.dataroot.join("filedir/aa/bb/x").exists());

        done(&farm, "adopt_site", json!({"nodes": [{"configphp": plain.config, "name": "L'été"}], "state": "disabled"}), &[]);
        let tenant = row(&farm, "plain.example.org");
        assert_eq!((&tenant["state"], &tenant["name"]), (&json!("disabled"), &json!("L'été")));
    }

    fn a_site_that_cannot_be_served_gets_no_row(engine: Engine) {
        let Some(farm) = farm("adopt_bad", engine) else { return };
        let plain = Plain::new(&farm, "bad.example.org");
        let node = |changes: Value| {
            let mut node = map(json!({"configphp": plain.config}));
            node.extend(map(changes));
            adopt(&farm, json!({"nodes": [node]}))
        };
        for (changes, code, words) in [
            (json!({"vdbname": "nothing_there"}), "database_missing", "nothing_there"),
            (json!({"vdbname": farm.database.name}), "database_taken", ""),
            (json!({"vdatapath": farm.folder.join("nowhere")}), "files_failed", "is not there"),
            (json!({"vdatapath": farm.control.dataroot}), "dataroot_taken", ""),
            (json!({"vhostname": "https://control.example.org"}), "host_taken", ""),
            (json!({"template": "basic"}), "bad_parameter", "template"),
            (json!({"state": "trashed"}), "bad_parameter", "trashed"),
        ] {
            let (found, error) = failure(&farm, node(changes.clone()));
            let is_expected = found == code || (code == "database_missing" && found.starts_with("tenant_"));
            assert!(is_expected && error.contains(words), "{changes}: {found} {error}");
            assert_eq!(farm.keys().len(), 0, "{changes}");
        }
        let half = farm.folder.join("half.php");
        std::fs::write(&half, "<?php $CFG->dbtype = 'mariadb'; if (1) { $CFG->dbname = 'x'; }").unwrap();
        let (code, error) = failure(&farm, adopt(&farm, json!({"nodes": [half]})));
        assert!(code == "config_unreadable" && error.contains("vdbname") && error.contains("line 1"), "{code} {error}");
        plain.database.run("DELETE FROM mdl_config WHERE name = 'version'");
        let (code, _) = failure(&farm, node(json!({})));
        assert_eq!(code, "no_moodle");
        let all = json!({"nodes": [plain.config], "all_or_nothing": 1});
        assert_eq!(submit(&farm, "adopt_site", all, &[]).unwrap_err().kind(), Kind::NoMoodle);
    }

    fn a_server_that_does_not_answer_keeps_nobody_from_the_registry(engine: Engine) {
        let Some(farm) = farm("adopt_hang", engine) else { return };
        let plain = Plain::new(&farm, "hang.example.org");
        // It takes the connection and says nothing.
        let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut node = map(plain.database.registry_columns());
        node.remove("vdbsocket");
        node.extend(map(json!({
            "vhostname": "https://hang.example.org", "vdatapath": plain.dataroot,
            "vdbhost": "127.0.0.1", "vdbport": mute.local_addr().unwrap().port(),
        })));
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| adopt(&farm, json!({ "nodes": [node] })));
            let held = mute.accept().unwrap();
            farm.add("other.example.org");
            assert!(!looking.is_finished(), "the registry was free while the site was looked at");
            drop((held, mute));
            assert!(["tenant_unreachable", "bad_configuration"].contains(&failure(&farm, looking.join().unwrap()).0.as_str()));
        });
        assert_eq!(farm.keys(), ["other.example.org"]);
    }

    fn an_adoption_is_not_undone_over_what_came_after(engine: Engine) {
        let Some(farm) = farm("adopt_late", engine) else { return };
        let plain = Plain::new(&farm, "late.example.org");
        let job = done(&farm, "adopt_site", json!({"nodes": [plain.config]}), &[]);
        let renamed = done(&farm, "rename_tenant", json!({"wwwroot": "https://later.example.org"}), &["late.example.org"]);
        let refused = farm.console.job_undo(job).unwrap();
        assert_eq!(failure(&farm, refused).0, "state_refused");
        undo(&farm, renamed);
        undo(&farm, job);
        assert_eq!(farm.keys().len(), 0);
    }

    fn an_adopted_site_that_is_purged_leaves_the_account_that_it_came_with(engine: Engine) {
        let Some(farm) = farm("adopt_purge", engine) else { return };
        let plain = Plain::new(&farm, "gone.example.org");
        let account = match engine {
            Engine::MariaDb => "CREATE USER 'shared_by_many_1'@'localhost' IDENTIFIED BY 'pw'; GRANT ALL ON *.* TO 'shared_by_many_1'@'localhost'",
            Engine::Postgres => "DO $$ BEGIN CREATE ROLE shared_by_many_1 LOGIN SUPERUSER PASSWORD 'pw'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        };
        farm.database.run(account);
        let node = json!({"configphp": plain.config, "vdblogin": "shared_by_many_1", "vdbpass": "pw"});
        done(&farm, "adopt_site", json!({"nodes": [node]}), &[]);
        done(&farm, "retire_tenant", json!({}), &["gone.example.org"]);
        let destroyed = done(&farm, "destroy_tenant", json!({"hosts": "gone.example.org"}), &["gone.example.org"]);
        let files = || tree(&plain.dataroot);
        assert!(!plain.dataroot.exists());
        undo(&farm, destroyed);
        assert!(files().iter().any(|(name, _)| name == "filedir/aa/bb/x"));
        done(&farm, "destroy_tenant", json!({"hosts": "gone.example.org"}), &["gone.example.org"]);
        done(&farm, "purge_trash", json!({"young": 1}), &["gone.example.org"]);
        assert!(is_account(&farm, "shared_by_many_1"), "it may serve others");
    }

    fn the_originals_list_of_sites_to_integrate_is_taken(engine: Engine) {
        let Some(farm) = farm("adopt_csv", engine) else { return };
        let plain = Plain::new(&farm, "csv.example.org");
        let columns = map(plain.database.registry_columns());
        let csv = format!(
            "vhostname;name;shortname;description;vdbname;vdatapath\n\
             # a comment\n\
             https://csv.example.org;L'été;ete;Une école;{};{}\n\
             https://none.example.org;None;none;;nothing_there;/nowhere\n",
            plain.database.name,
            plain.dataroot.display(),
        );
        let mut defaults = map(json!({"mnet": "-1"}));
        for name in ["vdbtype", "vdbhost", "vdblogin", "vdbpass", "vdbport", "vdbsocket"] {
            let text = columns.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            defaults.extend(text.map(|text| (name.to_owned(), json!(text))));
        }
        let read = farm.console.nodes(csv.as_bytes(), &defaults);
        assert_eq!(read["faults"], json!([]));
        let job = adopt(&farm, json!({"nodes": read["nodes"]}));
        assert_eq!(run(&farm, job), json!({"done": 1, "failed": 1}), "{:#?}", farm.console.job(job).unwrap()["items"]);
        let tenant = row(&farm, "csv.example.org");
        assert_eq!((&tenant["name"], &tenant["mnet"], &tenant["state"]), (&json!("L'été"), &json!(-1), &json!("enabled")));
        assert_eq!(farm.keys(), ["csv.example.org"], "what cannot be served has no row");
    }
}

//! The description of a fleet held against tenants: planned, made as it was planned, made again, put back.

use serde_json::{Map, Value, json};
use support::database::{Database, Engine};
use support::scratch::Scratch;
use support::{root, schema};
use vmoodle_core::Kind;
use vmoodle_core::secret::Keyring;
use vmoodle_core::settings::Given;

use crate::config::{run, settings, site, undo};
use crate::{Farm, farm_with, map, on_both_engines};

/// A small site with plugins and roles.
pub(crate) fn whole(farm: &Farm, host: &str) -> Database {
    let database = site(farm, host);
    for excerpt in ["schema/plugins.xml", "schema/roles.xml"] {
        database.run(&schema::statements(&root::fixture(excerpt), database.engine, "mdl_"));
    }
    database.run(
        "INSERT INTO mdl_modules (name, visible) VALUES ('book', 1), ('wiki', 1);
         INSERT INTO mdl_filter_active (filter, contextid, active, sortorder) VALUES ('tex', 1, -9999, 1);
         INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('mod_book', 'version', '1'), ('mod_wiki', 'version', '1'),
             ('filter_tex', 'version', '1');
         INSERT INTO mdl_role (name, shortname, description, sortorder, archetype) VALUES ('', 'student', '', 1, 'student'),
             ('', 'teacher', '', 2, 'teacher');
         INSERT INTO mdl_capabilities (name, captype, contextlevel, component, riskbitmask)
             VALUES ('mod/a:see', 'read', 50, 'mod_a', 0), ('mod/a:do', 'write', 50, 'mod_a', 0)",
    );
    database
}

struct Stage {
    farm: Farm,
    sites: Vec<Database>,
    keys: Scratch,
}

/// A farm with a key file, and so many sites: `s0.example.org` and on.
fn stage(test: &str, engine: Engine, sites: usize) -> Option<Stage> {
    let keys = Scratch::new("keys");
    Keyring::create(&keys.join("key")).unwrap();
    let given = Given { keyfile: Some(keys.join("key").display().to_string()), ..Given::default() };
    let farm = farm_with(test, engine, &root::workspace().join("php/local/vmoodle/db/install.xml"), given)?;
    let sites = (0..sites).map(|number| whole(&farm, &format!("s{number}.example.org"))).collect();
    std::fs::write(keys.join("coach.xml"), preset("coach", "tutor")).unwrap();
    farm.console.sheet_import("tutors", &preset("other", "coach")).unwrap();
    Some(Stage { farm, sites, keys })
}

/// A role that may assign another one.
fn preset(name: &str, other: &str) -> String {
    format!(
        "<role><shortname>{name}</shortname><name>The {name}</name><archetype>teacher</archetype>\
         <allowassign><shortname>student</shortname><shortname>{other}</shortname></allowassign>\
         <permissions><allow>mod/a:see</allow><allow>mod/a:do</allow></permissions></role>"
    )
}

/// What a secret of the environment is read from: every test program has it.
const SECRET: &str = "CARGO_MANIFEST_DIR";

const DESCRIPTION: &str = "
blocks:
  - name: all of them
    targets: all
    config:
      theme: classic
      auth_manual/expiration: 0
      odd: {env: CARGO_MANIFEST_DIR}
      lang: null
    plugins: {mod_book: disabled, filter_tex: enabled}
    roles:
      student: {capabilities: {\"mod/a:do\": prohibit}}
      tutor: {sheet: tutors, capabilities: {\"mod/a:do\": prevent}}
      coach: {preset: coach.xml}
    maintenance: on
  - name: the first
    targets: s0.example.org
    config: {theme: x}
    maintenance: off
";

impl Stage {
    fn folder(&self) -> String {
        self.keys.path().display().to_string()
    }

    fn plan(&self, text: &str) -> Map<String, Value> {
        self.farm.console.fleet_plan(text.as_bytes(), &self.folder()).unwrap()
    }

    /// Writes the jobs down; gives the report.
    fn submit(&self, text: &str, options: Value) -> Map<String, Value> {
        self.farm.console.fleet_apply(text.as_bytes(), &self.folder(), &map(options)).unwrap()
    }

    /// Makes tenants as described; gives operation and counts of each job, and the numbers of the jobs.
    fn apply(&self, text: &str) -> (Vec<(String, Value)>, Vec<i64>) {
        let report = self.submit(text, json!({}));
        let jobs: Vec<i64> = jobs(&report);
        let names = report["jobs"].as_array().unwrap().iter().map(|job| job["operation"].as_str().unwrap().to_owned());
        (names.zip(jobs.iter().map(|job| run(&self.farm, *job))).collect(), jobs)
    }

    fn pictures(&self) -> Vec<String> {
        self.sites.iter().map(picture).collect()
    }

    fn journal(&self) -> String {
        self.farm.database.run("SELECT * FROM mdl_local_vmoodle_job")
            + &self.farm.database.run("SELECT * FROM mdl_local_vmoodle_item")
    }
}

fn jobs(report: &Map<String, Value>) -> Vec<i64> {
    report["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_i64().unwrap()).collect()
}

/// All that a description can speak of, without numbers and times.
fn picture(database: &Database) -> String {
    let allow = "SELECT a.shortname, b.shortname FROM mdl_role_allow_assign x JOIN mdl_role a ON a.id = x.roleid \
        JOIN mdl_role b ON b.id = x.allowassign ORDER BY 1, 2";
    let may = "SELECT r.shortname, c.capability, c.permission FROM mdl_role_capabilities c JOIN mdl_role r \
        ON r.id = c.roleid ORDER BY 1, 2";
    let mut all = settings(database);
    for sql in [
        "SELECT name, visible FROM mdl_modules ORDER BY name",
        "SELECT filter, active FROM mdl_filter_active ORDER BY filter",
        "SELECT shortname, name, archetype FROM mdl_role ORDER BY shortname",
        allow,
        may,
    ] {
        all += &database.run(sql);
    }
    all
}

on_both_engines! {
    fn a_plan_changes_nothing_and_tells_the_differences_alone(engine: Engine) {
        let Some(stage) = stage("fleet_plan", engine, 3) else { return };
        let (before, journal) = (stage.pictures(), stage.journal());
        let plan = stage.plan(DESCRIPTION);
        assert_eq!((stage.pictures(), stage.journal()), (before, journal));
        assert_eq!((&plan["meant"], &plan["drift"], &plan["failed"]), (&json!(3), &json!(3), &json!(0)), "{plan:#?}");
        assert_eq!(plan["overlaps"], json!([
            {"what": "maintenance", "block": "the first", "over": "all of them", "tenants": 1},
            {"what": "theme", "block": "the first", "over": "all of them", "tenants": 1},
        ]));
        let of = |tenant: usize, what: &str| {
            let changes = plan["tenants"][tenant]["changes"].as_array().unwrap();
            changes.iter().find(|change| change["what"] == what).cloned()
        };
        assert_eq!(of(0, "theme").unwrap(), json!({"operation": "set_config", "what": "theme", "before": "boost", "after": "x"}));
        assert_eq!(of(1, "theme").unwrap()["after"], "classic");
        assert_eq!(of(1, "lang").unwrap()["after"], Value::Null);
        assert_eq!(of(1, "mod_book").unwrap()["operation"], "plugin_state");
        assert_eq!(of(1, "maintenance_enabled").unwrap()["after"], "1");
        assert_eq!(of(1, "student capability mod/a:do").unwrap()["after"], "prohibit");
        assert!(of(0, "siteadmins").is_none(), "what is not described is not spoken of");
        let secret = std::env::var(SECRET).unwrap();
        assert!(!json!(plan).to_string().contains(&secret) && of(0, "odd").is_some());
    }

    fn it_is_made_as_it_was_planned_and_a_second_time_changes_nothing(engine: Engine) {
        let Some(stage) = stage("fleet_twice", engine, 3) else { return };
        let before = stage.pictures();
        let planned = stage.plan(DESCRIPTION);
        let (done, jobs) = stage.apply(DESCRIPTION);
        let names: Vec<&str> = done.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["maintenance", "set_config", "set_config", "plugin_state", "role_sync", "maintenance"]);
        assert_eq!(done.iter().map(|(_, counts)| counts["done"].as_i64().unwrap()).sum::<i64>(), 12, "{done:?}");

        // The journal has made what the plan has told, and nothing else.
        let mut made: Vec<String> = Vec::new();
        for job in &jobs {
            for item in stage.farm.console.job(*job).unwrap()["items"].as_array().unwrap() {
                let changes = item["afterimage"].as_array().unwrap();
                made.extend(changes.iter().map(|one| format!("{} {one}", item["wwwroot"])));
            }
        }
        let mut told: Vec<String> = Vec::new();
        for tenant in planned["tenants"].as_array().unwrap() {
            for change in tenant["changes"].as_array().unwrap() {
                let mut change = map(change.clone());
                change.remove("operation");
                told.push(format!("{} {}", tenant["tenant"], json!(change)));
            }
        }
        made.sort();
        told.sort();
        assert_eq!(made, told);
        let after = picture(&stage.sites[1]);
        let secret = std::env::var(SECRET).unwrap();
        for line in ["theme\tclassic\n", "maintenance_enabled\t1\n", "book\t0\n", "tex\t1\n", "student\tmod/a:do\t-1000\n",
            "tutor\tmod/a:do\t-1\n", "tutor\tcoach\n", "coach\ttutor\n", &format!("odd\t{secret}\n")] {
            assert!(after.contains(line), "{line:?} in {after}");
        }
        assert!(picture(&stage.sites[0]).contains("maintenance_enabled\t0\n"));
        assert!(!stage.journal().contains(&secret), "sealed, though no name says that it is a secret");
        let log = stage.sites[1].run("SELECT value FROM mdl_config_log WHERE name = 'odd'");
        assert_eq!(log.trim(), "********");

        let again = stage.plan(DESCRIPTION);
        assert_eq!((&again["drift"], &again["failed"], &again["tenants"]), (&json!(0), &json!(0), &json!([])));
        let (pictures, journal) = (stage.pictures(), stage.journal());
        assert_eq!(stage.apply(DESCRIPTION).1, [0_i64; 0]);
        assert_eq!((stage.pictures(), stage.journal()), (pictures, journal));

        for job in jobs.iter().rev() {
            let counts = undo(&stage.farm, *job);
            assert!(counts.get("failed").is_none(), "{counts} {}", stage.journal());
        }
        assert_eq!(stage.pictures(), before);
    }

    fn one_broken_tenant_of_ten_leaves_nine_as_described(engine: Engine) {
        let Some(stage) = stage("fleet_ten", engine, 10) else { return };
        stage.sites[4].run("DROP TABLE mdl_config; DROP TABLE mdl_role");
        let plan = stage.plan(DESCRIPTION);
        assert_eq!((&plan["drift"], &plan["failed"]), (&json!(9), &json!(1)));
        let broken = plan["tenants"].as_array().unwrap().iter().find(|one| one["errors"] != json!([])).unwrap();
        assert_eq!(broken["tenant"], "https://s4.example.org");
        stage.apply(DESCRIPTION);
        let left = stage.plan(DESCRIPTION);
        let tenants: Vec<&Value> = left["tenants"].as_array().unwrap().iter().map(|one| &one["tenant"]).collect();
        assert_eq!(tenants, ["https://s4.example.org"]);
        assert_eq!(stage.farm.database.run("SELECT COUNT(*) FROM mdl_local_vmoodle WHERE lockitem IS NOT NULL").trim(), "0");
    }

    fn what_is_other_than_the_plan_that_was_shown_is_refused(engine: Engine) {
        let Some(stage) = stage("fleet_shown", engine, 3) else { return };
        let text = "blocks: [{targets: all, config: {theme: classic}}]";
        let plan = stage.plan(text);
        let shown: Map<String, Value> = plan["tenants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["tenant"].as_str().unwrap().to_owned(), one["digest"].clone()))
            .collect();
        stage.sites[1].run("UPDATE mdl_config SET value = 'other' WHERE name = 'theme'");
        let report = stage.submit(text, json!({ "shown": shown }));
        assert_eq!(report["refused"][0]["tenant"], "https://s1.example.org");
        assert_eq!((&report["refused"][0]["errorcode"], report["refused"].as_array().unwrap().len()), (&json!("state_refused"), 1));
        // Between the writing down and the run.
        stage.sites[2].run("UPDATE mdl_config SET value = 'late' WHERE name = 'theme'");
        let job = jobs(&report)[0];
        assert_eq!(run(&stage.farm, job), json!({"done": 1, "failed": 1}));
        let theme = |number: usize| stage.sites[number].run("SELECT value FROM mdl_config WHERE name = 'theme'").trim().to_owned();
        assert_eq!((theme(0), theme(1), theme(2)), ("classic".into(), "other".into(), "late".into()));
        let unshown = stage.submit(text, json!({ "shown": {} }));
        assert_eq!((unshown["refused"].as_array().unwrap().len(), &unshown["jobs"]), (2, &json!([])));
        let retry = stage.farm.console.job_retry(job).unwrap();
        assert_eq!(run(&stage.farm, retry), json!({"done": 1}), "a retry plans anew");
    }

    fn what_is_wrong_in_the_file_is_told_and_changes_nothing(engine: Engine) {
        let Some(stage) = stage("fleet_wrong", engine, 1) else { return };
        let before = (stage.pictures(), stage.journal());
        for (text, told) in [
            ("blocks:\n- targets: all\n  confg: {theme: x}", "line 3: there is no key `confg`: did you mean `config`?"),
            ("blocks:\n- targets: all\n  roles:\n    tutor: {sheet: none}", "line 4: no role sheet has the name `none`"),
        ] {
            for error in [
                stage.farm.console.fleet_plan(text.as_bytes(), &stage.folder()).unwrap_err(),
                stage.farm.console.fleet_apply(text.as_bytes(), &stage.folder(), &Map::new()).unwrap_err(),
            ] {
                assert_eq!(error.kind(), Kind::FleetInvalid);
                assert!(error.to_string().contains(told), "{error}");
            }
        }
        let missing = "blocks: [{targets: all, roles: {nobody: {capabilities: {\"mod/a:do\": allow}}}}]";
        let plan = stage.plan(missing);
        assert_eq!(plan["tenants"][0]["errors"][0]["errorcode"], "role_not_found", "permissions alone make no role");
        assert_eq!(stage.plan("blocks: [{name: none, targets: net:7, config: {theme: x}}]")["idle"], json!(["none"]));
        assert_eq!((stage.pictures(), stage.journal()), before);
    }
}

//! Roles that were changed from outside, as Moodle itself sees them; presets in both directions.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use support::database::{Database, Engine};
use support::process::{output, output_of_input};

use crate::stage::{Stage, TENANTS, alone};

/// Changes roles by Moodle's own functions, and tells the presets of all roles.
const CHANGE: &str = r"<?php
define('CLI_SCRIPT', true);
require(__DIR__ . '/config.php');
$context = context_system::instance();
$student = $DB->get_field('role', 'id', ['shortname' => 'student']);
if (!empty($argv[1])) {
    assign_capability('mod/forum:replypost', CAP_PROHIBIT, $student, $context->id, true);
    assign_capability('moodle/course:update', CAP_PREVENT, $student, $context->id, true);
    unassign_capability('mod/chat:chat', $student, $context->id);
    set_role_contextlevels($student, array_merge(array_values(get_role_contextlevels($student)), [CONTEXT_COURSECAT]));
    $DB->update_record('role', ['id' => $student, 'name' => 'Élève', 'description' => '<p>É & \'x\'</p>']);
    $tutor = create_role('Tuteur d\'été 🌞', 'tutor', '<p>T &amp; co</p>', 'teacher');
    set_role_contextlevels($tutor, [CONTEXT_COURSE]);
    assign_capability('mod/forum:replypost', CAP_ALLOW, $tutor, $context->id, true);
    core_role_set_assign_allowed($tutor, $student);
    core_role_set_view_allowed($tutor, $tutor);
}
$presets = [];
foreach ($DB->get_records_menu('role', null, 'id', 'id,shortname') as $id => $shortname) {
    $presets[$shortname] = core_role_preset::get_export_xml($id);
}
echo json_encode($presets), PHP_EOL;
";

/// Gives a preset to Moodle's own page class and tells what it made of it.
const TAKE: &str = r"<?php
define('CLI_SCRIPT', true);
require(__DIR__ . '/config.php');
$xml = stream_get_contents(STDIN);
$all = array_fill_keys(['shortname', 'name', 'description', 'permissions', 'archetype', 'contextlevels', 'allowassign',
    'allowoverride', 'allowswitch', 'allowview'], 1);
$table = new core_role_define_role_table_advanced(context_system::instance(), 0);
$table->force_preset($xml, $all);
$seen = (function () {
    return get_object_vars($this);
})->call($table);
$names = $DB->get_records_menu('role', null, 'id', 'id,shortname');
$told = ['valid' => core_role_preset::is_valid_preset($xml), 'role' => $seen['role'], 'permissions' => array_filter($seen['permissions'])];
$told['contextlevels'] = array_values($seen['contextlevels']);
foreach (['assign', 'override', 'switch', 'view'] as $type) {
    $told[$type] = array_map(fn($id) => $names[$id] ?? $id, array_values($seen['allow' . $type]));
}
echo json_encode($told), PHP_EOL;
";

fn json_of(text: &str) -> Value {
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A preset as a map, so that the order of a database does not count.
fn canonical(xml: &str) -> BTreeMap<String, Vec<String>> {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    let mut parts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in document.root_element().children().filter(roxmltree::Node::is_element) {
        let children: Vec<_> = part.children().filter(roxmltree::Node::is_element).collect();
        let line =
            |node: &roxmltree::Node<'_, '_>| format!("{} {}", node.tag_name().name(), node.text().unwrap_or_default());
        let mut lines: Vec<String> =
            if children.is_empty() { vec![line(&part)] } else { children.iter().map(line).collect() };
        lines.sort();
        parts.insert(part.tag_name().name().to_owned(), lines);
    }
    parts
}

fn sites(stage: &Stage, engine: Engine) -> [(String, Database); 2] {
    ["ours", "theirs"].map(|name| {
        let host = format!("{name}.example.org");
        let database = Database::shared(engine, &format!("roles_{name}_{}", engine.dbtype())).unwrap();
        stage.farm.add(&host, &database);
        (host, database)
    })
}

fn rows(database: &Database) -> String {
    [
        "SELECT id, shortname, name, description, archetype, sortorder FROM mdl_role ORDER BY id",
        "SELECT contextid, roleid, capability, permission, modifierid FROM mdl_role_capabilities ORDER BY roleid, contextid, capability",
        "SELECT roleid, contextlevel FROM mdl_role_context_levels ORDER BY roleid, contextlevel",
        "SELECT roleid, allowassign FROM mdl_role_allow_assign ORDER BY roleid, allowassign",
        "SELECT roleid, allowoverride FROM mdl_role_allow_override ORDER BY roleid, allowoverride",
        "SELECT roleid, allowswitch FROM mdl_role_allow_switch ORDER BY roleid, allowswitch",
        "SELECT roleid, allowview FROM mdl_role_allow_view ORDER BY roleid, allowview",
        "SELECT name, captype, contextlevel, component, riskbitmask FROM mdl_capabilities ORDER BY name",
        "SELECT flagtype, name, value FROM mdl_cache_flags ORDER BY flagtype, name",
    ]
    .map(|sql| database.run(sql))
    .concat()
}

fn job(stage: &Stage, operation: &str, parameters: &Value, host: &str) -> i64 {
    let job = stage.farm.call("job_submit", json!([operation, parameters, [host]])).unwrap();
    run(stage, &job)
}

fn run(stage: &Stage, job: &Value) -> i64 {
    let counts = stage.farm.call("job_run", json!([job])).unwrap();
    assert_eq!(counts, json!({"done": 1}), "{}", stage.farm.call("job", json!([job])).unwrap());
    job.as_i64().unwrap()
}

#[test]
fn roles_end_up_as_moodles_own_functions_leave_them_and_presets_go_both_ways() {
    let Some(stage) = alone() else { return };
    stage.farm.code().replace("roles_change.php", CHANGE.as_bytes());
    stage.farm.code().replace("roles_take.php", TAKE.as_bytes());
    for engine in Engine::ALL {
        let [(ours, here), (theirs, there)] = sites(&stage, engine);
        assert_eq!(rows(&here), rows(&there));
        let presets = json_of(&output(stage.farm.script("roles_change.php", Some(&theirs)).arg("1")));
        assert_ne!(rows(&here), rows(&there));
        assert_eq!(presets.as_object().unwrap().len(), 9, "{presets}");
        for (role, preset) in presets.as_object().unwrap() {
            let exported = stage.farm.call("sheet_export", json!([theirs, role])).unwrap();
            let (own, moodles) = (canonical(exported.as_str().unwrap()), canonical(preset.as_str().unwrap()));
            assert_eq!(own, moodles, "{role}");
            assert_eq!(
                exported.as_str().unwrap().len(),
                preset.as_str().unwrap().len(),
                "{role}: but for the order, byte for byte"
            );
        }

        // What Moodle has exported is taken over by us, and by another tenant's twin from the tenant itself.
        job(&stage, "role_sync", &json!({"preset": presets["student"]}), &ours);
        job(&stage, "role_sync", &json!({"source": theirs, "role": "tutor", "create": 1}), &ours);
        assert_eq!(rows(&here), rows(&there));

        // What we export is taken over by Moodle's own page.
        for role in ["student", "tutor"] {
            let xml = stage.farm.call("sheet_export", json!([ours, role])).unwrap();
            let mut script = stage.farm.script("roles_take.php", Some(TENANTS[0].0));
            let seen = json_of(&output_of_input(&mut script, xml.as_str().unwrap().as_bytes()));
            let number = |id: &str| here.run(id).trim().to_owned();
            let id = number(&format!("SELECT id FROM mdl_role WHERE shortname = '{role}'"));
            let count =
                number(&format!("SELECT COUNT(*) FROM mdl_role_capabilities WHERE contextid = 1 AND roleid = {id}"));
            assert_eq!(seen["valid"], true);
            assert_eq!(seen["role"]["shortname"], *role);
            assert_eq!(
                seen["role"]["description"],
                here.run(&format!("SELECT description FROM mdl_role WHERE id = {id}")).trim()
            );
            assert_eq!(seen["permissions"].as_object().unwrap().len().to_string(), count, "{role}");
            assert_eq!(
                seen["permissions"]["mod/forum:replypost"],
                json!(if role == "student" { "-1000" } else { "1" }.parse::<i64>().unwrap())
            );
            if role == "tutor" {
                assert_eq!(
                    (&seen["contextlevels"], &seen["assign"], &seen["view"]),
                    (&json!([50]), &json!(["student"]), &json!([-1]))
                );
            }
        }
        for host in [&ours, &theirs] {
            stage.farm.call("tenant_remove", json!([format!("http://{host}")])).unwrap();
            let _ = fs::remove_dir_all(stage.farm.dataroot(host));
        }
    }
}

/// A page that tells what the user may do, from warm caches.
const MAY: &str = r"<?php
require(__DIR__ . '/config.php');
$context = context_system::instance();
echo json_encode(['user' => $USER->username ?? null, 'may' => has_capability('moodle/user:editownprofile', $context),
    'cached' => is_array(cache::make('core', 'roledefs')->get($CFG->defaultuserroleid)), 'name' => role_get_names($context)[5]->localname]);
";

/// Makes a user, or deletes it.
const PUPIL: &str = r"<?php
define('CLI_SCRIPT', true);
require(__DIR__ . '/config.php');
if ($user = $DB->get_record('user', ['username' => 'pupil'])) {
    delete_user($user);
    exit(0);
}
create_user_record('pupil', 'Pupil#1234', 'manual');
$DB->set_field('user', 'firstname', 'P', ['username' => 'pupil']);
$DB->set_field('user', 'lastname', 'P', ['username' => 'pupil']);
$DB->set_field('user', 'email', 'pupil@example.invalid', ['username' => 'pupil']);
";

#[test]
fn a_logged_in_user_sees_a_changed_role_at_the_next_request() {
    let Some(stage) = alone() else { return };
    for (script, text) in [("roles_may.php", MAY), ("roles_pupil.php", PUPIL)] {
        stage.farm.code().replace(script, text.as_bytes());
    }
    for (host, _) in [TENANTS[0], TENANTS[2]] {
        output(&mut stage.farm.script("roles_pupil.php", Some(host)));
        let (mut pupil, _) = stage.log_in_as(host, "pupil", "Pupil#1234");
        let (mut may, name) = (String::new(), "Élève");
        for _ in 0..3 {
            may = pupil.get("/roles_may.php").body;
        }
        assert_eq!(json_of(&may), json!({"user": "pupil", "may": true, "cached": true, "name": "Student"}), "{host}");
        let wish = json!({"capability": "moodle/user:editownprofile", "roles": "user", "permission": "prohibit"});
        let preset = format!("<role><shortname>student</shortname><name>{name}</name></role>");
        let preset = json!({"preset": preset, "parts": "names"});
        let jobs = [job(&stage, "capability_sync", &wish, host), job(&stage, "role_sync", &preset, host)];
        let seen = json_of(&pupil.get("/roles_may.php").body);
        assert_eq!((&seen["may"], &seen["name"]), (&json!(false), &json!(name)), "{host}: {seen}");
        for job in jobs {
            run(&stage, &stage.farm.call("job_undo", json!([job])).unwrap());
        }
        assert_eq!(json_of(&pupil.get("/roles_may.php").body), json_of(&may), "{host}: as it was");
        output(&mut stage.farm.script("roles_pupil.php", Some(host)));
    }
}

#[test]
fn roles_are_compared_and_sheets_are_kept_from_the_command_line() {
    let Some(stage) = alone() else { return };
    let hosts = TENANTS.map(|(host, _)| host);
    let call = |arguments: &[&str]| output(stage.farm.script("local/vmoodle/cli/roles.php", None).args(arguments));
    stage.databases[1]
        .run("UPDATE mdl_role_capabilities SET permission = -1 WHERE roleid = 5 AND capability = 'mod/chat:chat'");
    let targets = format!("--targets={}", hosts.join(","));
    let chosen = [targets.as_str(), "--role=student", "--component=mod_chat", "--differences"];
    let table = call(&chosen);
    assert!(table.contains("mod/chat:chat") && table.contains("prevent: http://two.example.org"), "{table}");
    let csv = call(&[&chosen[..], &["--csv"]].concat());
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines,
        [
            "role,part,name,component,majority,http://one.example.org,http://two.example.org,http://three.example.org",
            "student,capability,mod/chat:chat,mod_chat,allow,allow,prevent,allow",
        ]
    );
    let json = json_of(&call(&[&chosen[..], &["--json"]].concat()));
    assert_eq!(json["roles"][0]["rows"][0]["odd"], json!({"http://two.example.org": "prevent"}));

    let xml = call(&["--export=two.example.org", "--role=student"]);
    assert!(xml.contains("<prevent>mod/chat:chat</prevent>"), "{xml}");
    let mut import = stage.farm.script("local/vmoodle/cli/roles.php", None);
    output_of_input(import.args(["--import=-", "--save=carried"]), xml.as_bytes());
    call(&["--save=kept", "--tenant=two.example.org", "--role=student"]);
    let listed = call(&["--sheets"]);
    assert!(listed.contains("carried") && listed.contains("http://two.example.org"), "{listed}");
    assert_eq!(call(&["--export=carried"]), xml);
    let mut run = stage.farm.script("local/vmoodle/cli/run.php", None);
    run.args(["--operation=role_sync", "--set=sheet=kept", &targets, "--plan", "--json"]);
    let plans = json_of(&output(&mut run));
    assert_eq!(plans[0]["changes"].as_array().unwrap().len(), 1, "{plans}");
    for name in ["kept", "carried"] {
        call(&[&format!("--remove-sheet={name}")]);
    }
    let wrong = stage.farm.script("local/vmoodle/cli/roles.php", None).arg("--save=x").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    stage.databases[1]
        .run("UPDATE mdl_role_capabilities SET permission = 1 WHERE roleid = 5 AND capability = 'mod/chat:chat'");
}

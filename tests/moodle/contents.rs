//! Contents changed and brought by us, as a running Moodle with warm caches shows them on the next request.

use serde_json::{Value, json};
use support::process::output;

use crate::stage::{Stage, TENANTS, alone};

/// Makes contents by Moodle's own functions: a block, a summary; and with `source`, what others are to get.
const FILL: &str = r#"<?php
define('CLI_SCRIPT', true);
require(__DIR__ . '/config.php');
require_once($CFG->dirroot . '/admin/tool/customlang/locallib.php');
$text = "<p>see <a href=\"$CFG->wwwroot/mod/x.php?id=1\">l'été 🌞</a></p>";
if (($argv[1] ?? '') !== 'source') {
    $course = context_course::instance(SITEID);
    $id = $DB->insert_record('block_instances', (object)['blockname' => 'html', 'parentcontextid' => $course->id,
        'showinsubcontexts' => 0, 'requiredbytheme' => 0, 'pagetypepattern' => 'site-index', 'defaultregion' => 'side-pre',
        'defaultweight' => 0, 'timecreated' => 1, 'timemodified' => 1,
        'configdata' => base64_encode(serialize((object)['title' => 'Liens été', 'text' => $text, 'format' => '1']))]);
    context_block::instance($id);
    $DB->set_field('course', 'summary', $text, ['id' => SITEID]);
    rebuild_course_cache(SITEID, true);
    exit(0);
}
$png = base64_decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==');
$record = ['contextid' => SYSCONTEXTID, 'component' => 'core_admin', 'filearea' => 'logo', 'itemid' => 0, 'filepath' => '/',
    'filename' => 'été.png', 'userid' => 2, 'license' => 'allrightsreserved', 'author' => 'Ann'];
get_file_storage()->create_file_from_string($record, $png);
set_config('logo', '/été.png', 'core_admin');
$dump = new ReflectionMethod('tool_customlang_utils', 'dump_strings');
$dump->setAccessible(true);
$dump->invoke(null, 'en', 'core', ['course' => 'L\'unité 🌞 {$a}', 'yes' => "Oui\n\\"]);
get_string_manager()->reset_caches();
$category = $DB->insert_record('user_info_category', (object)['name' => 'École', 'sortorder' => 3]);
$field = (object)['shortname' => 'phase', 'name' => 'Phase', 'datatype' => 'text', 'description' => '', 'descriptionformat' => 1,
    'categoryid' => $category, 'sortorder' => 1, 'required' => 0, 'locked' => 0, 'visible' => 2, 'forceunique' => 0, 'signup' => 0,
    'defaultdata' => '', 'defaultdataformat' => 0, 'param1' => '30'];
$DB->insert_record('user_info_field', $field);
"#;

/// Tells what a request sees.
const PROBE: &str = r"<?php define('NO_MOODLE_COOKIES', true);
require(__DIR__ . '/config.php');
require_once($CFG->dirroot . '/user/profile/lib.php');
require_once($CFG->libdir . '/blocklib.php');
$PAGE->set_context(context_system::instance());
header('Content-Type: application/json');
$block = $DB->get_records('block_instances', ['blockname' => 'html'], 'id DESC', '*', 0, 1);
$logo = $OUTPUT->get_logo_url();
$files = [];
foreach (get_file_storage()->get_area_files(SYSCONTEXTID, 'core_admin', 'logo', 0, 'id', true) as $hash => $file) {
    $files[] = [$hash, $file->get_filename(), $file->get_contenthash(), $file->get_filesize(), $file->get_mimetype(),
        $file->get_license(), $file->get_author(), $file->get_content()  === '' ? 0 : 1];
}
sort($files);
echo json_encode(['block' => $block ? block_instance('html', reset($block))->config->text : null, 'summary' => $SITE->summary,
    'logo' => $logo ? $logo->out(false) : null, 'files' => $files, 'course' => get_string('course'), 'yes' => get_string('yes'),
    'fields' => array_map(fn($field) => [$field->shortname, $field->param1], array_values(profile_get_custom_fields())),
    'category' => $DB->get_fieldset_sql('SELECT c.name FROM {user_info_category} c JOIN {user_info_field} f ON f.categoryid = c.id')]);
";

const SOURCE: usize = 1;

fn host(tenant: usize) -> &'static str {
    TENANTS[tenant].0
}

#[allow(clippy::needless_pass_by_value, reason = "called with `json!`")]
fn job(stage: &Stage, operation: &str, parameters: Value, tenant: usize) -> Value {
    let job = stage.farm.call("job_submit", json!([operation, parameters, [host(tenant)], {"confirm": true}])).unwrap();
    run(stage, job)
}

fn run(stage: &Stage, job: Value) -> Value {
    let counts = stage.farm.call("job_run", json!([job])).unwrap();
    assert_eq!(counts, json!({"done": 1}), "{:#}", stage.farm.call("job", json!([job])).unwrap());
    job
}

fn undo(stage: &Stage, job: &Value) {
    run(stage, stage.farm.call("job_undo", json!([job])).unwrap());
}

/// What a request sees, twice, so that it is in the caches then.
fn see(stage: &Stage, tenant: usize) -> Value {
    stage.web.get(host(tenant), "/contents_probe.php");
    stage.web.get(host(tenant), "/contents_probe.php").json()
}

fn ready(stage: &Stage) {
    stage.farm.code().replace("contents_fill.php", FILL.as_bytes());
    stage.farm.code().replace("contents_probe.php", PROBE.as_bytes());
}

/// Pages that show most of a site, each without an error.
fn works(stage: &Stage, tenant: usize) -> String {
    let front = stage.web.get(host(tenant), "/");
    assert_eq!((front.status, stage.web.get(host(tenant), "/login/index.php").status), (200, 200));
    let (mut admin, _) = stage.log_in(host(tenant));
    for page in
        ["/my/", "/course/index.php", "/admin/search.php", "/user/profile.php", "/admin/settings.php?section=logos"]
    {
        let shown = admin.get(page);
        assert_eq!(shown.status, 200, "{page}: {}", shown.title());
        assert!(!shown.body.contains("debuggingmessage") && !shown.body.contains("Exception"), "{page}: {shown:?}");
    }
    front.body
}

#[test]
fn an_address_replaced_over_a_real_site_leaves_it_working_and_undo_brings_it_back() {
    let Some(stage) = alone() else { return };
    ready(&stage);
    for tenant in [0, 2] {
        let database = &stage.databases[tenant];
        output(&mut stage.farm.script("contents_fill.php", Some(host(tenant))));
        let rows = || {
            database.run(
                "SELECT id, configdata FROM mdl_block_instances WHERE blockname = 'html' ORDER BY id; SELECT id, summary FROM mdl_course ORDER BY id;
                 SELECT id, wwwroot FROM mdl_mnet_host ORDER BY id",
            )
        };
        let (before, seen) = (rows(), see(&stage, tenant));
        let old = format!("http://{}", host(tenant));
        assert!(seen["block"].as_str().unwrap().contains(&format!("{old}/mod/x.php")), "{seen}");
        assert!(works(&stage, tenant).contains(&format!("href=\"{old}/mod/x.php?id=1\"")));

        let wish = json!({"search": old, "replace": "https://moved.example.net:8443/school", "mode": "address"});
        let plan = stage.farm.call("plan", json!(["replace_text", wish, [host(tenant)]])).unwrap();
        let told = plan[0]["changes"].to_string();
        assert!(told.contains("block_instances.configdata") && told.contains("course.summary"), "{plan:#}");
        assert_eq!((rows(), see(&stage, tenant)), (before.clone(), seen.clone()), "a plan changes nothing");

        let done = job(&stage, "replace_text", wish, tenant);
        let now = see(&stage, tenant);
        for place in ["block", "summary"] {
            let wanted = seen[place].as_str().unwrap().replace(&old, "https://moved.example.net:8443/school");
            assert_eq!(now[place], json!(wanted), "{place}");
        }
        let front = works(&stage, tenant);
        assert!(front.contains("href=\"https://moved.example.net:8443/school/mod/x.php?id=1\""), "the block is shown");

        undo(&stage, &done);
        assert_eq!((rows(), see(&stage, tenant)), (before, seen));
        works(&stage, tenant);
        database.run("DELETE FROM mdl_block_instances WHERE blockname = 'html' AND pagetypepattern = 'site-index'");
        database.run("DELETE FROM mdl_context WHERE contextlevel = 80 AND instanceid NOT IN (SELECT id FROM mdl_block_instances)");
        database.run("UPDATE mdl_course SET summary = '' WHERE id = 1");
    }
}

#[test]
fn a_logo_texts_and_profile_fields_of_another_tenant_show_at_once_and_go_again() {
    let Some(stage) = alone() else { return };
    ready(&stage);
    output(stage.farm.script("contents_fill.php", Some(host(SOURCE))).arg("source"));
    let source = see(&stage, SOURCE);
    assert_eq!((source["course"].as_str(), source["yes"].as_str()), (Some("L'unité 🌞 {$a}"), Some("Oui\n\\")));
    for tenant in [0, 2] {
        let before = see(&stage, tenant);
        let from = host(SOURCE);
        let logo =
            job(&stage, "copy_file", json!({"source": from, "component": "core_admin", "filearea": "logo"}), tenant);
        let seen = see(&stage, tenant);
        assert_eq!(seen["files"], source["files"], "the rows are those that Moodle's own file storage makes");
        let url = seen["logo"].as_str().unwrap_or_else(|| panic!("no logo: {seen}"));
        let shown = stage.web.get(host(tenant), url.strip_prefix(&format!("http://{}", host(tenant))).unwrap());
        assert_eq!((shown.status, shown.header("Content-Type")), (200, Some("image/png")), "{url}");

        let texts = job(&stage, "sync_language_customisation", json!({"source": from}), tenant);
        let seen = see(&stage, tenant);
        assert_eq!((&seen["course"], &seen["yes"]), (&source["course"], &source["yes"]));

        let unsaid =
            json!(["copy_table", {"source": from, "table": "user_info_field", "key": "shortname"}, [host(tenant)]]);
        let unsaid = stage.farm.call("plan", unsaid).unwrap();
        assert_eq!(unsaid[0]["errorcode"], "state_refused", "categories are numbered otherwise here: {unsaid}");
        let categories =
            job(&stage, "copy_table", json!({"source": from, "table": "user_info_category", "key": "name"}), tenant);
        let wish = json!({"source": from, "table": "user_info_field", "key": "shortname",
            "references": {"categoryid": "user_info_category.name"}});
        let fields = job(&stage, "copy_table", wish, tenant);
        let seen = see(&stage, tenant);
        assert_eq!((&seen["fields"], &seen["category"]), (&json!([["phase", "30"]]), &json!(["École"])));
        works(&stage, tenant);

        for done in [fields, categories, texts, logo] {
            undo(&stage, &done);
        }
        assert_eq!(see(&stage, tenant), before);
        works(&stage, tenant);
    }
    let database = &stage.databases[SOURCE];
    database.run(
        "DELETE FROM mdl_user_info_field; DELETE FROM mdl_user_info_category;
         DELETE FROM mdl_files WHERE component = 'core_admin'; DELETE FROM mdl_config_plugins WHERE plugin = 'core_admin' AND name = 'logo'",
    );
    std::fs::remove_dir_all(stage.farm.dataroot(host(SOURCE)).join("lang/en_local")).unwrap();
    job(&stage, "purge_caches", json!({}), SOURCE);
}

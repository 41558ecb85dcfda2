//! Entries of Moodle's caches that a change makes stale, in files and in Redis.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use support::database::Engine;
use support::redis::Redis;

use crate::config::{item, job, site};
use crate::{Farm, farm};

/// `sha1(md5("1/core/config/<site>")."-<key>")`, as PHP counts them.
const CORE: &str = "9e11920549e906a13b748ba5ac00b1bba8c931c1";
const PLUGIN: &str = "4965b0683bae23779c08d07113aaaeb30d1dbd1d";
const OTHERS: &str = "910844997de3804f8ac1625d887f9228e26df8f2";
/// `md5("1/core/plugin_manager/<site>")`.
const LISTS: &str = "ce5eb256ca3df4f36fb5d2a89f4a564c";
const OTHERS_LISTS: &str = "99505d5907b2bc525839bc8eb6b6a47a";
/// `md5("1 core config")`, `md5("1 core plugin_manager")`.
const CONFIG: &str = "1b088c226629b3fa247ff7ef67dad266";
const MANAGER: &str = "38fe949f8d2b52b4bb84994b3f90c15e";

/// Cache settings as Moodle writes them, with a store of files and one of Redis.
pub(crate) fn muc(siteidentifier: &str, port: u16, prefix: &str, store: &str) -> String {
    format!(
        r"<?php defined('MOODLE_INTERNAL') || die();
 $configuration = array (
  'siteidentifier' => '{siteidentifier}',
  'stores' => array (
    'default_application' => array ('name' => 'default_application', 'plugin' => 'file', 'configuration' => array (), 'modes' => 3, 'default' => true),
    'fast' => array ('name' => 'fast', 'plugin' => 'redis', 'configuration' => array ('server' => '127.0.0.1:{port}', 'prefix' => '{prefix}', 'password' => '', 'serializer' => 1), 'modes' => 3),
    'near' => array ('name' => 'near', 'plugin' => 'apcu', 'configuration' => array ('prefix' => 'x'), 'modes' => 3),
  ),
  'modemappings' => array (0 => array ('mode' => 1, 'store' => '{store}', 'sort' => -1)),
  'definitions' => array (
    'core/config' => array ('mode' => 1, 'component' => 'core', 'area' => 'config', 'selectedsharingoption' => 2, 'userinputsharingkey' => ''),
    'core/plugin_manager' => array ('mode' => 1, 'simplekeys' => true, 'component' => 'core', 'area' => 'plugin_manager', 'selectedsharingoption' => 2),
  ),
  'definitionmappings' => array (),
  'locks' => array (),
);"
    )
}

fn dataroot(farm: &Farm, host: &str) -> PathBuf {
    farm.folder.folder(host)
}

fn put(path: &std::path::Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn set(farm: &Farm, value: &str) -> (i64, serde_json::Value) {
    job(farm, "set_config", json!({"values": {"theme": value, "auth_manual/x": value}}), &["all"])
}

#[test]
fn entries_in_files_go_and_others_stay() {
    let Some(farm) = farm("caches_file", Engine::MariaDb) else { return };
    site(&farm, "a.example.org");
    let root = dataroot(&farm, "a.example.org");
    let entry = |name: &str| {
        root.join(format!("cache/cachestore_file/default_application/core_config/{}-cache/{name}.cache", &name[..3]))
    };
    put(&root.join("muc/config.php"), &muc("8a11", 1, "", "default_application"));
    for name in [CORE, PLUGIN, OTHERS] {
        put(&entry(name), "x");
    }
    assert_eq!(set(&farm, "1").1, json!({"done": 1}));
    assert_eq!([CORE, PLUGIN, OTHERS].map(|name| entry(name).exists()), [false, false, true]);

    // Without its settings the names are not known: all of the definition goes.
    fs::remove_file(root.join("muc/config.php")).unwrap();
    put(&entry(CORE), "x");
    let other = root.join("cache/cachestore_file/default_application/core_string/abc-cache/abc.cache");
    put(&other, "x");
    assert_eq!(set(&farm, "2").1, json!({"done": 1}));
    assert_eq!((entry(CORE).exists(), entry(OTHERS).exists(), other.exists()), (false, false, true));
}

#[test]
fn a_tenant_that_shares_a_redis_prefix_loses_its_own_entries_only() {
    let (Some(farm), Some(redis)) = (farm("caches_redis", Engine::MariaDb), Redis::shared()) else { return };
    site(&farm, "a.example.org");
    put(&dataroot(&farm, "a.example.org").join("muc/config.php"), &muc("8a11", redis.port(), "shared_", "fast"));
    let config = format!("shared_{CONFIG}");
    for field in [CORE, PLUGIN, OTHERS] {
        redis.run(&["HSET", &config, field, "x"]);
    }
    assert_eq!(set(&farm, "1").1, json!({"done": 1}));
    assert_eq!(redis.run(&["HKEYS", &config]).trim(), OTHERS);

    // All caches: simple keys tell the sites apart, and that there is another one.
    let lists = format!("shared_{MANAGER}");
    redis.run(&["HSET", &lists, &format!("enabled-{LISTS}"), "x", &format!("enabled-{OTHERS_LISTS}"), "x"]);
    redis.run(&["HSET", &config, CORE, "x", PLUGIN, "x"]);
    let (purged, counts) = job(&farm, "purge_caches", json!({}), &["all"]);
    assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, purged));
    assert_eq!(redis.run(&["HKEYS", &lists]).trim(), format!("enabled-{OTHERS_LISTS}"));
    assert_eq!(redis.run(&["HKEYS", &config]).trim(), OTHERS, "known keys go");
    assert!(item(&farm, purged)["warnings"].to_string().contains("a prefix of its own"));

    // A prefix of its own: everything under it goes, without a warning.
    put(&dataroot(&farm, "a.example.org").join("muc/config.php"), &muc("8a11", redis.port(), "own_", "fast"));
    redis.run(&["HSET", &format!("own_{MANAGER}"), &format!("enabled-{LISTS}"), "x"]);
    redis.run(&["HSET", &format!("own_{CONFIG}"), "whatever", "x"]);
    let (purged, counts) = job(&farm, "purge_caches", json!({"kinds": "muc"}), &["all"]);
    assert_eq!(counts, json!({"done": 1}));
    assert_eq!(redis.run(&["KEYS", "own_*"]).trim(), "");
    assert_eq!(item(&farm, purged)["warnings"], serde_json::Value::Null);
    assert_eq!(redis.run(&["HKEYS", &config]).trim(), OTHERS);
    redis.run(&["DEL", &config, &lists]);
}

#[test]
fn what_redis_keeps_of_other_contents_goes_with_them() {
    let (Some(farm), Some(redis)) = (farm("caches_life", Engine::MariaDb), Redis::shared()) else { return };
    crate::life::source(&farm, "a.example.org");
    let (hosts, root) = (["a.example.org", "b.example.org"], dataroot(&farm, "a.example.org"));
    put(&root.join("muc/config.php"), &muc("8a11", redis.port(), "life_", "fast"));
    let (config, lists) = (format!("life_{CONFIG}"), format!("life_{MANAGER}"));
    // Of this site and of another one under the same prefix.
    let fill = || {
        redis.run(&["HSET", &config, CORE, "old", PLUGIN, "old", OTHERS, "theirs"]);
        redis.run(&["HSET", &lists, &format!("enabled-{LISTS}"), "old", &format!("enabled-{OTHERS_LISTS}"), "theirs"]);
    };
    let assert_gone = |what: &str| {
        assert_eq!(redis.run(&["HKEYS", &config]).trim(), OTHERS, "{what}");
        assert_eq!(redis.run(&["HKEYS", &lists]).trim(), format!("enabled-{OTHERS_LISTS}"), "{what}");
        fill();
    };
    let (done, undo) = (crate::life::done, crate::life::undo);
    done(&farm, "snapshot_tenant", json!({"name": "basic"}), &hosts[..1]);
    fill();
    let restored = done(&farm, "restore_tenant", json!({"snapshot": "basic"}), &hosts[..1]);
    assert_gone("restored");
    undo(&farm, restored);
    assert_gone("restored, undone");
    let renamed = done(&farm, "rename_tenant", json!({"wwwroot": "https://b.example.org"}), &hosts[..1]);
    assert_gone("renamed");
    undo(&farm, renamed);
    assert_gone("renamed, undone");
    done(&farm, "retire_tenant", json!({}), &hosts[..1]);
    let destroyed = done(&farm, "destroy_tenant", json!({"hosts": hosts[0]}), &hosts[..1]);
    assert_gone("destroyed");
    undo(&farm, destroyed);
    assert_gone("brought back");
    redis.run(&["DEL", &config, &lists]);
}

#[test]
fn a_redis_that_is_down_keeps_nobody_from_throwing_a_site_away() {
    let Some(farm) = farm("caches_away", Engine::MariaDb) else { return };
    crate::life::source(&farm, "a.example.org");
    put(&dataroot(&farm, "a.example.org").join("muc/config.php"), &muc("8a11", 1, "life_", "fast"));
    crate::life::done(&farm, "retire_tenant", json!({}), &["a.example.org"]);
    let destroyed = crate::life::done(&farm, "destroy_tenant", json!({"hosts": "a.example.org"}), &["a.example.org"]);
    let told = item(&farm, destroyed)["warnings"].to_string();
    assert!(told.contains("entries of its caches stay") && told.contains("Redis"), "{told}");
}

#[test]
fn a_redis_that_is_down_fails_the_item_and_a_cache_of_php_is_told() {
    let Some(farm) = farm("caches_down", Engine::MariaDb) else { return };
    let database = site(&farm, "a.example.org");
    let file = dataroot(&farm, "a.example.org").join("muc/config.php");
    put(&file, &muc("8a11", 1, "", "near"));
    let (told, counts) = set(&farm, "1");
    assert_eq!(counts, json!({"done": 1}));
    assert!(item(&farm, told)["warnings"].to_string().contains("which no script reaches"));
    put(&file, "<?php $configuration = array('siteidentifier' => 'x', 'stores' => system('true'));");
    let (told, counts) = set(&farm, "2");
    assert_eq!(counts, json!({"done": 1}));
    assert!(item(&farm, told)["warnings"].to_string().contains("are not what Moodle writes"));

    put(&file, &muc("8a11", 1, "", "fast"));
    let (down, counts) = set(&farm, "3");
    assert_eq!(counts, json!({"failed": 1}));
    assert_eq!(item(&farm, down)["errorcode"], "tenant_unreachable");
    assert!(crate::config::settings(&database).contains("theme\t3\n"), "what was written is in place");
    put(&file, &muc("8a11", 1, "", "near"));
    let again = farm.console.job_retry(down).unwrap();
    assert_eq!(crate::config::run(&farm, again), json!({"skipped": 1}));
}

/// Takes down what it is asked, and answers.
const ANSWERS: &str = r#"<?php
file_put_contents('asked', getenv('VMOODLE_HOST') . " $argv[1] " . stream_get_contents(STDIN) . "\n", FILE_APPEND);
echo "something else\n", json_encode(['answer' => ['dropped' => []]]), "\nand more\n";
"#;

#[test]
fn a_cache_that_only_php_reaches_is_left_to_the_sites_own_script() {
    let Some(()) = support::need::all(&[support::need::Need::Php]) else { return };
    let Some(mut farm) = farm("caches_php", Engine::MariaDb) else { return };
    site(&farm, "a.example.org");
    let code = farm.folder.folder("code");
    put(&code.join("local/vmoodle/cli/in_tenant.php"), ANSWERS);
    farm.control.dirroot = code.display().to_string();
    farm.console = vmoodle_core::console::Console::new(farm.control.clone());
    let near = muc("8a11", 1, "", "near").replace("'plugin' => 'apcu'", "'plugin' => 'memcached'");
    put(&dataroot(&farm, "a.example.org").join("muc/config.php"), &near);
    let asked = || fs::read_to_string(code.join("asked")).unwrap_or_default();
    let (told, counts) = set(&farm, "1");
    assert_eq!(counts, json!({"done": 1}), "{:#}", item(&farm, told));
    let warnings = item(&farm, told)["warnings"].to_string();
    assert!(
        warnings.contains("`near` (memcached) is reached only by PHP: its stale entries were dropped"),
        "{warnings}"
    );
    assert_eq!(asked(), "https://a.example.org drop_caches {\"definitions\":[\"core/config\"]}\n", "once");
    let (_, counts) = job(&farm, "purge_caches", json!({}), &["all"]);
    assert_eq!(counts, json!({"done": 1}));
    assert!(asked().ends_with("{\"definitions\":[\"*\"]}\n"), "{}", asked());

    put(
        &code.join("local/vmoodle/cli/in_tenant.php"),
        "<?php echo json_encode(['refused' => ['code' => 'script_failed', 'message' => 'as told']]), PHP_EOL; exit(1);",
    );
    let (told, counts) = set(&farm, "2");
    assert_eq!(counts, json!({"done": 1}), "what is written is written");
    let warnings = item(&farm, told)["warnings"].to_string();
    assert!(warnings.contains("purge this site's caches, for its script has failed: as told"), "{warnings}");
}

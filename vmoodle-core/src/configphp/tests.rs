use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::secret::Secret;
use crate::tenant::tests_support::tenant;

fn config(body: &str) -> Config {
    read(format!("<?php\n{body}").as_bytes(), "/srv/moodle").unwrap()
}

fn told(body: &str) -> Vec<String> {
    config(body).skipped.iter().map(ToString::to_string).collect()
}

fn value(expression: &str) -> Value {
    let config = config(&format!("$CFG->dirroot = '/code'; $CFG->x = {expression};"));
    config.settings.get("x").cloned().unwrap_or_else(|| json!({ "skipped": config.skipped.len() }))
}

#[test]
fn a_common_config_is_read_whole() {
    let text = r#"<?php  // Moodle configuration file

unset($CFG); global $CFG; # both on a line
$CFG = new stdClass();
$CFG->dbtype    = 'mariadb'; /* a comment; with $CFG->dbtype = 'x'; */
$CFG->dbhost = "localhost"; $CFG->dbname = 'moodle'; $CFG->dbuser = 'u';
$CFG->dbpass    = 'it\'s \\ "so" $x';
$CFG->prefix    = 'mdl_';
$CFG->dboptions = array (
  'dbpersist' => 0, 'dbport' => '', 'dbsocket' => '',
);
$CFG->dboptions['dbcollation'] = 'utf8mb4_unicode_ci';
$CFG->wwwroot   = 'https://a.example.org';
$CFG->dataroot  = dirname(__FILE__) . '/../data';
$CFG->admin     = 'admin';
$CFG->directorypermissions = 02777;
$CFG->debug = (E_ALL | E_STRICT);
$CFG->forced_plugin_settings['auth_cas'] = ['hostname' => 'h', "list" => [1, 2.5, -3, true, NULL]];

require_once(__DIR__ . '/lib/setup.php'); // Do not edit

// There is no php closing tag in this file,
"#;
    let config = read(text.as_bytes(), "/srv/moodle").unwrap();
    assert_eq!((config.skipped.len(), config.missing().len()), (0, 0), "{:?}", config.skipped);
    let settings = &config.settings;
    assert_eq!(settings["dbpass"], "it's \\ \"so\" $x");
    assert_eq!(
        settings["dboptions"],
        json!({"dbpersist": 0, "dbport": "", "dbsocket": "", "dbcollation": "utf8mb4_unicode_ci"})
    );
    assert_eq!(
        (&settings["dataroot"], &settings["directorypermissions"]),
        (&json!("/srv/moodle/../data"), &json!(0o2777))
    );
    assert_eq!(settings["debug"], 32767);
    assert_eq!(
        settings["forced_plugin_settings"]["auth_cas"],
        json!({"hostname": "h", "list": [1, 2.5, -3, true, null]})
    );
    assert!(!format!("{config:?}").contains("it's"));
}

#[test]
fn literals_have_phps_own_values() {
    for (php, expected) in [
        (r#""a\tb\x41\101\u{e9}\$\q\\""#, json!("a\tbAA\u{e9}$\\q\\")),
        (r"'a\nb\\c'", json!("a\\nb\\c")),
        (r#""cost: 5$ or $5""#, json!("cost: 5$ or $5")),
        ("0x1F + 0b11 - 0o17", json!(19)),
        ("1_000 * 60", json!(60000)),
        ("1.5e3", json!(1500.0)),
        ("9223372036854775808", json!(9_223_372_036_854_775_808_f64)),
        ("'a' . 1 . true . null . 'b'", json!("a11b")),
        ("$CFG->dirroot . '/x'", json!("/code/x")),
        ("__DIR__ . \"/y\"", json!("/srv/moodle/y")),
        ("dirname(__DIR__)", json!("/srv")),
        ("[5 => 'a', 'b', 'k' => [], ]", json!({"5": "a", "6": "b", "k": []})),
        ("['0' => 'a', 1 => 'b', 0 => 'c']", json!(["c", "b"])),
        ("array('a', array('b' => FALSE))", json!(["a", {"b": false}])),
    ] {
        assert_eq!(value(php), expected, "{php}");
    }
}

#[test]
fn what_is_no_literal_is_told_and_never_guessed() {
    for (php, what) in [
        ("getenv('X') ?: 'hidden'", "`$CFG->x` calls `getenv`"),
        ("\"a$b\"", "`$CFG->x` is no plain value"),
        ("\"{$a}\"", "`$CFG->x` is no plain value"),
        ("<<<EOT\nhidden; $CFG->y = 1;\n  EOT", "`$CFG->x` is no plain value"),
        ("$other", "`$CFG->x` is no plain value"),
        ("$CFG->unset", "`$CFG->x` is no plain value"),
        ("SOME_CONSTANT", "`$CFG->x` is no plain value"),
        ("'a' == 'b'", "`$CFG->x` is no plain value"),
        ("function () { return 1; }", "`$CFG->x` calls `function`"),
        ("(object) ['a' => 1]", "`$CFG->x` is no plain value"),
        ("\"\\xff\"", "`$CFG->x` is no plain value"),
    ] {
        let read = config(&format!("$CFG->x = 'old';\n$CFG->x = {php};\n$CFG->after = 1;"));
        assert_eq!(read.skipped.len(), 1, "{php}: {:?}", read.skipped);
        assert_eq!((read.skipped[0].line, read.skipped[0].what.as_str()), (3, what), "{php}");
        assert_eq!((read.settings.get("x"), &read.settings["after"]), (None, &json!(1)), "{php}");
    }
}

#[test]
fn blocks_are_gone_over_with_what_they_may_set() {
    let body = "$CFG->dbhost = 'a'; $CFG->dbname = 'n'; $CFG->prefix = 'p';
if (isset($_SERVER['X'])) { $CFG->dbhost = 'b'; } else if ($CFG->dbname == 'y') { $CFG->dboptions['a']['b'] = 1; }
else { foreach ([1] as $x) { $CFG->c[] = $x; } }
$CFG->d = 1;
if ($y): $CFG->prefix .= 'q'; else: $z = 1; endif;
switch (1) { case 1: break; }
function f() { return '}'; }
define('X', true); @ini_set('a', '1'); $CFG->$name = 3;
$CFG->wwwroot = 'w';
unset($CFG->d);
require('other.php');
return;
$CFG->never = 1;";
    assert_eq!(
        told(body),
        [
            "not understood at line 3: `if` (may set `dbhost`, `dboptions`, `c`)",
            "not understood at line 6: `if` (may set `prefix`)",
            "not understood at line 7: `switch`",
            "not understood at line 8: `function`",
            "not understood at line 9: `define`",
            "not understood at line 9: `ini_set`",
            "not understood at line 9: the variable `$CFG`",
            "not understood at line 11: `unset` (may set `d`)",
            "not understood at line 12: `require`",
        ]
    );
    assert_eq!(json!(config(body).settings), json!({"dbname": "n", "wwwroot": "w"}));
    assert_eq!(config(body).missing().len(), 7);
}

#[test]
fn what_is_no_php_is_refused() {
    for bad in ["", "dbhost = x", "<?php $x = 'no end", "<?php /* no end", "<?php $x = 08;", "<?php \u{1}"] {
        assert_eq!(read(bad.as_bytes(), "/x").unwrap_err().kind(), Kind::ConfigUnreadable, "{bad}");
    }
    let latin1 = read(b"<?php\n$CFG->x = '\xe9';", "/x").unwrap_err();
    assert!(latin1.to_string().contains("line 2"), "{latin1}");
    assert!(read("<p>x</p><?php $CFG->a = 1 ?>\n".as_bytes(), "/x").unwrap().settings.contains_key("a"));
    let deep = format!("<?php $CFG->x = {}1;", "[".repeat(100_000));
    assert_eq!(read(deep.as_bytes(), "/x").unwrap().skipped.len(), 1);
}

#[test]
fn a_leaver_takes_its_own_settings_and_nothing_of_the_farm() {
    let mut tenant = tenant(7, "https://a.example.org/sub");
    tenant.database.port = Some(3307);
    let settings = json!({"theme": "boost", "forced_plugin_settings": {"auth_cas": {"hostname": "h"}}});
    let settings = settings.as_object().unwrap();
    let password = Secret::new("it's \\");
    let leaver = Leaver { tenant: &tenant, user: "own", password: &password, settings };
    for (layout, setup) in [(Layout::Classic, "'/lib/setup.php'"), (Layout::Public, "'/public/lib/setup.php'")] {
        let written = standalone(&leaver, layout).unwrap();
        assert!(written.reveal().contains(setup) && !written.reveal().contains("vmoodle"), "{}", written.reveal());
        let read = read(written.reveal().as_bytes(), "/x").unwrap();
        assert_eq!((read.skipped.len(), read.missing().len()), (0, 0));
        assert_eq!((&read.settings["dbpass"], &read.settings["dbuser"]), (&json!("it's \\"), &json!("own")));
        assert_eq!(read.settings["dboptions"], json!({"dbpersist": false, "dbport": 3307, "dbsocket": ""}));
        assert_eq!(read.settings["forced_plugin_settings"], settings["forced_plugin_settings"]);
        assert_eq!(read.settings["directorypermissions"], 0o2777);
    }
    let forbidden = json!({"dataroot": "/elsewhere"});
    let leaver = Leaver { settings: forbidden.as_object().unwrap(), ..leaver };
    assert_eq!(standalone(&leaver, Layout::Classic).unwrap_err().kind(), Kind::BadSetting);
}

fn values() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no other", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "['\"\\\\$\\{\\}a\n<?>;]{0,12}".prop_map(Value::from),
    ];
    plain.prop_recursive(4, 32, 5, |inner| {
        let keyed = prop::collection::vec(("[^0-9-][^\0]{0,6}", inner.clone()), 1..5);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::Array),
            keyed.prop_map(|items| Value::Object(items.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(settings in prop::collection::vec(("[a-z_][a-z0-9_]{0,9}", values()), 0..8)) {
        let settings: Map<String, Value> = settings.into_iter().collect();
        let written = render(&settings, Layout::Classic);
        let read = read(written.reveal().as_bytes(), "/x").unwrap();
        prop_assert_eq!(read.skipped, []);
        prop_assert_eq!(json!(read.settings), json!(settings), "{}", written.reveal());
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&[b"<?php ", &octets[..]].concat(), "/x");
    }

    #[test]
    fn no_words_make_it_panic(words in prop::collection::vec(
        prop::sample::select(vec!["$CFG", "->", "x", "[", "]", "(", ")", "{", "}", "=", ";", "'a'", "\"\\x\"", "if", ":", "endif", "1e", "\\",
            "<<<A\n", "A", "else", "?>", "<?php", "array", "dirname", ".", "é", "unset", "0x", "\"", "-", "=>", "\"\\u{\""]), 0..40)) {
        let _ = read(format!("<?php {}", words.join("")).as_bytes(), "/x");
    }
}

#[test]
fn a_language_pack_is_read_only_where_it_holds_nothing_but_texts() {
    let read = |code: &str| strings(format!("<?php\n{code}").as_bytes());
    let good = "// This file is part of Moodle\ndefined('MOODLE_INTERNAL') || die();\n\n$string['a'] = 'L\\'un';\n\
                $string['b'] = 'x' . \"\\0\" . 'y';\n$string[\"a\"] = 'l\\'autre {$a}';\n";
    let pairs = [("b".to_owned(), "x\0y".to_owned()), ("a".to_owned(), "l'autre {$a}".to_owned())];
    assert_eq!(read(good).unwrap(), pairs);
    assert_eq!(read("").unwrap(), []);
    for bad in [
        "$string['a'] = strtoupper('x');",
        "$string['a'] = \"x $b\";",
        "$string['a'] = 'x'; unlink('y');",
        "$string['a'] .= 'x';",
        "$other['a'] = 'x';",
        "$string[] = 'x';",
        "$string['a']['b'] = 'x';",
        "$string['a'] = `ls`;",
        "$string['a'] = 'x' . $b;",
        "$string['a'] = 'x' 'y';",
        "if (true) { $string['a'] = 'x'; }",
        "defined('MOODLE_INTERNAL') || die(unlink('x'));",
        "defined('OTHER') || die();",
        "include 'x.php';",
        "?>text<?php $string['a'] = 'x';",
        "$string['a'] = 'x",
    ] {
        assert_eq!(read(bad).unwrap_err().kind(), Kind::ConfigUnreadable, "{bad}");
    }
}

#[test]
fn a_property_is_told_only_where_the_file_is_plain() {
    let told = |text: &str| property(text.as_bytes(), &["plugin", "module"], "version");
    let head = "<?php\ndefined('MOODLE_INTERNAL') || die();\n";
    assert_eq!(told(&format!("{head}$plugin->version = 2024100700; // 2")), Some(Some(json!(2_024_100_700))));
    assert_eq!(told(&format!("{head}$module->version  = 2024100700.01;")), Some(Some(json!(2_024_100_700.01))));
    assert_eq!(told(&format!("{head}$plugin->version = 1; $plugin->version = '2';")), Some(Some(json!("2"))));
    assert_eq!(told(&format!("{head}$plugin->component = 'mod_a';")), Some(None));
    for text in [
        "if (true) { $plugin->version = 1; }",
        "$plugin = new stdClass(); $plugin->version = 1;",
        "$plugin->version = time();",
        "require(__DIR__ . '/x.php');",
        "$plugin->$x = 1;",
        "$plugin->version = $a ? 1 : 2;",
    ] {
        assert_eq!(told(&format!("{head}{text}")), None, "{text}");
    }
}

//! The plugin's own PHPUnit tests, run by Moodle's PHPUnit in a code base, a database and a dataroot of their own.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::code::{Code, Kind};
use support::database::{Database, Engine};
use support::need::{self, Need, PHPUNIT, VFSSTREAM};
use support::php;
use support::process::output;
use support::scratch::Scratch;

/// Tests that must have run: fewer are no proof.
const TESTS: usize = 255;

/// The locale that Moodle's PHPUnit sets, whatever the machine has.
const LOCALE: &str = "en_AU.UTF-8";

/// What composer would leave in `vendor/`, of Debian's packages.
fn vendor(code: &Code) {
    for folder in ["vendor/bin", "vendor/phpunit/phpunit"] {
        std::fs::create_dir_all(code.path().join(folder)).unwrap();
    }
    let autoload = format!("<?php\nrequire_once('{PHPUNIT}');\nrequire_once('{VFSSTREAM}');\n");
    code.replace("vendor/autoload.php", autoload.as_bytes());
    // A test in a process of its own loads what this constant names.
    let phpunit = "<?php
        define('PHPUNIT_COMPOSER_INSTALL', dirname(__DIR__) . '/autoload.php');
        require(PHPUNIT_COMPOSER_INSTALL);
        PHPUnit\\TextUI\\Command::main();\n";
    code.replace("vendor/bin/phpunit", phpunit.as_bytes());
    code.replace("vendor/phpunit/phpunit/composer.json", b"{}\n");
}

/// A script of the code base, with the locale that Moodle's PHPUnit asks for.
fn script(code: &Code, locales: &Path, script: &str) -> Command {
    let mut command = php::command();
    command.arg(script).current_dir(code.path()).env("LOCPATH", locales);
    command
}

/// How many tests the summary of a run without any trouble counts: `OK (57 tests, 300 assertions)`.
fn passed(said: &str) -> Option<usize> {
    let summary = said.lines().find_map(|line| line.strip_prefix("OK ("))?;
    summary.split_once(" test")?.0.parse().ok()
}

#[test]
fn the_plugins_own_phpunit_tests_pass_on_mariadb() {
    the_plugins_own_phpunit_tests_pass(Engine::MariaDb);
}

#[test]
fn the_plugins_own_phpunit_tests_pass_on_postgresql() {
    the_plugins_own_phpunit_tests_pass(Engine::Postgres);
}

fn the_plugins_own_phpunit_tests_pass(engine: Engine) {
    let Some(()) = need::all(&[Need::Moodle, Need::Php, Need::PhpUnit]) else { return };
    let Some(database) = Database::shared(engine, "phpunit") else { return };
    let folder = Scratch::new(&format!("phpunit-{}", engine.dbtype()));
    let code = Code::new(Kind::Moodle, &folder.join("code"));
    vendor(&code);
    // Moodle writes its own, and what is there may be a link into somebody's Moodle.
    let _ = std::fs::remove_file(code.path().join("phpunit.xml"));
    let mut settings = database.config();
    settings["wwwroot"] = json!("http://control.example.org");
    settings["dataroot"] = json!(folder.folder("data/control"));
    settings["admin"] = json!("admin");
    settings["vmoodle"] = json!({});
    settings["phpunit_prefix"] = json!("phpu_");
    settings["phpunit_dataroot"] = json!(folder.folder("data/phpunit"));
    code.configure(&settings);
    let locales = folder.folder("locales");
    output(Command::new("localedef").args(["-i", "en_AU", "-f", "UTF-8"]).arg(locales.join(LOCALE)));

    output(script(&code, &locales, "admin/tool/phpunit/cli/util.php").arg("--install"));
    output(script(&code, &locales, "admin/tool/phpunit/cli/util.php").arg("--buildconfig"));
    let said = output(
        script(&code, &locales, "vendor/bin/phpunit")
            .args(["--testsuite", "local_vmoodle_testsuite", "--disallow-test-output"])
            .args(["--fail-on-warning", "--fail-on-risky", "--fail-on-incomplete", "--fail-on-skipped"]),
    );
    let passed = passed(&said);
    assert!(passed.is_some_and(|tests| tests >= TESTS), "{said}");
}

#[test]
fn only_a_run_without_trouble_counts() {
    let run = |summary: &str| passed(&format!("PHPUnit 9.6.7\n\n....\n\n{summary}\n"));
    assert_eq!(run("OK (57 tests, 300 assertions)"), Some(57));
    assert_eq!(run("OK (1 test, 1 assertion)"), Some(1));
    assert_eq!(run("OK, but incomplete, skipped, or risky tests!\nTests: 57, Assertions: 300, Skipped: 1."), None);
    assert_eq!(run("FAILURES!\nTests: 57, Assertions: 300, Failures: 1."), None);
    assert_eq!(run("No tests executed!"), None);
}

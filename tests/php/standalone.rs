//! The `config.php` of a tenant that left the farm, as PHP itself reads it; and Moodle's own sample.

use std::process::Command;

use serde_json::{Map, Value, json};
use support::moodle;
use support::need::{self, Need};
use support::process::output;
use support::scratch::Scratch;
use vmoodle_core::configphp::{Layout, read, render};

/// Values that are hard to quote.
fn settings() -> Map<String, Value> {
    let settings = json!({
        "dbpass": "it's \\ \"so\" $CFG->x {$y} ?> <?php \n é\u{0}\\", "dboptions": {"dbpersist": false, "dbport": 3307, "o'x": ["a", 1.5]},
        "wwwroot": "https://a.example.org", "least": i64::MIN, "most": i64::MAX, "small": 1e-300, "none": null, "empty": [],
        "directorypermissions": 0o2777, "forced_plugin_settings": {"auth_cas": {"hostname": "h\\"}},
    });
    settings.as_object().cloned().unwrap()
}

#[test]
fn php_reads_what_was_written() {
    let Some(()) = need::all(&[Need::Php]) else { return };
    for (layout, library) in [(Layout::Classic, "lib"), (Layout::Public, "public/lib")] {
        let folder = Scratch::new("standalone");
        let stub =
            "<?php echo json_encode($CFG, JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR);";
        std::fs::write(folder.folder(library).join("setup.php"), stub).unwrap();
        let file = folder.join("config.php");
        std::fs::write(&file, render(&settings(), layout).reveal()).unwrap();
        assert_eq!(Layout::of(folder.path()), layout);
        output(Command::new("php").args(["-n", "-l"]).arg(&file));
        let said = output(
            Command::new("php")
                .args(["-n", "-d", "serialize_precision=-1", "-r", "require $argv[1];"])
                .arg("--")
                .arg(&file),
        );
        assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), json!(settings()), "{said}");
    }
}

#[test]
fn moodles_sample_is_read() {
    let Some(()) = need::all(&[Need::Moodle]) else { return };
    let sample = std::fs::read(moodle::folder().join("config-dist.php")).unwrap();
    let config = read(&sample, "/srv/moodle").unwrap();
    assert_eq!((config.missing(), config.skipped), (vec![], vec![]));
    assert_eq!(
        (&config.settings["dbtype"], &config.settings["dboptions"]["dbsocket"]),
        (&json!("pgsql"), &json!(false))
    );
}

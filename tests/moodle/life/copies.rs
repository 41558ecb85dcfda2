//! The life of one copy, on each engine.

use serde_json::json;
use support::database::Engine;

use super::secrets;
use super::stage::{NOTE, OLD_PASSWORD, Stage, alone, school};
use super::watch::Watch;

/// What tells one site from the other: no two may share any of it.
const OWN: [&str; 9] = ["identifier", "cookie", "prefix", "salt", "mnet", "database", "account", "dbpass", "dataroot"];

fn assert_a_copys_life(engine: Engine) {
    let Some(stage) = alone() else { return };
    let (source, host) = (school(engine), format!("copy-{}.example.org", engine.dbtype()));
    let before = stage.ask(&source, &[]);
    let watch = Watch::start();
    stage.copy(&source, &json!({"vhostname": format!("http://{host}"), "name": "L'été", "shortname": "copy"}));

    let copy = stage.ask(&host, &["mail"]);
    assert_eq!((&copy["mailoff"], &before["mailoff"]), (&json!(true), &json!(false)));
    for fact in OWN {
        let (theirs, ours) = (&before["identity"][fact], &copy["identity"][fact]);
        assert!(ours.as_str().is_some_and(|value| !value.is_empty()), "{fact} of {copy}");
        assert_ne!(theirs, ours, "{fact}");
    }
    assert_course(&stage, &host);
    stage.ask(&host, &["change", "Changed"]);
    assert_eq!(stage.ask(&source, &[]), before, "the source is as it was");

    // A snapshot, and back to it.
    stage.operate("restore_tenant", &host, &json!({ "snapshot": format!("basic-{}", engine.dbtype()) }));
    assert_course(&stage, &host);
    assert_eq!(stage.ask(&host, &[])["mailoff"], json!(true), "what is another site's writes to nobody");
    let kept = stage.run("snapshot", &[&format!("--targets={host}"), "--json"], None).done();
    let snapshot = kept["items"][0]["afterimage"][0]["after"].clone();
    assert_eq!(stage.ask(&host, &["change", "Changed again"])["course"]["file"], json!(null));
    let restored = stage.operate("restore_tenant", &host, &json!({ "snapshot": snapshot }));
    assert_course(&stage, &host);
    stage.undo(&restored);
    let undone = stage.ask(&host, &[]);
    assert_eq!((&undone["course"]["name"], &undone["lifetest"]), (&json!("Changed again"), &json!("Changed again")));
    stage.operate("restore_tenant", &host, &json!({ "snapshot": snapshot }));

    // Another name.
    let renamed = format!("renamed-{}.example.org", engine.dbtype());
    stage.operate("rename_tenant", &host, &json!({ "wwwroot": format!("http://{renamed}") }));
    let old = stage.web.get(&host, "/course/view.php?name=seeded");
    let location = format!("http://{renamed}/course/view.php?name=seeded");
    assert_eq!((old.status, old.header("Location")), (301, Some(location.as_str())), "{old:?}");
    assert_course(&stage, &renamed);

    // Away, and back.
    let early = stage.run(
        "run",
        &[
            "--operation=destroy_tenant",
            &format!("--targets={renamed}"),
            &format!("--set=hosts={renamed}"),
            "--yes",
            "--json",
        ],
        None,
    );
    assert_eq!(early.code, Some(2), "it is not retired: {early:?}");
    stage.operate("retire_tenant", &renamed, &json!({}));
    assert_eq!(stage.web.get(&renamed, "/").status, 503);
    let destroyed = stage.operate("destroy_tenant", &renamed, &json!({ "hosts": renamed }));
    assert_eq!(stage.web.get(&renamed, "/").status, 404);
    stage.undo(&destroyed);
    stage.operate("enable_tenant", &renamed, &json!({}));
    assert_course(&stage, &renamed);

    // For good.
    let identity = stage.ask(&renamed, &[])["identity"].clone();
    stage.operate("retire_tenant", &renamed, &json!({}));
    stage.operate("destroy_tenant", &renamed, &json!({ "hosts": renamed }));
    stage.operate("purge_trash", &renamed, &json!({ "young": 1 }));
    assert_eq!(stage.web.get(&renamed, "/").status, 404);
    assert!(stage.farm.call("tenant", json!([renamed])).is_err(), "its row is gone");
    assert!(!std::path::Path::new(identity["dataroot"].as_str().unwrap()).exists());
    assert_eq!(stage.ask(&source, &[]), before, "the source is as it was");

    // Nobody who looked at the machine all the while has seen a password.
    let seen = watch.end();
    for program in ["cli/run.php", "cli/snapshot.php", "cli/job.php", "dump"] {
        assert!(seen.iter().any(|line| line.contains(program)), "{program}: {seen:?}");
    }
    secrets::assert_kept(&stage, &seen, &[&early], &[identity["dbpass"].as_str().unwrap().to_owned()]);
}

/// The administrator logs in and sees the course, its link and its file, all at this address.
fn assert_course(stage: &Stage, host: &str) {
    let mut visitor = stage.enter(host, OLD_PASSWORD);
    let seen = visitor.get("/life_probe.php").json();
    assert_eq!(seen["course"]["file"], NOTE, "by its hash: {seen}");
    let summary = seen["course"]["summary"].as_str().unwrap();
    assert!(summary.contains(&format!("http://{host}/course/index.php")), "{summary}");
    let page = visitor.get(&format!("/course/view.php?id={}", seen["course"]["id"].as_str().unwrap()));
    assert!(page.status == 200 && page.title().contains("L’été 🌞"), "{host}: {page:?}");
    let file = visitor.get(&format!("/pluginfile.php/{}/course/summary/note.txt", seen["course"]["context"]));
    assert_eq!((file.status, file.body.as_str()), (200, NOTE), "{host}: {file:?}");
}

#[test]
fn a_copys_life_on_mariadb() {
    assert_a_copys_life(Engine::MariaDb);
}

#[test]
fn a_copys_life_on_postgresql() {
    assert_a_copys_life(Engine::Postgres);
}

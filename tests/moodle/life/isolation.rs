//! What a copy keeps in caches, sessions and files is neither seen nor removed by its source, and the other way round.

use serde_json::{Value, json};
use support::database::Engine;
use support::http::Visitor;
use support::redis::Redis;

use super::stage::{OLD_PASSWORD, Stage, alone, school};

/// What a person's request reads back of what was written.
fn kept(visitor: &mut Visitor) -> Value {
    visitor.get("/life_probe.php").json()["kept"].clone()
}

fn write(visitor: &mut Visitor, value: &str) {
    let page = visitor.get(&format!("/life_probe.php?do=write&value={value}"));
    assert_eq!(page.status, 200, "{page:?}");
}

/// The same value in each place.
fn all(value: &str) -> Value {
    let places = ["application", "session", "user", "cachedir", "tempdir", "localcachedir", "dataroot"];
    Value::Object(places.iter().map(|place| ((*place).to_owned(), json!(value))).collect())
}

/// Two sites, of which the second is a copy of the first, made after the first had written what it has.
fn assert_apart(stage: &Stage, source: &str, copy: &str) {
    let mut theirs = stage.enter(source, OLD_PASSWORD);
    write(&mut theirs, "source");
    assert_eq!(kept(&mut theirs), all("source"));
    let node = json!({ "vhostname": format!("http://{copy}"), "name": "Copy", "shortname": "copy" });
    stage.copy(source, &node);

    // Nothing of the source's is seen in the copy: neither its cache nor its session, whose cookie is none here.
    let mut ours = stage.enter(copy, OLD_PASSWORD);
    let own = |place: &str, seen: &Value| seen[place].clone();
    let seen = kept(&mut ours);
    for place in ["application", "session", "user", "cachedir", "tempdir", "localcachedir"] {
        assert_eq!(own(place, &seen), json!(null), "{place}");
    }
    assert_eq!(seen["dataroot"], "source", "an unknown file of the dataroot is copied");
    for (visitor, host) in [(&theirs, copy), (&ours, source)] {
        let session = visitor.cookies().into_iter().find(|(name, _)| name.starts_with("MoodleSession")).unwrap();
        let name = stage.ask(host, &[])["identity"]["cookie"].as_str().unwrap().to_owned();
        let cookies = [(format!("MoodleSession{name}"), session.1)].into();
        let mut stranger = Visitor::with_cookies(stage.web.address(), host, cookies);
        let who = stranger.get("/life_probe.php").json();
        assert_ne!(who["user"], "admin", "a session of the other site opens {host}");
        assert_eq!(who["kept"]["user"], json!(null), "{host}");
    }

    // Nothing of the copy's is seen in the source, and what one removes stays the other's.
    write(&mut ours, "copy");
    assert_eq!((kept(&mut ours), kept(&mut theirs)), (all("copy"), all("source")));
    assert_eq!(ours.get("/life_probe.php?do=purge").status, 200);
    assert_eq!(kept(&mut ours)["application"], json!(null), "the copy's caches are purged");
    assert_eq!(kept(&mut theirs), all("source"), "and the source's are not");
    write(&mut ours, "copy");
    assert_eq!(theirs.get("/life_probe.php?do=purge").status, 200);
    assert_eq!(kept(&mut theirs)["application"], json!(null));
    assert_eq!(kept(&mut ours), all("copy"), "nor the other way round");
    stage.ask(copy, &["destroy"]);
    assert_ne!(ours.get("/life_probe.php").json()["user"], "admin", "the copy's sessions are ended");
    assert_eq!(theirs.get("/life_probe.php").json()["user"], "admin", "and the source's are not");
}

#[test]
fn a_copy_and_its_source_share_neither_caches_nor_sessions_nor_files() {
    let Some(mut stage) = alone() else { return };
    let source = school(Engine::MariaDb);
    assert_apart(&stage, &source, "apart-files.example.org");

    // The same with one Redis for both, for all caches and all sessions.
    let Some(redis) = Redis::start() else { return };
    let sessions = json!({
        "session_handler_class": "\\core\\session\\redis", "session_redis_host": "127.0.0.1", "session_redis_port": redis.port(),
    });
    stage.farm.configure(&sessions);
    let source = school(Engine::Postgres);
    stage.ask(&source, &["redis", &format!("127.0.0.1:{}", redis.port())]);
    let store = stage.ask(&source, &[])["store"].clone();
    assert!(store.as_str().unwrap().contains("shared"), "{store}");
    assert_apart(&stage, &source, "apart-redis.example.org");
    let keys = redis.run(&["--scan"]);
    let prefixes = |beginning: &str| keys.lines().filter(|key| key.starts_with(beginning)).count();
    assert!(prefixes("farm_") > 5, "the source's caches are in Redis: {keys}");
    stage.farm.configure(&json!({ "session_handler_class": "" }));
    stage.ask(&source, &["files"]);
}

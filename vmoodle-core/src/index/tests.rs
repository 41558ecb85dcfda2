//! The index from end to end: round trip, ambiguity, damage, replacement.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::error::Kind;
use crate::farm::{Alias, Farm, FarmId, Policy};
use crate::host::{HostPattern, SiteAddress};
use crate::targets::Targets;
use crate::tenant::tests_support::tenant;
use crate::tenant::{State, TenantId};

fn farm(generation: u64, hosts: &[&str]) -> Farm {
    Farm {
        id: FarmId(7),
        control: SiteAddress::parse("https://farm.org").unwrap(),
        generation,
        published: 1_700_000_000,
        tenants: (1..).zip(hosts).map(|(id, host)| tenant(id, &format!("https://{host}"))).collect(),
        aliases: Vec::new(),
        policies: Vec::new(),
        components: None,
    }
}

fn put(path: &Path, generation: u64, hosts: &[&str]) {
    publish(path, &compile(&farm(generation, hosts)).unwrap()).unwrap();
}

fn serves(reader: &mut Reader, key: &str) -> bool {
    reader.current().is_some_and(|index| index.find(key).is_some())
}

#[test]
fn a_tenant_comes_back_as_it_was_compiled() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vmoodle/index");
    let mut farm = farm(3, &["a.org:8443/x"]);
    let tenant = &mut farm.tenants[0];
    tenant.name = "L'école 🌞".into();
    tenant.state = State::Retired;
    tenant.mnet = -1;
    tenant.tags = vec!["pilot".into()];
    tenant.database.port = Some(3307);
    tenant.options = json!({"dbcollation": "utf8mb4_bin", "connecttimeout": 5}).as_object().cloned().unwrap();
    tenant.settings = json!({"theme": "moove", "x": [1, 2.5, null, {"y": true}]}).as_object().cloned().unwrap();
    publish(&path, &compile(&farm).unwrap()).unwrap();

    let mut reader = Reader::new(&path, farm.id);
    let index = reader.current().unwrap();
    assert_eq!((index.generation(), index.published(), index.tenants(), index.depth()), (3, 1_700_000_000, 1, 1));
    let Some(Found::Tenant(found)) = index.find("a.org:8443/x") else { panic!("not found") };
    assert_eq!(
        (found.id(), found.name(), found.state(), found.mnet()),
        (TenantId(1), "L'école 🌞", State::Retired, -1)
    );
    assert_eq!((found.wwwroot(), found.dbpass()), ("https://a.org:8443/x", Some("p1")));
    assert_eq!(found.tags().collect::<Vec<_>>(), ["pilot"]);
    let options: Vec<_> = found.dboptions().iter().collect();
    assert!(
        options.contains(&("dbport", SettingRef::Int(3307)))
            && options.contains(&("dbpersist", SettingRef::Bool(false)))
    );
    let settings: Vec<_> = found.settings().map(|(name, value)| (name, format!("{value:?}"))).collect();
    assert_eq!(settings[0], ("theme", "Text(\"moove\")".into()));
    assert_eq!(settings[1].1, "List([Int(1), Float(2.5), Null, Map({\"y\": Bool(true)})])");
}

#[test]
fn policies_come_before_the_tenants_own_settings_and_plugins_are_merged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    let mut farm = farm(1, &["a.org", "b.org"]);
    let policy = |name: &str, words: &[&str], settings: serde_json::Value| Policy {
        name: name.into(),
        targets: Targets::parse(words).unwrap(),
        settings: settings.as_object().cloned().unwrap_or_else(Map::new),
    };
    farm.policies = vec![
        policy("all", &["all"], json!({"theme": "boost", "forced_plugin_settings": {"auth_manual": {"a": 1, "b": 1}}})),
        policy("a", &["a.org"], json!({"theme": "classic", "forced_plugin_settings": {"auth_manual": {"b": 2}}})),
    ];
    farm.tenants[0].settings = json!({"debug": 0}).as_object().cloned().unwrap();
    publish(&path, &compile(&farm).unwrap()).unwrap();
    let mut reader = Reader::new(&path, farm.id);
    let index = reader.current().unwrap();
    let last = |key: &str, name: &str| match index.find(key) {
        Some(Found::Tenant(tenant)) => {
            tenant.settings().filter(|(n, _)| *n == name).last().map(|(_, v)| format!("{v:?}"))
        }
        _ => None,
    };
    assert_eq!(last("a.org", "theme").unwrap(), "Text(\"classic\")");
    assert_eq!(last("b.org", "theme").unwrap(), "Text(\"boost\")");
    assert_eq!(last("a.org", "debug").unwrap(), "Int(0)");
    assert_eq!(
        last("a.org", "forced_plugin_settings").unwrap(),
        "Map({\"auth_manual\": Map({\"a\": Int(1), \"b\": Int(2)})})"
    );
}

#[test]
fn what_is_ambiguous_is_refused_with_every_case() {
    let mut farm = farm(1, &["a.org", "A.org.", "farm.org", "b.org"]);
    let alias = |host: &str, tenant| Alias { pattern: HostPattern::parse(host).unwrap(), tenant: TenantId(tenant) };
    farm.aliases = vec![alias("b.org", 1), alias("c.org", 99), alias("*.b.org", 1), alias("x.b.org", 4)];
    let error = compile(&farm).unwrap_err();
    assert_eq!(error.kind(), Kind::RegistryInvalid);
    let text = error.to_string();
    for part in
        ["`a.org` belongs to tenant 1 and to tenant 2", "the control site and to tenant 3", "`b.org`", "tenant 99"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("*.b.org"), "a wildcard and a name below it are no ambiguity: {text}");
}

#[test]
fn a_new_index_is_noticed_at_once_and_the_last_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    put(&path, 1, &["a.org"]);
    let mut reader = Reader::new(&path, FarmId(7));
    assert!(serves(&mut reader, "a.org") && !serves(&mut reader, "b.org"));
    put(&path, 2, &["b.org"]);
    assert!(serves(&mut reader, "b.org") && !serves(&mut reader, "a.org"));
    assert_eq!(status(&previous_path(&path), FarmId(7)).generation, Some(1));
    assert_eq!((status(&path, FarmId(7)).state, reader.loads()), (StatusState::Good, 2));
}

#[test]
fn a_lower_generation_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    put(&path, 5, &["a.org"]);
    let error = publish(&path, &compile(&farm(4, &["b.org"])).unwrap()).unwrap_err();
    assert_eq!(error.kind(), Kind::PublishRefused);
    assert_eq!(status(&path, FarmId(7)).generation, Some(5));
    put(&path, 5, &["c.org"]);
}

#[test]
fn a_running_reader_keeps_the_last_good_one_and_a_new_one_takes_the_previous() {
    let other_farm = { compile(&Farm { id: FarmId(8), ..farm(9, &["z.org"]) }).unwrap().bytes };
    let good = compile(&farm(9, &["z.org"])).unwrap().bytes;
    let mut newer_format = good.clone();
    newer_format[8] = 2;
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for (bad, state) in [
        (Vec::new(), StatusState::Torn),
        (good[..good.len() - 1].to_vec(), StatusState::Torn),
        (good[..40].to_vec(), StatusState::Torn),
        ([&good[..], b"x"].concat(), StatusState::Torn),
        (flipped, StatusState::Torn),
        (b"<?php not an index".to_vec(), StatusState::Foreign),
        (other_farm, StatusState::Foreign),
        (newer_format, StatusState::Version),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        put(&path, 1, &["a.org"]);
        put(&path, 2, &["b.org"]);
        let mut running = Reader::new(&path, FarmId(7));
        assert!(serves(&mut running, "b.org"));
        fs::write(dir.path().join("bad"), &bad).unwrap();
        fs::rename(dir.path().join("bad"), &path).unwrap();
        running.expire();
        assert!(serves(&mut running, "b.org") && running.fault().is_some(), "{state:?}");
        let mut fresh = Reader::new(&path, FarmId(7));
        assert!(serves(&mut fresh, "a.org") && fresh.fault().is_some(), "{state:?}");
        assert_eq!(status(&path, FarmId(7)).state, StatusState::Previous);
        fs::remove_file(previous_path(&path)).unwrap();
        let found = status(&path, FarmId(7));
        assert_eq!((found.state, found.generation, found.message.is_some()), (state, None, true));
        assert!(Reader::new(&path, FarmId(7)).current().is_none());
        // The next publication heals it, and the running reader takes it up.
        put(&path, 3, &["c.org"]);
        running.expire();
        assert!(serves(&mut running, "c.org") && running.fault().is_none());
    }
}

#[test]
fn a_missing_index_is_missed_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    let mut reader = Reader::new(&path, FarmId(7));
    assert!(reader.current().is_none() && reader.fault() == Some(&Fault::Missing));
    put(&path, 1, &["a.org"]);
    reader.expire();
    assert!(serves(&mut reader, "a.org") && reader.fault().is_none());
    fs::remove_file(&path).unwrap();
    reader.expire();
    assert!(serves(&mut reader, "a.org") && reader.fault() == Some(&Fault::Missing));
}

#[test]
fn what_a_killed_publisher_left_does_not_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    fs::write(dir.path().join(".index-half"), b"half").unwrap();
    fs::write(dir.path().join("index.linked"), b"link").unwrap();
    put(&path, 1, &["a.org"]);
    put(&path, 2, &["a.org"]);
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["index", "index.lock", "index.previous"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_host_compiled_is_found_and_no_other(ids in proptest::collection::btree_set(0u32..5000, 1..200)) {
        let hosts: Vec<String> = ids.iter().map(|id| format!("h{id}.org")).collect();
        let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        put(&path, 1, &names);
        let mut reader = Reader::new(&path, FarmId(7));
        let index = reader.current().unwrap();
        for id in 0..5000 {
            prop_assert_eq!(index.find(&format!("h{id}.org")).is_some(), ids.contains(&id));
        }
    }

    #[test]
    fn no_damaged_file_is_served_or_crashes(at in 0usize..4096, mask in 1u8..=255) {
        let mut bytes = compile(&farm(1, &["a.org", "b.org"])).unwrap().bytes;
        let at = at % bytes.len();
        bytes[at] ^= mask;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        fs::write(&path, &bytes).unwrap();
        // Bytes 12 to 15 and from 48 to the payload are reserved or the superseded word: not part of what is served.
        let outside = (12..16).contains(&at) || (48..64).contains(&at);
        let served = Reader::new(&path, FarmId(7)).current().is_some();
        prop_assert!(!served || outside, "byte {}", at);
    }
}

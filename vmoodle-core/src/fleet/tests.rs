use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::tenant::tests_support::tenant;

fn environment(name: &str) -> Option<String> {
    (name == "FARM_PASS").then(|| "hidden!".to_owned())
}

fn read(text: &str) -> Result<Vec<Block>> {
    parse(text.as_bytes(), Path::new("/nowhere"), &environment)
}

fn refused(text: &str) -> String {
    let error = read(text).err().unwrap_or_else(|| panic!("{text} is taken"));
    assert_eq!(error.kind(), Kind::FleetInvalid);
    error.to_string()
}

/// The works for one tenant with this host that every block may mean.
fn works_of(text: &str, host: &str) -> Vec<(String, Value)> {
    let blocks = read(text).unwrap_or_else(|error| panic!("{error}"));
    let numbers = of_tenant(&blocks, &tenant(1, &format!("https://{host}")));
    let (want, _) = Want::of(&blocks, &numbers, &BTreeMap::new()).unwrap();
    works(&[want]).into_iter().map(|work| (work.operation.to_owned(), Value::Object(work.parameters))).collect()
}

const WHOLE: &str = "
# What all shall have.
blocks:
  - name: everybody
    targets: all
    config: &common
      theme: boost
      minpasswordlength: 0012
      auth_manual/expiration: 0
      smtppass: {env: FARM_PASS}
      supportname: null
      debug: true
      release: '4.10'
    plugins: {mod_chat: disabled, filter_tex: available}
    maintenance: off
  - targets: [\"a.*\", \"!net:9\"]
    config: {<<: *common, theme: classic}
    roles:
      student: {capabilities: {\"mod/forum:replypost\": prohibit}}
    maintenance: on
";

#[test]
fn a_file_becomes_operations_and_later_blocks_win() {
    let works = works_of(WHOLE, "a.example.org");
    let names: Vec<&str> = works.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["maintenance", "set_config", "plugin_state", "role_sync"], "shut first");
    assert_eq!(works[0].1, json!({"mode": "on"}));
    let values = &works[1].1["values"];
    let expected = json!({
        "theme": "classic", "minpasswordlength": "0012", "auth_manual/expiration": 0,
        "smtppass": {"secret": "hidden!"}, "supportname": null, "debug": true, "release": "4.10",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&values[name], value, "{name}");
    }
    assert_eq!(works[2].1, json!({"states": {"filter_tex": "available", "mod_chat": "disabled"}}));
    assert_eq!(works[3].1["create"], true);
    assert!(works[3].1["presets"][0].as_str().unwrap().contains("<prohibit>mod/forum:replypost</prohibit>"));
    let other = works_of(WHOLE, "b.example.org");
    assert_eq!(other.last().unwrap(), &("maintenance".to_owned(), json!({"mode": "off"})), "opened last");
    assert_eq!(other[0].1["values"]["theme"], "boost");
}

#[test]
fn what_a_later_block_says_otherwise_is_told_and_what_it_repeats_is_not() {
    let blocks = read(WHOLE).unwrap_or_else(|error| panic!("{error}"));
    let (_, overlaps) = Want::of(&blocks, &[0, 1], &BTreeMap::new()).unwrap();
    let told: Vec<(&str, &str, &str)> =
        overlaps.iter().map(|one| (one.what.as_str(), one.block.as_str(), one.over.as_str())).collect();
    assert_eq!(told, [("maintenance", "block 2", "everybody"), ("theme", "block 2", "everybody")]);
}

#[test]
fn json_is_read_too() {
    let text = json!({"blocks": [{"targets": ["all"], "config": {"theme": "boost"}}]}).to_string();
    assert_eq!(works_of(&text, "a.example.org"), [("set_config".into(), json!({"values": {"theme": "boost"}}))]);
}

#[test]
fn tenants_that_want_the_same_are_one_work() {
    let text = "blocks: [{targets: any, plugins: {mod_chat: disabled}}, {targets: a.example.org, config: {theme: x}}]";
    let blocks = read(text).unwrap_or_else(|error| panic!("{error}"));
    let wants: Vec<Want> = ["a.example.org", "b.example.org", "c.example.org"]
        .iter()
        .map(|host| {
            let numbers = of_tenant(&blocks, &tenant(1, &format!("https://{host}")));
            Want::of(&blocks, &numbers, &BTreeMap::new()).unwrap().0
        })
        .collect();
    let found: Vec<(&str, Vec<usize>)> = works(&wants).into_iter().map(|work| (work.operation, work.tenants)).collect();
    assert_eq!(found, [("set_config", vec![0]), ("plugin_state", vec![0, 1, 2])]);
}

#[test]
fn a_role_is_a_sheet_with_what_blocks_lay_over_it() {
    let text = "blocks:
  - {targets: all, roles: {tutor: {sheet: tutors, capabilities: {\"mod/a:a\": prevent}}}}
  - {targets: all, roles: {tutor: {capabilities: {\"mod/b:b\": allow}}}}";
    let blocks = read(text).unwrap_or_else(|error| panic!("{error}"));
    let sheet = Sheet {
        shortname: "other".into(),
        name: Some("Tutor".into()),
        permissions: BTreeMap::from([("mod/a:a".into(), Permission::Allow), ("mod/b:b".into(), Permission::Prohibit)]),
        ..Sheet::default()
    };
    let kept = BTreeMap::from([("tutors".to_owned(), sheet)]);
    let (want, overlaps) = Want::of(&blocks, &[0, 1], &kept).unwrap();
    let tutor = &want.roles["tutor"];
    assert_eq!((tutor.shortname.as_str(), tutor.name.as_deref()), ("tutor", Some("Tutor")));
    assert_eq!((tutor.permissions["mod/a:a"], tutor.permissions["mod/b:b"]), (Permission::Prevent, Permission::Allow));
    assert_eq!(overlaps.iter().next().unwrap().what, "role tutor");
    let fault = Want::of(&blocks, &[0], &BTreeMap::new()).err().unwrap();
    assert_eq!((fault.line, fault.message.as_str()), (2, "no role sheet has the name `tutors`"));
}

#[test]
fn a_key_that_is_none_is_told_with_its_line_and_the_nearest_one() {
    let text = "blocks:\n  - tragets: all\n    config:\n      theme: boost\n    plugin: {}\n";
    let told = refused(text);
    assert!(told.contains("line 2: there is no key `tragets`: did you mean `targets`?"), "{told}");
    assert!(told.contains("line 5: there is no key `plugin`: did you mean `plugins`?"), "{told}");
    assert!(refused("block: []").contains("did you mean `blocks`?"));
    assert!(
        refused("blocks:\n- targets: all\n  colour: red").contains("line 3: there is no key `colour`: there are name,")
    );
}

#[test]
fn all_that_is_wrong_is_told_with_its_line() {
    let block = |inside: &str| format!("blocks:\n  - targets: all\n    {inside}\n");
    for (text, wanted) in [
        (String::new(), "must be a map"),
        ("[]".into(), "must be a map"),
        ("blocks: []".into(), "it has no blocks"),
        ("blocks:\n- config: {theme: x}".into(), "line 2: the block has no `targets`"),
        ("blocks:\n- targets: []".into(), "line 2: `targets` means no tenant"),
        ("blocks:\n- targets: \"net:x\"".into(), "line 2: `net:x` is no target"),
        ("blocks: [\n".into(), "it is no YAML"),
        ("blocks: 1\nblocks: 2".into(), "line 2: it is no YAML"),
        (block("config: {a b: x}"), "line 3: `a b` is no setting name"),
        (block("config: {release: 4.10}"), "line 3: `release`: write a number with a fraction in quotes"),
        (block("config: {theme: [x]}"), "`theme` is a list"),
        (block("config: {theme: {envv: X}}"), "did you mean `env`?"),
        (block("config: {theme: {}}"), "or `{env: NAME}`"),
        (block("config: {smtppass: {env: MISSING}}"), "line 3: the environment has no `MISSING`"),
        (block("config: {maintenance_enabled: 1}"), "is what the key `maintenance` of a block says"),
        (block("config: {theme: x, core/theme: y}"), "`theme` is there twice"),
        (block("config: {auth: ldap}\n    plugins: {auth_ldap: enabled}"), "line 3: `auth` holds the state of plugins"),
        (block("plugins: {forum: enabled}"), "`forum` is no plugin"),
        (block("plugins: {theme_boost: enabled}"), "cannot be turned on and off"),
        (block("plugins: {mod_chat: off}"), "`off` is no state"),
        (block("plugins: {mod_chat: available}"), "`mod_chat` is enabled or disabled"),
        (block("roles: {Tutor: {}}"), "`Tutor` is no short name"),
        (block("roles: {tutor: {sheet: a, preset: b.xml}}"), "one of `sheet` and `preset`"),
        (block("roles: {tutor: {preset: ../b.xml}}"), "below the folder of the description"),
        (block("roles: {tutor: {preset: /etc/passwd}}"), "below the folder of the description"),
        (block("roles: {tutor: {preset: none.xml}}"), "cannot be read"),
        (block("roles: {tutor: {capabilities: {forum: allow}}}"), "`forum` is no name of a capability"),
        (block("roles: {tutor: {capabilities: {\"mod/a:a\": maybe}}}"), "inherit, allow, prevent or prohibit"),
        (block("maintenance: later"), "`maintenance` is off, on or cli-on"),
    ] {
        let told = refused(&text);
        assert!(told.contains(wanted), "{text}\n{told}\n{wanted}");
        assert!(!told.contains("hidden!"));
    }
}

#[test]
fn a_trap_of_aliases_and_a_depth_without_end_are_refused() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (letter, before) in ('b'..='j').zip('a'..) {
        let _ = writeln!(bomb, "{letter}: &{letter} [{}]", vec![format!("*{before}"); 9].join(", "));
    }
    refused(&bomb);
    refused(&"[".repeat(100_000));
    refused(&" ".repeat(LARGEST + 1));
    assert!(parse(b"\xff", Path::new("/"), &environment).is_err());
}

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The header that the original hands out (`nodelist-dist.csv`), with settings inside the tenant after it.
const ORIGINAL: &str = "\u{feff}# Nodes to be made\n\
    (another comment; with \"one quote\n\
    \n\
    vhostname;vtemplate;name;shortname;description;vdbtype;vdbhost;vdblogin;vdbpass;vdbname;vdbpersist;vdbprefix;\
    vdatapath;mnet;services;config_lang;auth_cas|hostname;local_x|flag\r\n\
    https://a.example.org;school_tpl;École d'été;a-b c;Maths&#44 physique;mariadb;localhost;moodle;p;vmdl_a;0;mdl_;\
    /var/moodledata/a;NEW;default;fr;cas.example.org;1\r\n\
    // between\n\
    https://B.example.org/;;\"B; the \"\"second\"\"\";b;;postgres7;db.org:5433;moodle;;vmdl_b;;;/var/moodledata/b;-1;subnetwork;;;\n";

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value} is no map") };
    map
}

fn faults(text: &str) -> Vec<String> {
    let Err(faults) = parse(text.as_bytes(), &Map::new()) else { panic!("nothing wrong with {text}") };
    faults.0.iter().map(ToString::to_string).collect()
}

fn line(host: &str) -> String {
    format!("https://{host}.org;{host};{host};/d/{host};{host}\n")
}

const SHORT: &str = "vhostname;name;shortname;vdatapath;vdbname\n";

#[test]
fn the_originals_file_is_read_as_the_original_meant_it() {
    let nodes = parse(ORIGINAL.as_bytes(), &Map::new()).unwrap();
    assert_eq!(nodes.iter().map(|node| node.line).collect::<Vec<_>>(), [5, 7]);
    let expected = json!({
        "name": "École d'été", "shortname": "a-b c", "description": "Maths; physique",
        "vhostname": "https://a.example.org", "vdbtype": "mariadb", "vdbhost": "localhost", "vdblogin": "moodle",
        "vdbpass": "p", "vdbname": "vmdl_a", "vdbprefix": "mdl_", "vdbpersist": 0, "vdatapath": "/var/moodledata/a",
        "enabled": 1,
    });
    assert_eq!(json!(nodes[0].values), expected);
    assert_eq!((nodes[0].template.as_deref(), nodes[0].new_network), (Some("school_tpl"), true));
    assert_eq!(json!(nodes[0].config), json!({"lang": "fr"}));
    assert_eq!(json!(nodes[0].plugins), json!({"auth_cas": {"hostname": "cas.example.org"}, "local_x": {"flag": "1"}}));
    let second = &nodes[1];
    assert_eq!(
        (&second.values["vhostname"], &second.values["name"]),
        (&json!("https://b.example.org"), &json!("B; the \"second\""))
    );
    assert_eq!((&second.values["vdbtype"], &second.values["mnet"]), (&json!("pgsql"), &json!(-1)));
    assert_eq!((second.template.as_deref(), second.services, second.config.len()), (None, Services::Subnetwork, 0));
    assert!(!format!("{nodes:?}").contains("cas.example.org"), "settings may be secrets");
}

#[test]
fn patterns_take_the_short_name_and_lines_go_before_defaults() {
    let defaults = map(json!({
        "vhostname": "https://<%%INSTANCE%%>.example.org", "vdbname": "vmdl_<%%INSTANCE%%>", "mnet": 0,
        "vdatapath": "/var/moodledata/<%%INSTANCE%%>", "vdbpass": "<%%INSTANCE%%>", "vdbhost": "db.example.org",
    }));
    let nodes = parse(b"shortname,name,vdbhost\na-b c,A,\nd,D,other.org\n", &defaults).unwrap();
    let values = &nodes[0].values;
    assert_eq!(
        (&values["vhostname"], &values["vdbname"], &values["vdatapath"]),
        (&json!("https://a_b_c.example.org"), &json!("vmdl_a_b_c"), &json!("/var/moodledata/a_b_c"))
    );
    assert_eq!((&values["vdbpass"], &values["vdbhost"]), (&json!("<%%INSTANCE%%>"), &json!("db.example.org")));
    assert_eq!((&nodes[1].values["vdbhost"], &nodes[1].values["mnet"]), (&json!("other.org"), &json!(0)));
}

#[test]
fn every_separator_is_known_by_the_header() {
    for separator in [";", ",", "\t"] {
        let text = format!("{SHORT}{}", line("a")).replace(';', separator);
        assert_eq!(parse(text.as_bytes(), &Map::new()).unwrap()[0].values["vdbname"], "a", "{separator:?}");
    }
}

#[test]
fn everything_wrong_is_told_at_once_with_line_and_column() {
    let text = "vhostname;name;shortname;vdatapath;vdbname;vdbpas;mnet;name;vdbport;settings\n\
        ftp://a;A;a;relative;a`b;hidden;1000;;0;{\"dbname\": 1}\n\
        https://b.org;;b;/d/b;b;;;;;\n\
        https://c.org;C\n";
    let faults = faults(text);
    for begin in [
        "line 1, `vdbpas`",
        "line 1, `name`",
        "line 2, `vhostname`",
        "line 2, `vdbport`",
        "line 2, `vdbname`",
        "line 2, `settings`",
        "line 2, `mnet`",
        "line 2, `vdatapath`",
        "line 3, `name`",
        "line 4: ",
    ] {
        assert_eq!(faults.iter().filter(|fault| fault.starts_with(begin)).count(), 1, "{begin}: {faults:?}");
    }
    assert!(
        faults.is_sorted_by_key(|fault| fault[5..6].to_owned()) && !faults.concat().contains("hidden"),
        "{faults:?}"
    );
    assert!(faults[0].contains("did you mean `vdbpass`?"), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.contains("2 fields, the header 10")), "{faults:?}");
}

#[test]
fn what_two_lines_have_is_told_of_the_second() {
    let text = format!(
        "{SHORT}{}https://A.org:443/;B;b;/d/b;b\nhttps://c.org;C;c;/d/a/in;c\nhttps://d.org;D;d;/d/d;a\n",
        line("a")
    );
    assert_eq!(
        faults(&text),
        [
            "line 3, `vhostname`: it is the host of line 2 already",
            "line 4, `vdatapath`: it lies in `/d/a`, the dataroot of line 2",
            "line 5, `vdbname`: it with its prefix is the database of line 2 already",
        ]
    );
}

#[test]
fn what_is_no_text_or_no_list_is_refused_with_the_way_out() {
    assert!(faults("").concat().contains("it is empty"));
    assert_eq!(faults(SHORT), ["it names no tenant"]);
    let latin1 = [SHORT.as_bytes(), b"https://a.org;\xc9cole;a;/d/a;a\n"].concat();
    let wrong = parse(&latin1, &Map::new()).unwrap_err();
    assert!(wrong.0[0].line == 2 && wrong.0[0].message.contains("iconv"), "{wrong}");
    assert!(parse(b"\xff\xfev\0", &Map::new()).unwrap_err().0[0].message.contains("UTF-16"));
    assert!(faults(&format!("{SHORT}{};;\"no end\nx\n", "a;b;c;d;e")).concat().contains("no end"));
    let error = Error::from(wrong);
    assert_eq!((error.kind(), error.way_out().is_some()), (Kind::NodesInvalid, true));
}

#[test]
fn json_says_the_same() {
    let text = r#"[
        {"vhostname": "https://a.org", "name": "A", "shortname": "a", "vdatapath": "/d/a", "vdbname": "a", "mnet": "NEW",
         "settings": {"theme": "boost"}, "tags": ["x"], "config": {"lang": "fr"}, "plugins": {"auth_cas": {"a": 1}},
         "config_country": "FR", "enabled": false, "vdbport": null},
        {"vhostname": "https://b.org", "nam": "B", "config": {"a b": 1}}, 3
    ]"#;
    let told = faults(text);
    for part in [
        "line 5, `nam`: there is no column `nam`: did you mean `name`?",
        "line 5, `config`",
        "line 5, `vdbname`",
        "line 5: it is no object",
    ] {
        assert!(told.iter().any(|fault| fault.starts_with(part)), "{part}: {told:?}");
    }
    let right = format!("{}]", text.rsplit_once(",\n        {\"vhostname\": \"https://b").unwrap().0);
    let nodes = parse(right.as_bytes(), &Map::new()).unwrap();
    assert_eq!(json!(nodes[0].config), json!({"lang": "fr", "country": "FR"}));
    assert_eq!(
        (&nodes[0].values["enabled"], &nodes[0].values["tags"], nodes[0].new_network),
        (&json!(0), &json!(["x"]), true)
    );
    assert_eq!(json!(nodes[0].plugins), json!({"auth_cas": {"a": 1}}));
    assert!(faults("[{]").concat().contains("no JSON list"));
}

#[test]
fn a_list_of_sites_has_one_column() {
    let found = addresses(b"vhostname\n# x\nhttps://a.org\nhttps://b.org/x\n").unwrap();
    assert_eq!(
        found.iter().map(|(line, a)| (*line, a.key())).collect::<Vec<_>>(),
        [(3, "a.org".into()), (4, "b.org/x".into())]
    );
    assert_eq!(addresses(ORIGINAL.as_bytes()).unwrap().len(), 2);
    assert_eq!(addresses(b"vhostname\nx\n").unwrap_err().0[0].line, 2);
}

#[test]
fn the_registry_takes_every_column_that_a_file_may_have() {
    let values: Map<String, Value> = column::REGISTRY.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    let keyring = crate::secret::Keyring::none();
    let refused = crate::registry::tenants::draft(&values, crate::db::Row::default(), &keyring).unwrap_err();
    assert!(!refused.to_string().contains("is no field"), "{refused}");
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&octets, &Map::new());
        let _ = addresses(&octets);
    }

    #[test]
    fn no_text_of_the_languages_own_signs_makes_it_panic(tail in "[;,\t\"\r\n#\\[{}: a-z&é]{0,200}", head in 0..3_usize) {
        let head = [SHORT, "[", ""][head];
        let _ = parse(format!("{head}{tail}").as_bytes(), &Map::new());
    }

    #[test]
    fn a_value_comes_back_from_quotes(name in "[^\0\u{1}-\u{1f}\u{7f}-\u{9f}]{1,60}") {
        prop_assume!(name.trim() == name && !name.contains("&#44") && !name.contains("<%%INSTANCE%%>"));
        let text = format!("{SHORT}https://a.org;\"{}\";a;/d/a;a\n", name.replace('"', "\"\""));
        prop_assert_eq!(&parse(text.as_bytes(), &Map::new()).unwrap()[0].values["name"], &json!(name));
    }
}

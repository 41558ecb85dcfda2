//! Fifty tenants of one file, on both engines.

use std::fmt::Write as _;

use serde_json::{Value, json};
use support::database::Engine;

use super::secrets;
use super::stage::{Stage, alone, template};
use super::watch::Watch;

const PASSWORD: &str = "Été-à-la-mer #4711";

/// How many tenants the file has.
const TENANTS: usize = 50;

/// The short names of the first ten tenants, and their names; the others are called after them.
const NAMES: [(&str, &str); 10] = [
    ("many0", "L'École d'été"),
    ("many1", "Größe \"XL\""),
    ("many2", "学校 🌞🌻"),
    ("many3", "Çà et là; ailleurs"),
    ("many4", "R&D \\ Ørsted"),
    ("many5", "Ελληνικά"),
    ("many6", "L’apostrophe typographique"),
    ("many7", "100 % _naïve_"),
    ("many8", "Ne'er-do-well 🎓"),
    ("many9", "Żółć"),
];

fn engine(number: usize) -> Engine {
    Engine::ALL[number % 2]
}

/// The short name and the name of each tenant.
fn tenants() -> Vec<(String, String)> {
    let name = |number: usize| match NAMES[number % NAMES.len()] {
        (shortname, name) if number < NAMES.len() => (shortname.to_owned(), name.to_owned()),
        (_, name) => (format!("many{number}"), format!("{name} {number}")),
    };
    (0..TENANTS).map(name).collect()
}

fn host(shortname: &str) -> String {
    format!("{shortname}.example.org")
}

/// A file as a spreadsheet writes it: with its mark, a comment, and quotes where they are needed.
fn file(nodes: &[(String, String)]) -> String {
    let mut text = "\u{feff}# schools of this year\r\n".to_owned();
    text.push_str("vhostname;name;shortname;vdbtype;vtemplate;vdbname;config_supportname;mod_forum|maxattachments\r\n");
    for (number, (shortname, name)) in nodes.iter().enumerate() {
        let engine = engine(number);
        let _ = write!(
            text,
            "http://{};\"{}\";{shortname};{};{};life_<%%INSTANCE%%>;Aide de <%%INSTANCE%%>;{number}\r\n",
            host(shortname),
            name.replace('"', "\"\""),
            engine.dbtype(),
            template(engine),
        );
    }
    text
}

fn registry(stage: &Stage) -> String {
    stage.farm.control().run("SELECT * FROM mdl_local_vmoodle ORDER BY id")
}

#[test]
fn a_file_of_fifty_tenants_makes_fifty_sites_and_tells_no_password() {
    let Some(stage) = alone() else { return };
    let path = stage.farm.folder().join("nodes.csv");
    let (nodes, root) = (format!("--nodes={}", path.display()), stage.farm.folder().join("data"));
    let dataroot = format!("--set=vdatapath={}/<%%INSTANCE%%>", root.display());
    let given = json!({ "adminpassword": PASSWORD });
    let create = |more: &[&str]| {
        let arguments = [&[nodes.as_str(), dataroot.as_str(), "--json"], more].concat();
        stage.run("create", &arguments, Some(&given))
    };

    // One line that is wrong stops all where that is asked for, and itself only where it is not.
    let (good, mut bad) = (tenants(), tenants());
    bad[7].0 = "many/../../x".to_owned();
    std::fs::write(&path, file(&bad)).unwrap();
    let before = registry(&stage);
    let nothing = create(&["--all-or-nothing"]);
    assert_eq!((nothing.code, registry(&stage)), (Some(1), before), "{nothing:?}");
    assert!(nothing.err.contains("vhostname"), "{nothing:?}");
    let watch = Watch::start();
    let most = create(&[]);
    assert_eq!((most.code, &most.json()["counts"]), (Some(2), &json!({"done": TENANTS - 1})), "{most:?}");
    std::fs::write(&path, file(&good)).unwrap();
    let last = create(&[]);
    assert_eq!(last.done()["counts"], json!({"done": 1}), "{last:?}");
    let seen = watch.end();
    assert!(seen.iter().any(|line| line.contains("cli/create.php")), "{seen:?}");

    let before = registry(&stage);
    assert_eq!(create(&[]).done()["items"], json!([]), "the same again changes nothing");
    assert_eq!(registry(&stage), before);

    let mut secrets = vec![PASSWORD.to_owned()];
    for (number, (shortname, name)) in good.iter().enumerate() {
        let host = host(shortname);
        let form = stage.web.get(&host, "/login/index.php");
        let page = form.body.replace("&amp;", "&").replace("&#039;", "'").replace("&quot;", "\"");
        assert!(page.contains(name) && form.title().contains(shortname), "{host}: {form:?}");
        if number >= NAMES.len() {
            continue;
        }
        let seen: Value = stage.enter(&host, PASSWORD).get("/life_probe.php").json();
        let told = json!([seen["name"], seen["shortname"], seen["supportname"], seen["attachments"], seen["wwwroot"]]);
        let wanted =
            json!([name, shortname, format!("Aide de {shortname}"), number.to_string(), format!("http://{host}")]);
        assert_eq!(told, wanted);
        assert_eq!(seen["identity"]["database"], json!(format!("life_{shortname}")));
        secrets.push(seen["identity"]["dbpass"].as_str().unwrap().to_owned());
    }
    secrets::assert_kept(&stage, &seen, &[&nothing, &most, &last], &secrets);
}

#[test]
fn an_error_of_a_server_tells_no_password() {
    let Some(stage) = alone() else { return };
    let password = "Wrong-Secret-0815";
    stage.farm.control().run("CREATE USER IF NOT EXISTS 'life_weak'@'localhost' IDENTIFIED BY 'Right-Secret-0815'");
    let server = json!([{"name": "weak", "engine": "pgsql", "login": "life_weak", "password": password, "host": "127.0.0.1", "port": 1}]);
    stage.farm.call("server_add", server).unwrap();
    let ran = stage.run(
        "create",
        &[
            "--server=weak",
            "--template=basic-pgsql",
            "--set=vhostname=http://weak.example.org",
            "--set=name=W",
            "--set=shortname=w",
            "--json",
        ],
        Some(&json!({ "adminpassword": PASSWORD })),
    );
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let item = &ran.json()["items"][0];
    assert_eq!(item["status"], "failed", "{item}");
    secrets::assert_kept(&stage, &[].into(), &[&ran], &[password.to_owned(), PASSWORD.to_owned()]);
    stage.farm.call("tenant_remove", json!(["weak.example.org"])).unwrap();
    stage.farm.call("server_remove", json!(["weak"])).unwrap();
}

#[test]
fn a_fresh_site_tells_its_administrators_password_once() {
    let Some(stage) = alone() else { return };
    let arguments =
        ["--set=vhostname=http://new.example.org", "--set=name=L'école neuve 🌱", "--set=shortname=new", "--json"];
    let watch = Watch::start();
    let made = stage.run("create", &arguments, None);
    let seen = watch.end();
    let job = made.done();
    let password = job["passwords"]["http://new.example.org"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
    assert!(seen.iter().any(|line| line.contains("install_database.php")), "{seen:?}");
    let again = stage.run("job", &[&format!("--show={}", job["id"]), "--json"], None);
    secrets::assert_kept(&stage, &seen, &[&again], std::slice::from_ref(&password));
    let (_, page) = stage.log_in("new.example.org", &password);
    assert!(page.body.contains("name=\"newpassword1\""), "it must be changed: {page:?}");
    let facts = stage.ask("new.example.org", &[]);
    assert_eq!(facts["name"], "L'école neuve 🌱");
}

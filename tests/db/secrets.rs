//! Passwords are sealed when there is a key file, and never shown.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, json};
use support::database::Engine;
use support::root;
use vmoodle_core::Kind;
use vmoodle_core::console::Console;
use vmoodle_core::secret::{Keyring, Stored};
use vmoodle_core::settings::Given;

use crate::{Farm, farm, farm_with, map, on_both_engines};

fn stored(farm: &Farm) -> Vec<String> {
    let text = farm.database.run("SELECT vdbpass FROM mdl_local_vmoodle ORDER BY id");
    text.lines().map(str::to_owned).collect()
}

fn opened(keyfile: &Path, column: &str) -> String {
    Keyring::open(keyfile).unwrap().open_stored(&Stored::from_column(column)).unwrap().reveal().to_owned()
}

/// A console of the same farm with this key file.
fn with_key(farm: &Farm, keyfile: &Path) -> Console {
    let mut control = farm.control.clone();
    control.settings.keyfile = Some(keyfile.to_owned());
    Console::new(control)
}

on_both_engines! {
    fn passwords_are_sealed_and_sealed_again(engine: Engine) {
        let Some(farm) = farm("secret_seal", engine) else { return };
        farm.add("a.example.org");
        assert_eq!(stored(&farm), ["hidden!"]);
        let key = farm.folder.join("key");
        farm.console.key_create(key.to_str().unwrap()).unwrap();
        let console = with_key(&farm, &key);
        let mut row = farm.row("b.example.org");
        row["vdbpass"] = json!("l'été 🌞");
        console.tenant_add(&row).unwrap();
        let columns = stored(&farm);
        assert!(columns.iter().all(|column| column.starts_with("enc:v1:")), "{columns:?}");
        assert_eq!((opened(&key, &columns[0]), opened(&key, &columns[1])), ("hidden!".into(), "l'été 🌞".into()));
        console.publish().unwrap();
        assert_eq!(stored(&farm), columns, "what is sealed stays as it is");

        let server = map(json!({"name": "db", "engine": "mariadb", "login": "x", "password": "server secret"}));
        console.server_add(&server).unwrap();
        console.key_renew().unwrap();
        let again = stored(&farm);
        assert!(again.iter().zip(&columns).all(|(new, old)| new != old));
        let only_new = farm.folder.join("new");
        std::fs::copy(&key, &only_new).unwrap();
        let text = std::fs::read_to_string(&key).unwrap();
        assert_eq!(text.lines().count(), 2, "the older key stays");
        std::fs::write(&only_new, text.lines().next().unwrap()).unwrap();
        assert_eq!(opened(&only_new, &again[1]), "l'été 🌞");
        let server = farm.database.run("SELECT password FROM mdl_local_vmoodle_server");
        assert_eq!(opened(&only_new, server.trim()), "server secret");
    }

    fn a_key_file_is_made_outside_every_site_and_never_replaced(engine: Engine) {
        let Some(farm) = farm("secret_key", engine) else { return };
        let row = farm.add("a.example.org");
        let console = &farm.console;
        let inside = row["vdatapath"].as_str().unwrap().to_owned() + "/key";
        for bad in [inside.as_str(), "relative", "/x/../key", &(farm.control.dataroot.clone() + "/key")] {
            assert_eq!(console.key_create(bad).unwrap_err().kind(), Kind::BadParameter, "{bad}");
        }
        let path = farm.folder.join("key");
        console.key_create(path.to_str().unwrap()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(console.key_create(path.to_str().unwrap()).unwrap_err().kind(), Kind::KeyfileUnreadable);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(console.key_renew().unwrap_err().kind(), Kind::BadConfiguration, "none is set");
    }

    fn a_lost_key_is_a_warning_and_a_sealed_text_must_open(engine: Engine) {
        let Some(farm) = farm("secret_lost", engine) else { return };
        let key = farm.folder.join("key");
        Keyring::create(&key).unwrap();
        with_key(&farm, &key).tenant_add(&farm.row("a.example.org")).unwrap();
        let before = stored(&farm);
        let other = farm.folder.join("other");
        Keyring::create(&other).unwrap();
        let published = with_key(&farm, &other).publish().unwrap();
        assert_eq!(published["warnings"].as_array().unwrap().len(), 1, "{published:?}");
        assert_eq!(stored(&farm), before);
        let error = with_key(&farm, &other).tenant_update("a.example.org", &map(json!({"vdbpass": before[0]}))).unwrap_err();
        assert_eq!(error.kind(), Kind::BadParameter);
        with_key(&farm, &key).tenant_update("a.example.org", &map(json!({"vdbpass": before[0]}))).unwrap();
        let missing = with_key(&farm, &farm.folder.join("none")).publish().unwrap_err();
        assert_eq!(missing.kind(), Kind::KeyfileUnreadable);
    }

    fn no_password_is_ever_shown(engine: Engine) {
        let given = Given { dbuser: None, ..Given::default() };
        let install_xml = root::workspace().join("php/local/vmoodle/db/install.xml");
        let Some(farm) = farm_with("secret_shown", engine, &install_xml, given) else { return };
        let added = farm.add("a.example.org");
        let mut said = format!("{added:?} {:?} {:?}", farm.console, farm.console.tenants(&Map::new()).unwrap());
        for change in [
            json!({"vdbpass": "hidden!\u{0}"}),
            json!({"vdbpass": "hidden!".repeat(200)}),
            json!({"vdbpass": ["hidden!"]}),
            json!({"vdbpass": "enc:v1:hidden!"}),
            json!({"vdbpass": "hidden!", "vhostname": "https://control.example.org"}),
        ] {
            let error = farm.console.tenant_update("a.example.org", &map(change)).unwrap_err();
            write!(said, "{error} {error:?}").unwrap();
        }
        let mut row = farm.row("b.example.org");
        row.extend(farm.database.registry_columns().as_object().cloned().unwrap());
        row.extend(map(json!({"vdbpass": "hidden!", "vdbname": "elsewhere"})));
        for check in farm.console.tenant_check(&row).unwrap() {
            write!(said, "{check:?}").unwrap();
        }
        let mut control = farm.control.clone();
        control.database.password = vmoodle_core::secret::Secret::new("hidden!");
        if engine == Engine::Postgres {
            let error = Console::new(control.clone()).publish().unwrap_err();
            assert_eq!(error.kind(), Kind::BadConfiguration);
            write!(said, "{error} {error:?} {control:?}").unwrap();
        }
        assert!(!said.contains("hidden!") && !said.contains(farm.database.password()), "{said}");
    }
}

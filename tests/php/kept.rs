//! What a worker keeps of a tenant from one request to the next: never changed by a script, never older than the index.

use serde_json::json;
use support::http::Request;
use vmoodle_core::index::{compile, publish};

use crate::site::Site;

fn site(test: &str, hosts: &[&str]) -> Option<Site> {
    let mut site = Site::new(test)?;
    for host in hosts {
        let tenant = site.tenant(&format!("https://{host}.example.org"));
        tenant.tags = vec!["pilot".into(), "school".into()];
        let options = json!({"ssl": {"verify": true, "ca": "/ca.pem"}, "1002": "SET x", "list": ["a", 1]});
        tenant.options.clone_from(options.as_object().unwrap());
        tenant.database.port = Some(3306);
    }
    site.publish();
    Some(site)
}

#[test]
fn what_a_script_does_to_its_values_reaches_no_other_request() {
    let Some(site) = site("kept", &["one", "two"]) else { return };
    let web = site.serve("kept");
    let hosts = ["one.example.org", "two.example.org"];
    let first = hosts.map(|host| web.ask(host, "boot"));
    assert_eq!(first[0]["cfg"]["dboptions"]["1002"], "SET x");
    assert_eq!(first[0]["tenant"]["tags"], json!(["pilot", "school"]));
    for round in 0..20 {
        for (host, first) in hosts.iter().zip(&first) {
            assert_eq!(&web.ask(host, "spoilt"), first, "{host}, round {round}");
            assert_eq!(web.ask(host, "spoilt and ended"), "ended");
            web.send("ended by an error", Request::new("GET", host, "/"));
            assert_eq!(&web.ask(host, "boot"), first, "{host}, round {round}");
        }
    }
}

#[test]
fn another_index_leaves_the_values_of_the_one_before_to_the_request_that_has_them() {
    let Some(mut site) = site("kept_index", &["one"]) else { return };
    let web = site.serve("kept");
    web.ask("one.example.org", "boot");
    let tenant = &mut site.farm.tenants[0];
    (tenant.name, tenant.tags) = ("Renamed".into(), vec!["moved".into()]);
    tenant.dataroot = "/moved".into();
    publish(&site.folder().join("next"), &compile(&site.farm).unwrap()).unwrap();
    let said = web.ask("one.example.org", "another index");
    assert_eq!(said["before"], said["still"]);
    for now in [&said["now"], &web.ask("one.example.org", "boot")] {
        assert_eq!((&now["tenant"]["name"], &now["tenant"]["tags"]), (&json!("Renamed"), &json!(["moved"])));
        assert_eq!(now["cfg"]["dataroot"], "/moved");
    }
}

#[test]
fn tenants_whose_values_would_stand_in_one_place_do_not_mix() {
    let hosts: Vec<String> = (1..=129).map(|number| format!("h{number}")).collect();
    let Some(site) = site("kept_place", &hosts.iter().map(String::as_str).collect::<Vec<_>>()) else { return };
    let said = site.ask("kept", "in one place");
    for (place, host) in ["h1", "h129", "h1", "h129"].iter().enumerate() {
        let (key, wwwroot) = (format!("{host}.example.org"), format!("https://{host}.example.org"));
        let options = &said[place][2];
        assert_eq!(said[place], json!([key, wwwroot, options, key]));
        assert_eq!(options["ssl"]["ca"], "/ca.pem");
    }
    let web = site.serve("kept");
    for host in hosts.iter().chain(&hosts) {
        let said = web.ask(format!("{host}.example.org"), "boot");
        assert_eq!(said["tenant"]["key"], format!("{host}.example.org"));
        assert_eq!(said["cfg"]["wwwroot"], format!("https://{host}.example.org"));
    }
}

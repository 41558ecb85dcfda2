//! What a person sees.

use std::collections::BTreeSet;

use support::farm::CONTROL;
use support::http::Visitor;

use crate::stage::{Stage, TENANTS, alone, shared};

fn assert_login_pages(stage: &Stage) {
    for (host, _) in TENANTS {
        let page = stage.web.get(host, "/login/index.php");
        assert_eq!(page.status, 200, "{host}: {page:?}\n{}", stage.web.fpm.log());
        assert!(page.title().contains(&format!("Site {host}")), "{host}: {}", page.title());
        for (other, _) in TENANTS {
            assert_eq!(page.body.contains(&format!("http://{other}/")), other == host, "{host} links to {other}");
        }
    }
}

fn assert_administrator_logs_in(stage: &Stage) {
    for (host, _) in TENANTS {
        let (mut visitor, page) = stage.log_in(host);
        assert_eq!(page.status, 200, "{host}: {page:?}");
        let settings = visitor.get("/admin/search.php");
        assert_eq!(settings.status, 200, "{host}: {settings:?}");
        assert!(settings.body.contains("/login/logout.php"), "{host}: not logged in: {}", settings.title());
    }
}

#[test]
fn each_host_shows_its_own_login_page() {
    let Some(stage) = shared() else { return };
    assert_login_pages(&stage);
    let control = stage.web.get(CONTROL, "/login/index.php");
    assert!(control.title().contains("Control site"), "{}", control.title());
}

#[test]
fn the_administrator_logs_in_on_every_tenant() {
    let Some(stage) = shared() else { return };
    assert_administrator_logs_in(&stage);
}

#[test]
fn a_session_of_one_tenant_is_none_of_another() {
    let Some(stage) = shared() else { return };
    let cookie = |host: &str| {
        let page = stage.web.get(host, "/login/index.php");
        let cookies = page.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Set-Cookie"));
        let session = cookies.map(|(_, value)| value.split(';').next().unwrap().to_owned());
        session.into_iter().find(|pair| pair.starts_with("MoodleSession")).expect("a session cookie")
    };
    let names: BTreeSet<String> =
        TENANTS.iter().map(|(host, _)| cookie(host).split('=').next().unwrap().to_owned()).collect();
    assert_eq!(names.len(), TENANTS.len(), "{names:?}");
    let sessions: BTreeSet<String> =
        TENANTS.iter().map(|(host, _)| stage.probe(host)["cfg"]["session_redis_prefix"].to_string()).collect();
    assert_eq!(sessions.len(), TENANTS.len(), "{sessions:?}");
}

#[test]
fn a_style_sheet_and_a_script_come_from_the_tenants_own_files() {
    let Some(stage) = shared() else { return };
    for (host, _) in TENANTS {
        let page = stage.web.get(host, "/login/index.php");
        let start = page.body.find(&format!("http://{host}/theme/styles.php")).expect("a style sheet");
        let url = page.body[start..].split('"').next().unwrap();
        let path = url.strip_prefix(&format!("http://{host}")).unwrap();
        let sheet = stage.web.get(host, path);
        assert_eq!(sheet.status, 200, "{host}: {path}");
        assert!(sheet.body.len() > 10_000, "{host}: {} bytes", sheet.body.len());
        assert!(stage.farm.dataroot(host).join("localcache").is_dir(), "{host}");
    }
}

#[test]
fn tenants_serve_on_while_the_control_database_is_stopped() {
    let Some(mut stage) = alone() else { return };
    stage.control.kill();
    assert_login_pages(&stage);
    assert_administrator_logs_in(&stage);
    assert_ne!(stage.web.get(CONTROL, "/login/index.php").status, 200);
    let mut cfg = stage.farm.script("admin/cli/cfg.php", Some(TENANTS[0].0));
    let version = support::process::output(cfg.args(["--name=version"]));
    assert!(version.trim().starts_with("20241007"), "{version}");
    stage.control.restart();
    assert_eq!(stage.web.get(CONTROL, "/login/index.php").status, 200);
}

#[test]
fn a_host_that_is_not_registered_never_reaches_moodle() {
    let Some(stage) = shared() else { return };
    for host in ["nobody.example.org", "x'or'1'='1"] {
        let page = stage.web.get(host, "/login/index.php");
        assert_eq!(page.status, 404, "{page:?}");
        assert!(!page.body.to_lowercase().contains("moodle"), "{page:?}");
        assert_eq!(page.header("Set-Cookie"), None);
    }
}

#[test]
fn the_plugin_is_inert_on_a_tenant_and_at_work_on_the_control_site() {
    let Some(stage) = shared() else { return };
    let (mut visitor, _) = stage.log_in(CONTROL);
    let page = visitor.get("/local/vmoodle/index.php");
    assert_eq!(page.status, 200, "{page:?}\n{}", stage.web.fpm.log());
    for (host, _) in TENANTS {
        assert!(page.body.contains(host), "the control site's list lacks {host}");
    }
    let (mut visitor, _): (Visitor, _) = stage.log_in(TENANTS[0].0);
    let page = visitor.get("/local/vmoodle/index.php");
    assert!(!page.body.contains(TENANTS[1].0), "a tenant's administrator sees another tenant");
    let search = visitor.get("/admin/search.php");
    assert!(!search.body.contains("/local/vmoodle/"), "a tenant's menu leads to the plugin");
}

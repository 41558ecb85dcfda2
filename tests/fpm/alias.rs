//! Further host names of a tenant.

use serde_json::json;
use support::http::Request;

use crate::setup;

#[test]
fn an_alias_sends_to_the_tenants_own_address_with_the_same_path() {
    let Some(setup) = setup("alias", &["one.example.org", "two.example.org:8443"], json!({})) else { return };
    for (alias, tenant) in [
        ("alias.example.org", "http://one.example.org"),
        ("*.wild.example.org", "http://one.example.org"),
        ("other.example.org:8443", "http://two.example.org:8443"),
    ] {
        setup.farm.call("alias_add", json!([alias, tenant])).unwrap();
    }
    let target = "/course/view.php?id=2&x=a%20b";
    for (method, status) in [("GET", 301), ("HEAD", 301), ("POST", 308), ("PUT", 308), ("DELETE", 308)] {
        let response = setup.web.send(&Request::new(method, "ALIAS.example.org.", target));
        assert_eq!(response.status, status, "{method}: {response:?}");
        let location = format!("http://one.example.org{target}");
        assert_eq!(response.header("Location"), Some(location.as_str()), "{method}");
    }
    let location = |host: &str, target: &str| {
        let response = setup.web.send(&Request::new("GET", host, target));
        assert_eq!(response.status, 301, "{host}: {response:?}");
        response.header("Location").unwrap().to_owned()
    };
    assert_eq!(location("any.wild.example.org", "/"), "http://one.example.org/");
    assert_eq!(location("a.b.wild.example.org", "/x"), "http://one.example.org/x");
    assert_eq!(location("other.example.org:8443", "/x?y"), "http://two.example.org:8443/x?y");
    assert_eq!(setup.web.get("wild.example.org", "/").status, 404, "the domain is no name below itself");
}

#[test]
fn a_redirect_never_leaves_the_tenant() {
    let Some(setup) = setup("open_redirect", &["one.example.org"], json!({})) else { return };
    setup.farm.call("alias_add", json!(["alias.example.org", "http://one.example.org"])).unwrap();
    for target in ["//evil.example.com/", "/\\evil.example.com", "http://evil.example.com/x", "/@evil.example.com"] {
        let response = setup.web.send(&Request::new("GET", "alias.example.org", target));
        if response.status == 301 {
            let location = response.header("Location").unwrap();
            assert!(location.starts_with("http://one.example.org/"), "{target}: {location}");
        } else {
            assert!(matches!(response.status, 400 | 404), "{target}: {response:?}");
        }
    }
    let response = setup.web.send(&Request::new("GET", "alias.example.org", "/a%0d%0aSet-Cookie:%20x=1"));
    assert_eq!(response.header("Set-Cookie"), None);
}

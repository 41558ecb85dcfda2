//! A request's way: nginx, php-fpm with many workers, `config.php`, the extension, and what comes back.
//!
//! The site is the stand-in of `tests/fixtures/minimoodle`, which answers with `$CFG` as JSON.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod alias;
mod component_cache;
mod damage;
mod host;
mod isolation;
mod refusal;
mod republish;

use serde_json::{Value, json};
use support::code::Kind;
use support::database::{Database, Engine};
use support::farm::{Farm, Web};
use support::fpm::Pool;
use support::http::Response;
use support::need::{self, Need};

/// A farm and the servers that answer for it.
struct Setup {
    // Ends before the farm's folder goes.
    web: Web,
    farm: Farm,
}

/// A farm named by its test, with these tenants (hosts, without databases of their own) and settings of vmoodle.
fn setup(test: &str, tenants: &[&str], vmoodle: Value) -> Option<Setup> {
    setup_with(test, tenants, vmoodle, &Pool::default())
}

fn setup_with(test: &str, tenants: &[&str], vmoodle: Value, pool: &Pool) -> Option<Setup> {
    let farm = farm(test, vmoodle)?;
    register(&farm, tenants);
    let web = farm.serve(pool);
    Some(Setup { web, farm })
}

/// A farm without tenants that nobody serves yet; `None` (said on stderr) where something is not installed.
fn farm(test: &str, vmoodle: Value) -> Option<Farm> {
    need::all(&[Need::Php, Need::Fpm, Need::Nginx])?;
    let control = Database::shared(Engine::MariaDb, &format!("fpm_{test}"))?;
    Some(Farm::new(Kind::Mini, test, control, vmoodle))
}

/// Registers enabled tenants that share no database, dataroot or host.
fn register(farm: &Farm, hosts: &[&str]) {
    for result in farm.calls(&hosts.iter().map(|host| ("tenant_add", json!([row(farm, host)]))).collect::<Vec<_>>()) {
        result.unwrap();
    }
}

/// A registry row whose database need not exist: boot opens none.
fn row(farm: &Farm, host: &str) -> Value {
    let name = format!("db_{}", host.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
    farm.row(host, &Database { name, ..farm.control().clone() })
}

/// The address that the switch gave this answer's request, where it is one of the stand-in site.
fn wwwroot(response: &Response) -> Option<String> {
    (response.status == 200).then(|| response.json()["cfg"]["wwwroot"].as_str().unwrap_or_default().to_owned())
}

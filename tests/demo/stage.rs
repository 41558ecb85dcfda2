//! The servers, the control site and the tenants of the demo.

use std::time::Instant;

use serde_json::json;
use support::code::Kind;
use support::database::Engine;
use support::farm::{Farm, Web};
use support::fpm::Pool;
use support::mariadb::MariaDb;
use support::need::Need;
use support::postgres::Postgres;
use support::process::{free_port, output};

/// A tenant that answers.
#[derive(Debug)]
pub(crate) struct Site {
    /// Its host name with the port.
    pub(crate) host: String,
    /// What its own database says its name is.
    pub(crate) name: String,
    /// Where its database is.
    pub(crate) engine: Engine,
}

/// Everything that the demo started.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The tenants that answer.
    pub(crate) sites: Vec<Site>,
    /// Whether it is Moodle or the stand-in.
    pub(crate) kind: Kind,
    /// nginx and php-fpm.
    pub(crate) web: Web,
    control: MariaDb,
    farm: Farm,
    port: u16,
    // Hold the tenants' servers.
    _tenants: (MariaDb, Option<Postgres>),
}

impl Stage {
    /// Sets the stage, telling what it does.
    pub(crate) fn set() -> Self {
        let kind = kind();
        let start = Instant::now();
        let tell = |text: &str| println!("[{:5.1} s] {text}", start.elapsed().as_secs_f32());

        tell("building the extension");
        support::extension::path();
        tell("starting a MariaDB for the control site, another MariaDB and a PostgreSQL for the tenants");
        let control = MariaDb::start().expect("needed");
        let mariadb = MariaDb::start().expect("needed");
        let postgres = Postgres::start();
        let port = free_port();

        tell(match kind {
            Kind::Moodle => "linking a copy of Moodle, loading the control site, installing the plugin in it",
            Kind::Mini => "copying the stand-in site",
        });
        let database = control.database("vmoodle_control");
        let mut farm = Farm::new(kind, "demo", database, json!({}));
        farm.configure(&json!({ "wwwroot": format!("http://{}", host("control", port)) }));
        if kind == Kind::Moodle {
            farm.upgrade();
        }

        let mut sites = Vec::new();
        for (name, engine) in [("one", Engine::MariaDb), ("two", Engine::MariaDb), ("three", Engine::Postgres)] {
            let host = host(name, port);
            let database = match (&postgres, engine) {
                (Some(postgres), Engine::Postgres) => postgres.database(name),
                _ => mariadb.database(name),
            };
            tell(&format!("making the tenant {host} on {:?}", database.engine));
            farm.add(&host, &database);
            sites.push(Site { name: format!("Site {host}"), host, engine: database.engine });
        }
        tell("registering a disabled tenant and an alias, publishing the index");
        let closed = host("closed", port);
        farm.add(&closed, &mariadb.database("closed"));
        farm.call("tenant_update", json!([closed, { "state": "disabled" }])).unwrap();
        let first = format!("http://{}", sites[0].host);
        farm.call("alias_add", json!([host("alias", port), first])).unwrap();
        if kind == Kind::Moodle {
            tell(
                "one component cache for all (cli/publish.php), the plugin's tables in every tenant (cli/upgrade.php)",
            );
            output(&mut farm.script("local/vmoodle/cli/publish.php", None));
            output(&mut farm.script("local/vmoodle/cli/upgrade.php", None));
        }

        tell("starting php-fpm with four workers, and nginx");
        let web = farm.serve_at(&Pool::default(), Some(port));
        tell("ready");
        Self { sites, kind, web, control, farm, port, _tenants: (mariadb, postgres) }
    }

    /// A host name of this farm with its port.
    pub(crate) fn host(&self, name: &str) -> String {
        host(name, self.port)
    }

    /// Kills the control database's server.
    pub(crate) fn stop_control_database(&mut self) {
        self.control.kill();
    }

    /// Starts it again.
    pub(crate) fn start_control_database(&mut self) {
        self.control.restart();
    }

    /// Says where a person may look, and waits for Ctrl-C or the end of standard input.
    pub(crate) fn invite(&self) {
        println!("\nThe farm runs until Ctrl-C. Browsers take names under `localhost` to this machine:\n");
        for name in self
            .sites
            .iter()
            .map(|site| site.host.clone())
            .chain(["control", "alias", "closed", "nobody"].map(|name| self.host(name)))
        {
            println!("  http://{name}/");
        }
        if self.kind == Kind::Moodle {
            println!("\nLog in anywhere as admin, password Admin#1234.");
        }
        println!("\nThe command line, as one of the tenants:\n\n  cd {}", self.farm.code().path().display());
        println!(
            "  VMOODLE_HOST={} php -d extension={} {}",
            self.sites[0].host,
            support::extension::path().display(),
            if self.kind == Kind::Moodle { "admin/cli/cfg.php --name=siteidentifier" } else { "index.php" }
        );
        // Ctrl-C ends this process, and with it every server: the kernel sees to that.
        loop {
            std::thread::park();
        }
    }
}

fn kind() -> Kind {
    match (Need::Moodle.missing(), Need::Dumps.missing()) {
        (None, None) => {
            println!("The sites are real Moodles: code from MOODLE_DIR, databases from VMOODLE_DUMPS.");
            Kind::Moodle
        }
        (moodle, dumps) => {
            println!("The sites are small stand-ins ({}).", moodle.or(dumps).unwrap_or_default());
            Kind::Mini
        }
    }
}

fn host(name: &str, port: u16) -> String {
    format!("{name}.localhost:{port}")
}

//! The administrator of a database server: databases, accounts, and who gets in where.

use serde_json::{Map, json};
use support::database::{Database, Engine};
use vmoodle_core::Kind;
use vmoodle_core::db::admin::ServerAdmin;
use vmoodle_core::db::{Cause, Db, Fault};
use vmoodle_core::host::SiteAddress;
use vmoodle_core::ident::{AccountName, DbName};
use vmoodle_core::registry::servers;
use vmoodle_core::secret::{Keyring, Secret, Stored};
use vmoodle_core::settings::{Given, Settings};
use vmoodle_core::tenant::{State, Tenant, TenantId};

use crate::{Farm, farm, map, on_both_engines};

pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

pub(crate) fn db_name(name: &str) -> DbName {
    DbName::parse(name).unwrap()
}

pub(crate) fn account(name: &str) -> AccountName {
    AccountName::parse(name).unwrap()
}

/// Another database on the farm's server, whether it is there or not.
pub(crate) fn beside(farm: &Farm, name: &DbName) -> Database {
    Database { name: name.to_string(), ..farm.database.clone() }
}

/// A tenant with this database and account.
pub(crate) fn tenant(farm: &Farm, database: &DbName, user: &str, password: &Secret) -> Tenant {
    Tenant {
        id: TenantId(1),
        name: "Site".into(),
        shortname: "site".into(),
        address: SiteAddress::parse("https://a.example.org").unwrap(),
        database: vmoodle_core::tenant::Endpoint {
            engine: farm.control.database.engine,
            host: farm.control.database.host.clone(),
            port: farm.control.database.port,
            socket: farm.control.database.socket.clone(),
            database: database.clone(),
            user: Some(user.to_owned()),
            password: Some(Stored::from_column(password.reveal())),
        },
        prefix: farm.control.prefix.clone(),
        persist: false,
        options: Map::new(),
        dataroot: "/nowhere".into(),
        mnet: -1,
        state: State::Enabled,
        settings: Map::new(),
        tags: Vec::new(),
    }
}

pub(crate) fn settings() -> Settings {
    Settings::new(Given::default(), "/nowhere").unwrap()
}

/// Opens a tenant's database with its own account.
pub(crate) async fn enter(
    farm: &Farm,
    database: &DbName,
    user: &AccountName,
    password: &Secret,
) -> vmoodle_core::Result<Db> {
    Db::open_tenant(&tenant(farm, database, user.as_str(), password), &settings(), &Keyring::none()).await
}

fn refused<T: std::fmt::Debug>(entering: vmoodle_core::Result<T>) -> Cause {
    Fault::of(&entering.unwrap_err()).expect("a fault of the server").cause()
}

/// The administrator of a server row whose login is no superuser: what a careful farm gives.
pub(crate) fn lesser_admin(farm: &Farm) -> ServerAdmin {
    let login = format!("{}_dba", farm.database.name);
    farm.database.run(&match farm.database.engine {
        Engine::MariaDb => format!(
            "CREATE OR REPLACE USER '{login}'@'localhost' IDENTIFIED BY 'dba secret';
             GRANT CREATE USER, PROCESS ON *.* TO '{login}'@'localhost';
             GRANT SELECT ON mysql.* TO '{login}'@'localhost';
             GRANT ALL ON `{name}%`.* TO '{login}'@'localhost' WITH GRANT OPTION;",
            name = farm.database.name
        ),
        Engine::Postgres => format!("CREATE ROLE \"{login}\" LOGIN CREATEDB CREATEROLE PASSWORD 'dba secret'"),
    });
    let passwordfile = farm.folder.join("password");
    std::fs::write(&passwordfile, "dba secret\n").unwrap();
    std::fs::set_permissions(&passwordfile, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let control = &farm.control.database;
    let row = map(json!({
        "name": "db one", "engine": control.engine.word(), "host": control.host, "login": login,
        "port": control.port.unwrap_or(1), "socket": control.socket.clone().unwrap_or_default(),
        "passwordfile": passwordfile,
    }));
    farm.console.server_add(&row).unwrap();
    wait(async {
        let mut db = Db::open_control(&farm.control).await.unwrap();
        servers::admin(&mut db, "db one", &farm.control, &Keyring::none()).await.unwrap()
    })
}

/// Names of a test: `<control database>_<word>`; accounts are short.
pub(crate) fn named(farm: &Farm, word: &str) -> DbName {
    db_name(&format!("{}_{word}", farm.database.name))
}

on_both_engines! {
    fn an_account_reaches_its_own_database_only(engine: Engine) {
        let Some(farm) = farm("adm_own", engine) else { return };
        let admin = lesser_admin(&farm);
        let (own, other, user) = (named(&farm, "a_1"), named(&farm, "axb"), account("adm_own_a"));
        let password = Secret::random();
        wait(async {
            for name in [&own, &other] {
                admin.create_database(name).await.unwrap();
                admin.create_database(name).await.unwrap();
            }
            assert!(!admin.account_exists(&user).await.unwrap());
            admin.create_account(&user, &Secret::random()).await.unwrap();
            admin.create_account(&user, &password).await.unwrap();
            assert!(admin.account_exists(&user).await.unwrap());
            if engine == Engine::MariaDb {
                assert!(refused(enter(&farm, &own, &user, &password).await) == Cause::BadCredentials);
            }
            admin.grant(&own, &user).await.unwrap();
            admin.grant(&own, &user).await.unwrap();
            admin.grant(&other, &account("adm_own_a")).await.unwrap();
            admin.revoke(&other, &user).await.unwrap();
            admin.revoke(&other, &user).await.unwrap();
            let mut db = enter(&farm, &own, &user, &password).await.unwrap();
            db.execute("CREATE TABLE {t} (id INT)", &[]).await.unwrap();
            db.execute("CREATE TEMPORARY TABLE passing (id INT)", &[]).await.unwrap();
            assert!(db.charset().await.unwrap().to_lowercase().starts_with("utf8"));
            db.close().await;
            assert_eq!(refused(enter(&farm, &other, &user, &password).await), Cause::BadCredentials);
            assert_eq!(refused(enter(&farm, &own, &user, &Secret::random()).await), Cause::BadCredentials);
            assert_eq!(admin.create_database(&own).await.unwrap_err().kind(), Kind::NotEmpty);
            let fresh = Secret::new("l'été \\ \"quoted\"");
            admin.set_password(&user, &fresh).await.unwrap();
            enter(&farm, &own, &user, &fresh).await.unwrap().close().await;
            assert_eq!(refused(enter(&farm, &own, &user, &password).await), Cause::BadCredentials);
        });
        let grants = match engine {
            Engine::MariaDb => farm.database.run("SHOW GRANTS FOR 'adm_own_a'@'localhost'"),
            Engine::Postgres => farm.database.run("SELECT rolpassword FROM pg_authid WHERE rolname = 'adm_own_a'"),
        };
        assert!(!grants.contains("GRANT OPTION") && !grants.contains(password.reveal()), "{grants}");
    }

    fn a_tenants_account_stays_out_of_the_control_database(engine: Engine) {
        let Some(farm) = farm("adm_control", engine) else { return };
        let admin = ServerAdmin::of_control(&farm.control).unwrap();
        let (user, password) = (account("adm_control_a"), Secret::random());
        let control = farm.control.database.database.clone();
        wait(async {
            admin.create_account(&user, &password).await.unwrap();
            admin.close_to_tenants().await.unwrap();
            admin.close_to_tenants().await.unwrap();
            assert_eq!(refused(enter(&farm, &control, &user, &password).await), Cause::BadCredentials);
            Db::open_control(&farm.control).await.unwrap().close().await;
            for refusal in [
                admin.drop_database(&control).await,
                admin.create_database(&control).await,
                admin.grant(&control, &user).await,
                admin.rename_database(&control, &named(&farm, "x")).await,
                admin.drop_database(&db_name("mysql")).await,
                admin.drop_database(&db_name("postgres")).await,
            ] {
                assert_eq!(refusal.unwrap_err().kind(), Kind::DatabaseTaken);
            }
            let own = AccountName::parse(&farm.control.database.user).unwrap();
            assert_eq!(admin.create_account(&own, &password).await.unwrap_err().kind(), Kind::NameTaken);
            assert_eq!(admin.drop_account(&own).await.unwrap_err().kind(), Kind::NameTaken);
            admin.drop_account(&user).await.unwrap();
            admin.drop_account(&user).await.unwrap();
            assert!(!admin.account_exists(&user).await.unwrap());
        });
    }

    fn tenants_that_are_made_at_once_shut_the_control_database_at_once(engine: Engine) {
        let Some(farm) = farm("adm_shut", engine) else { return };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let admin = ServerAdmin::of_control(&farm.control).unwrap();
                    (0..10).for_each(|_| wait(admin.close_to_tenants()).unwrap());
                });
            }
        });
    }

    fn an_account_that_administers_something_is_never_taken_over(engine: Engine) {
        let Some(farm) = farm("adm_strong", engine) else { return };
        let admin = ServerAdmin::of_control(&farm.control).unwrap();
        farm.database.run(match engine {
            Engine::MariaDb => "CREATE OR REPLACE USER 'adm_strong'@'%' IDENTIFIED BY 'x'; GRANT RELOAD ON *.* TO 'adm_strong'@'%'",
            Engine::Postgres => "CREATE ROLE adm_strong LOGIN CREATEDB",
        });
        let refusal = wait(admin.create_account(&account("adm_strong"), &Secret::random())).unwrap_err();
        assert_eq!(refusal.kind(), Kind::NameTaken);
    }

    fn a_database_gets_another_name_with_its_rows(engine: Engine) {
        let Some(farm) = farm("adm_rename", engine) else { return };
        let admin = lesser_admin(&farm);
        let (from, to, user, password) = (named(&farm, "old"), named(&farm, "new"), account("adm_rename_a"), Secret::random());
        wait(async {
            admin.create_database(&from).await.unwrap();
            admin.create_account(&user, &password).await.unwrap();
            admin.grant(&from, &user).await.unwrap();
            let mut db = enter(&farm, &from, &user, &password).await.unwrap();
            for statement in ["CREATE TABLE {t} (id INT)", "CREATE TABLE {u} (id INT)", "INSERT INTO {t} VALUES (7)"] {
                db.execute(statement, &[]).await.unwrap();
            }
            // A run that was cut off.
            if engine == Engine::MariaDb {
                farm.database.run(&format!("CREATE DATABASE `{to}`; RENAME TABLE `{from}`.mdl_u TO `{to}`.mdl_u"));
                db.close().await;
            } else {
                farm.database.run(&format!("ALTER DATABASE \"{from}\" ALLOW_CONNECTIONS false"));
            }
            admin.rename_database(&from, &to).await.unwrap();
            admin.rename_database(&from, &to).await.unwrap();
            assert!(!admin.database_exists(&from).await.unwrap() && admin.database_exists(&to).await.unwrap());
            admin.grant(&to, &user).await.unwrap();
            let mut db = enter(&farm, &to, &user, &password).await.unwrap();
            assert_eq!(db.count_tables().await.unwrap(), 2);
            assert_eq!(db.fetch("SELECT id FROM {t}", &[]).await.unwrap()[0].int("id"), Some(7));
            assert!(admin.size(&to).await.unwrap() > 8192);
            admin.create_database(&from).await.unwrap();
            beside(&farm, &from).run("CREATE TABLE mdl_t (id INT)");
            assert_eq!(admin.rename_database(&from, &to).await.unwrap_err().kind(), Kind::NotEmpty);
            for name in [&from, &to, &from] {
                admin.drop_database(name).await.unwrap();
            }
            assert_eq!(admin.rename_database(&from, &to).await.unwrap_err().kind(), Kind::TransferFailed);
            assert_eq!((admin.database_exists(&to).await.unwrap(), admin.size(&to).await.unwrap()), (false, 0));
        });
    }

    fn a_login_without_the_right_is_told_which_it_lacks(engine: Engine) {
        let Some(farm) = farm("adm_weak", engine) else { return };
        let strong = ServerAdmin::of_control(&farm.control).unwrap();
        let (user, password) = (account("adm_weak_a"), Secret::random());
        wait(strong.create_account(&user, &password)).unwrap();
        let mut control = farm.control.clone();
        control.database.user = user.to_string();
        control.database.password = password.clone();
        let weak = if engine == Engine::MariaDb {
            ServerAdmin::of_control(&control).unwrap()
        } else {
            wait(strong.close_to_tenants()).unwrap();
            let refusal = wait(ServerAdmin::of_control(&control).unwrap().database_exists(&named(&farm, "x"))).unwrap_err();
            assert_eq!(refusal.kind(), Kind::ServerRefused);
            farm.database.run(&format!("GRANT CONNECT ON DATABASE \"{}\" TO adm_weak_a", farm.database.name));
            ServerAdmin::of_control(&control).unwrap()
        };
        let refusal = wait(weak.create_database(&named(&farm, "x"))).unwrap_err();
        assert_eq!(refusal.kind(), Kind::ServerRefused, "{refusal}");
        assert!(refusal.way_out().unwrap().contains("CREATE"), "{refusal:?}");
        control.database.password = Secret::new("not so secret");
        let refusal = wait(ServerAdmin::of_control(&control).unwrap().database_exists(&named(&farm, "x"))).unwrap_err();
        assert_eq!(refusal.kind(), Kind::ServerRefused);
        assert!(!format!("{refusal} {refusal:?}").contains("not so secret"), "{refusal:?}");
        control.database.host = "127.0.0.1".into();
        control.database.socket = None;
        control.database.port = Some(1);
        let refusal = wait(ServerAdmin::of_control(&control).unwrap().database_exists(&named(&farm, "x"))).unwrap_err();
        assert_eq!(refusal.kind(), Kind::ServerUnreachable);
        let nobody = wait(async {
            let mut db = Db::open_control(&farm.control).await.unwrap();
            servers::admin(&mut db, "nobody", &farm.control, &Keyring::none()).await.unwrap_err()
        });
        assert_eq!(nobody.kind(), Kind::ServerNotFound);
    }
}

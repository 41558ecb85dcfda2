//! The database of a Moodle site that is none: the tables that vmoodle touches, and rows that name the site.

use crate::database::{Database, Engine};
use crate::{root, schema};

/// What Moodle 4.5.6 says of itself in `config`.
pub const VERSION: &str = "2024100706.00";

/// Makes the tables of `fixtures/schema/405.xml` in an empty database, and the rows of a fresh site of this name.
pub fn fill(database: &Database, name: &str) {
    database.run(&schema::statements(&root::fixture("schema/405.xml"), database.engine, "mdl_"));
    for table in ["task_scheduled", "task_adhoc"] {
        let columns = "id BIGINT PRIMARY KEY, component VARCHAR(255), nextruntime BIGINT, classname VARCHAR(255), userid BIGINT, customdata TEXT, timestarted BIGINT, hostname VARCHAR(255), pid BIGINT, faildelay BIGINT, lastruntime BIGINT, disabled BIGINT DEFAULT 0, attemptsavailable BIGINT";
        database.run(&format!("CREATE TABLE mdl_{table} ({columns})"));
    }
    let id = match database.engine {
        Engine::MariaDb => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        Engine::Postgres => "BIGSERIAL PRIMARY KEY",
    };
    let columns = format!("id {id}, userid BIGINT, name VARCHAR(255), value TEXT");
    database.run(&format!("CREATE TABLE mdl_user_preferences ({columns})"));
    database.run(&rows(database, name));
}

fn rows(database: &Database, name: &str) -> String {
    // PostgreSQL folds names that are not quoted, MariaDB takes double quotes for texts.
    let user = match database.engine {
        Engine::MariaDb => "`mdl_user`",
        Engine::Postgres => "\"mdl_user\"",
    };
    let name = name.replace('\\', "").replace('\'', "''");
    let config: Vec<String> = [
        ("version", VERSION),
        ("release", "4.5.6 (Build: 20250811)"),
        ("branch", "405"),
        ("siteidentifier", &database.name),
        ("siteadmins", "2"),
        ("theme", "boost"),
        ("lang", "en"),
        ("rolesactive", "1"),
        ("sessiontimeout", "28800"),
    ]
    .iter()
    .map(|(key, value)| format!("('{key}', '{value}')"))
    .collect();
    format!(
        "INSERT INTO mdl_config (name, value) VALUES {};
         INSERT INTO mdl_config_plugins (plugin, name, value) VALUES ('auth_manual', 'version', '2024100700');
         INSERT INTO mdl_course (category, sortorder, fullname, shortname, format)
             VALUES (0, 1, '{name}', '{name}', 'site');
         INSERT INTO {user} (auth, confirmed, mnethostid, username, password, firstname, lastname, email)
             VALUES ('manual', 1, 1, 'guest', 'x', 'Guest', 'user', 'guest@example.invalid'),
                    ('manual', 1, 1, 'admin', 'x', 'Admin', 'User', 'admin@example.invalid');
         INSERT INTO mdl_context (contextlevel, instanceid, path, depth) VALUES (10, 0, '/1', 1);",
        config.join(", ")
    )
}

//! A tenant leaves the farm as a plain Moodle, by the three steps that it is given, and comes back; all by the scripts.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::database::{Database, Engine};
use support::http::Visitor;
use support::process::{free_port, output};
use support::scratch::Scratch;
use support::{moodle, php, wait};

use crate::stage::{Stage, TENANTS, alone};

/// PHP's own web server.
struct Plain(Child, SocketAddr);

impl Plain {
    fn serve(code: &Path) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = php::without_extension();
        command.args(["-S", &address.to_string(), "-t"]).arg(code).current_dir(code);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self(child, address);
        wait::until(Duration::from_secs(30), "php -S", || TcpStream::connect(address).is_ok());
        server
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(stage: &Stage, script: &str, arguments: &[&str]) -> Output {
    let done = stage.farm.script(&format!("local/vmoodle/cli/{script}.php"), None).args(arguments).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(
        !text.contains("Warning:") && !text.contains("Notice:") && !text.contains("Stack trace"),
        "{script}: {text}"
    );
    done
}

fn text(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

/// Gives a setting of a `config.php` another value, as step 3 says.
pub(crate) fn set(config: &mut String, name: &str, value: &str) {
    let start = config.find(&format!("$CFG->{name} = ")).unwrap_or_else(|| panic!("{name} in {config}"));
    let end = start + config[start..].find(";\n").unwrap();
    config.replace_range(start..end, &format!("$CFG->{name} = '{}'", value.replace('\\', "\\\\").replace('\'', "\\'")));
}

/// The three steps of its README: load the database, bring the files, put `config.php` into a Moodle.
fn settle(stage: &Stage, folder: &Path, scratch: &Scratch, engine: Engine) -> (PathBuf, Database) {
    let steps = std::fs::read_to_string(folder.join("README.txt")).unwrap();
    assert!(
        steps.contains("zstd -dc database.sql.zst") && steps.contains("moodledata") && steps.contains("purge_caches"),
        "{steps}"
    );
    let database = Database::shared(engine, &format!("plain_{}", engine.dbtype())).unwrap();
    database.load(&folder.join("database.sql.zst"));
    let dataroot = stage.farm.folder().join(format!("plain-{}", engine.dbtype()));
    output(Command::new("cp").arg("-a").arg(folder.join("moodledata")).arg(&dataroot));
    let code = scratch.join("code");
    moodle::link_tree(stage.farm.code().path(), &code);
    let mut config = std::fs::read_to_string(folder.join("config.php")).unwrap();
    // The test's own folders and account have the word in their names.
    let lines =
        config.lines().filter(|line| !["dbuser", "dbsocket", "dataroot"].iter().any(|name| line.contains(name)));
    assert!(!lines.collect::<String>().to_lowercase().contains("vmoodle"), "nothing of the farm is in it: {config}");
    set(&mut config, "dbname", &database.name);
    set(&mut config, "dataroot", &dataroot.display().to_string());
    std::fs::remove_file(code.join("config.php")).unwrap();
    std::fs::write(code.join("config.php"), config).unwrap();
    output(php::without_extension().arg("admin/cli/purge_caches.php").current_dir(&code));
    (code, database)
}

fn leaves_and_comes_back(place: usize) {
    let Some(stage) = alone() else { return };
    let (host, engine) = TENANTS[place];
    let scratch = Scratch::new("plain");
    let folder = scratch.folder("out");
    let arguments = [format!("--targets={host}"), format!("--folder={}", folder.display())];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let plan = run(&stage, "devirtualise", &[&arguments[..], &["--plan"]].concat());
    assert!(plan.status.success() && !folder.join(host).exists(), "{}", text(&plan));
    let left = run(&stage, "devirtualise", &arguments);
    assert_eq!(left.status.code(), Some(0), "{}", text(&left));
    let (code, database) = settle(&stage, &folder.join(host), &scratch, engine);

    let identifier =
        php::without_extension().args(["admin/cli/cfg.php", "--name=siteidentifier"]).current_dir(&code).output();
    assert_eq!(text(&identifier.unwrap()).trim(), stage.databases[place].name, "the same site, without the farm");
    let server = Plain::serve(&code);
    let mut visitor = Visitor::new(server.1, host);
    let form = visitor.get("/login/index.php");
    assert!(form.status == 200 && form.body.contains("name=\"logintoken\""), "{form:?}");
    drop(server);

    // Back under another address, for the tenant that it was made of is still there.
    let config = format!("--config={}", code.join("config.php").display());
    let taken = run(&stage, "adopt", &[&config]);
    assert_ne!(taken.status.code(), Some(0), "its address is a tenant's: {}", text(&taken));
    output(
        Command::new("chmod").args(["-R", "a+rwX"]).arg(stage.farm.folder().join(format!("plain-{}", engine.dbtype()))),
    );
    let new = format!("back-{}.example.org", engine.dbtype());
    let adopted = run(&stage, "adopt", &[&config, &format!("--set=vhostname=http://{new}"), "--json"]);
    assert_eq!(adopted.status.code(), Some(0), "{}", text(&adopted));
    let job: Value = serde_json::from_slice(&adopted.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&adopted)));
    assert!(!text(&adopted).contains(database.password()));
    let (mut visitor, page) = stage.log_in(&new);
    assert!(page.status == 303 || page.status == 302 || page.status == 200, "{page:?}");
    let home = visitor.get("/my/");
    assert_eq!(home.status, 200, "{home:?}");

    let undone = run(&stage, "job", &[&format!("--undo={}", job["id"])]);
    assert_eq!(undone.status.code(), Some(0), "{}", text(&undone));
    assert_eq!(stage.web.get(&new, "/").status, 404);
    assert_eq!(stage.web.get(host, "/").status, 200, "the tenant stayed all the while");
    let again =
        php::without_extension().args(["admin/cli/cfg.php", "--name=siteidentifier"]).current_dir(&code).output();
    assert_eq!(text(&again.unwrap()).trim(), stage.databases[place].name, "and so did the plain Moodle");
}

#[test]
fn a_tenant_on_mariadb_runs_as_a_plain_moodle_and_is_adopted_back() {
    leaves_and_comes_back(0);
}

#[test]
fn a_tenant_on_postgresql_runs_as_a_plain_moodle_and_is_adopted_back() {
    leaves_and_comes_back(2);
}

/// Every verb but those above, once, on a site that is made for it.
#[test]
fn a_whole_life_by_the_scripts() {
    let Some(stage) = alone() else { return };
    let done = |script: &str, arguments: &[&str]| {
        let result = run(&stage, script, arguments);
        assert_eq!(result.status.code(), Some(0), "{script} {arguments:?}: {}", text(&result));
        text(&result)
    };
    let refused = |script: &str, arguments: &[&str]| {
        let result = run(&stage, script, arguments);
        assert!(result.status.code().is_some_and(|code| code > 0), "{script} {arguments:?}: {}", text(&result));
        text(&result)
    };
    let (source, host) = (format!("--source={}", TENANTS[0].0), "verbs.example.org");
    for script in ["adopt", "clone", "destroy", "devirtualise", "restore", "retire"] {
        assert!(done(script, &["--help"]).contains("--json"), "{script}");
    }
    assert!(refused("clone", &["--set=vhostname=http://verbs.example.org"]).contains("--source"));
    done("clone", &[&source, "--set=vhostname=http://verbs.example.org", "--plan"]);
    done("clone", &[&source, "--set=vhostname=http://verbs.example.org", "--set=name=Verbs"]);
    assert_eq!(stage.web.get(host, "/").status, 200);
    done("snapshot", &[&format!("--targets={host}")]);
    let listed: Value = serde_json::from_str(&done("snapshot", &["--list", "--json"])).unwrap();
    let id = listed.as_array().unwrap().iter().rev().find(|one| one["wwwroot"] == "http://verbs.example.org").unwrap()
        ["id"]
        .clone();
    let id = id.as_str().unwrap();
    done("snapshot", &[&format!("--snapshot={id}"), "--name=verbs"]);
    assert!(done("snapshot", &["--verify=verbs", "--trial"]).contains("tables"));
    let (tenant, snapshot) = (format!("--tenant={host}"), "--snapshot=verbs");
    refused("restore", &[&tenant, snapshot]);
    assert!(done("restore", &[&tenant, snapshot, "--plan"]).contains(id));
    done("restore", &[&tenant, snapshot, "--yes"]);
    assert_eq!(stage.web.get(host, "/").status, 200);
    let targets = format!("--targets={host}");
    done("retire", &[&targets, "--disable"]);
    assert_eq!(stage.web.get(host, "/").status, 503);
    done("retire", &[&targets, "--enable"]);
    refused("retire", &[&targets]);
    done("retire", &[&targets, "--yes"]);
    refused("destroy", &[&targets, "--confirm=one.example.org"]);
    let said = done("destroy", &[&targets, &format!("--confirm={host}"), "--days=7"]);
    let job = said
        .split("--undo=")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or_else(|| panic!("{said}"));
    assert_eq!(stage.web.get(host, "/").status, 404);
    done("job", &[&format!("--undo={job}")]);
    assert_eq!(stage.web.get(host, "/").status, 503, "it is retired again");
    done("destroy", &[&targets, &format!("--confirm={host}"), "--days=0"]);

    done("create", &["--pool=2", "--template=verbs"]);
    assert!(done("create", &["--pool=2", "--template=verbs"]).contains("full"));
    done(
        "create",
        &[
            "--template=verbs",
            "--set=vhostname=http://claimed.example.org",
            "--set=name=Claimed",
            "--set=shortname=claimed",
        ],
    );
    assert_eq!(stage.web.get("claimed.example.org", "/").status, 200);
    let task = "--execute=\\local_vmoodle\\task\\keep_house";
    output(stage.farm.script("admin/cli/scheduled_task.php", None).arg(task));
    let rows = stage
        .farm
        .control()
        .run("SELECT state, COUNT(*) FROM mdl_local_vmoodle WHERE state <> 'enabled' GROUP BY state");
    assert_eq!(rows.trim(), "spare\t2", "the trash is empty of what is over age, and the pool is full again");

    // The farm as it was, for the other tests.
    done("create", &["--pool=0", "--template=verbs"]);
    let hosts = "SELECT hostkey FROM mdl_local_vmoodle WHERE state = 'spare' OR hostkey = 'claimed.example.org'";
    stage.farm.control().run("UPDATE mdl_local_vmoodle SET state = 'retired', enabled = 0 WHERE state = 'spare' OR hostkey = 'claimed.example.org'");
    let hosts: Vec<String> = stage
        .farm
        .control()
        .run(&hosts.replace("state = 'spare'", "state = 'retired'"))
        .lines()
        .map(str::to_owned)
        .collect();
    let all = hosts.join(",");
    done("destroy", &[&format!("--targets={all}"), &format!("--confirm={all}"), "--days=0"]);
    done("destroy", &["--purge", "--yes"]);
    assert_eq!(stage.farm.control().run("SELECT COUNT(*) FROM mdl_local_vmoodle").trim(), "3");
}

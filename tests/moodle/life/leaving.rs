//! A site that leaves the farm and comes back, and an administrator who gets another password, while somebody looks on.

use support::database::{Database, Engine};

use super::secrets;
use super::stage::{Stage, alone, school};
use super::watch::Watch;
use crate::standalone;

fn assert_nobody_sees_a_secret(stage: &Stage, engine: Engine) {
    let (host, back) = (school(engine), format!("back-{}.example.org", engine.dbtype()));
    let folder = stage.farm.folder().folder(format!("leaving-{}", engine.dbtype()));
    let watch = Watch::start();
    let arguments = [format!("--targets={host}"), format!("--folder={}", folder.display()), "--json".to_owned()];
    let left = stage.run("devirtualise", &arguments.each_ref().map(String::as_str), None);
    left.done();

    let out = folder.join(host.replace('-', "_"));
    let database = Database::shared(engine, &format!("life_back_{}", engine.dbtype())).unwrap();
    database.load(&out.join("database.sql.zst"));
    let path = out.join("config.php");
    let mut config = std::fs::read_to_string(&path).unwrap();
    standalone::set(&mut config, "dbname", &database.name);
    standalone::set(&mut config, "dataroot", &out.join("moodledata").display().to_string());
    std::fs::write(&path, config).unwrap();
    let arguments =
        [format!("--config={}", path.display()), format!("--set=vhostname=http://{back}"), "--json".to_owned()];
    let adopted = stage.run("adopt", &arguments.each_ref().map(String::as_str), None);
    let job = adopted.done();

    let targets = format!("--targets={back}");
    let reset = stage.run("run", &["--operation=reset_admin", &targets, "--yes", "--json"], None);
    let password = reset.done()["passwords"][&format!("http://{back}")].as_str().unwrap().to_owned();
    let seen = watch.end();
    for script in ["cli/devirtualise.php", "cli/adopt.php", "dump"] {
        assert!(seen.iter().any(|line| line.contains(script)), "{script}: {seen:?}");
    }
    let again = stage.run("job", &[&format!("--show={}", reset.json()["id"]), "--json"], None);
    secrets::assert_kept(stage, &seen, &[&left, &adopted, &again], &[password]);
    stage.undo(&job);
}

#[test]
fn nobody_sees_a_secret_while_a_site_leaves_comes_back_and_gets_another_password() {
    let Some(stage) = alone() else { return };
    for engine in Engine::ALL {
        assert_nobody_sees_a_secret(&stage, engine);
    }
}

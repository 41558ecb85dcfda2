//! The vocabulary itself: servers start, answer, and end with their value or with the process.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::process::{Command, Stdio};
use std::time::Duration;

use support::database::{Database, Engine};
use support::fpm::{Fpm, Pool};
use support::http::Request;
use support::mariadb::MariaDb;
use support::need::{self, Need};
use support::nginx::{Nginx, Site};
use support::postgres::Postgres;
use support::redis::Redis;
use support::scratch::Scratch;
use support::{tenant, wait};

#[test]
fn both_engines_hold_the_tables_of_a_fresh_site() {
    for engine in Engine::ALL {
        let Some(database) = Database::shared(engine, "support_fresh_site") else { continue };
        tenant::fill(&database, "l'école d'été");
        assert_eq!(database.run("SELECT id, fullname FROM mdl_course"), "1\tl'école d'été\n");
        let sites = "SELECT value FROM mdl_config WHERE name = 'branch'";
        assert_eq!(database.run(sites), "405\n");
    }
}

#[test]
fn a_killed_mariadb_answers_nobody_and_comes_back_with_its_data() {
    let Some(mut server) = MariaDb::start() else { return };
    let database = server.database("support_restart");
    database.run("CREATE TABLE t (n INT); INSERT INTO t VALUES (7)");
    server.kill();
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.restart();
    assert_eq!(database.run("SELECT n FROM t"), "7\n");
}

#[test]
fn a_killed_postgresql_answers_nobody() {
    let Some(mut server) = Postgres::start() else { return };
    assert_eq!(server.database("support_killed").run("SELECT 1 + 1"), "2\n");
    server.kill();
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
}

#[test]
fn redis_keeps_what_it_is_given() {
    let Some(redis) = Redis::shared() else { return };
    redis.run(&["SET", "a", "b"]);
    assert_eq!(redis.run(&["GET", "a"]), "b\n");
}

#[test]
fn php_sees_the_host_as_the_client_sent_it() {
    let Some(()) = need::all(&[Need::Fpm, Need::Nginx]) else { return };
    let folder = Scratch::new("hello");
    let page = "<?php echo json_encode([$_SERVER['HTTP_HOST'] ?? null, $_SERVER['REQUEST_URI'], $_POST]);";
    std::fs::write(folder.join("index.php"), page).unwrap();
    let fpm = Fpm::start(&Pool { extension: false, workers: 2, ..Pool::default() });
    let nginx = Nginx::start(&[Site { root: folder.path().to_owned(), fpm: fpm.socket(), port: None }]);
    let address = nginx.address(0);

    let response = Request::new("GET", "ONE.example.org.:8080", "/school1?x=1").send(address);
    assert_eq!(response.json(), serde_json::json!(["ONE.example.org.:8080", "/school1?x=1", []]));
    let response = Request::new("POST", "x'or'1'='1", "/a/b.php").form(&[("a b", "c&d")]).send(address);
    assert_eq!(response.json(), serde_json::json!(["x'or'1'='1", "/a/b.php", {"a_b": "c&d"}]));
    assert_eq!(Request::without_host("GET", "/").send(address).status, 400);
    assert_eq!(fpm.workers().len(), 2);
}

#[test]
fn a_server_ends_with_the_process_that_started_it() {
    let Some(()) = need::all(&[Need::Redis]) else { return };
    // This very program once more, told to start a server and to be killed with it.
    if std::env::var_os("SUPPORT_VICTIM").is_some() {
        let redis = Redis::start().unwrap();
        println!("port {}", redis.port());
        wait::until(Duration::from_mins(10), "being killed", || false);
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["a_server_ends_with_the_process_that_started_it", "--nocapture"])
        .env("SUPPORT_VICTIM", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(victim.stdout.take().unwrap());
    let port = std::io::BufRead::lines(output)
        .map_while(Result::ok)
        .find_map(|line| line.rsplit_once("port ").map(|(_, port)| port.parse::<u16>().unwrap()))
        .expect("the victim tells its port");
    std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();
    wait::until(Duration::from_secs(10), "the orphan's end", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
    });
}

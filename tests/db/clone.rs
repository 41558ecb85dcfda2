//! Quiet copies on one server: the same rows, another owner.

use std::time::Duration;

use support::database::Engine;
use support::need::{self, Need};
use vmoodle_core::Kind;
use vmoodle_core::db::admin::{CloneOrder, Leftover, ServerAdmin};
use vmoodle_core::ident::{AccountName, DbName};
use vmoodle_core::secret::Secret;

use crate::admin::{account, beside, enter, lesser_admin, named, wait};
use crate::transfer::{assert_same, difficult, fill, own_database};
use crate::{Farm, farm, on_both_engines};

/// Who owns what in a PostgreSQL database, apart from what is the server's.
fn owners(farm: &Farm, database: &DbName) -> String {
    beside(farm, database).run(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace
         UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
         UNION SELECT pg_get_userbyid(typowner) FROM pg_type WHERE typnamespace = 'public'::regnamespace
         UNION SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database() ORDER BY 1",
    )
}

/// Makes an account of the administrator's, with a password.
fn own_account(admin: &ServerAdmin, name: &str) -> (AccountName, Secret) {
    let (user, password) = (account(name), Secret::random());
    wait(admin.create_account(&user, &password)).unwrap();
    (user, password)
}

on_both_engines! {
    fn a_clone_of_a_quiet_moodle_is_the_same_and_another_accounts(engine: Engine) {
        let Some(()) = need::all(&[Need::Dumps]) else { return };
        let Some(farm) = farm("clone_full", engine) else { return };
        let admin = ServerAdmin::of_control(&farm.control).unwrap();
        let (source, _) = own_database(&farm, "clone_full_a");
        fill(&farm, &source);
        // The next number of an emptied table, and of one whose last rows are gone, is no row's.
        beside(&farm, &source).run(match engine {
            Engine::MariaDb => "ALTER TABLE mdl_course AUTO_INCREMENT = 4711; ALTER TABLE mdl_log AUTO_INCREMENT = 4712",
            Engine::Postgres => "SELECT setval('mdl_course_id_seq', 4711)",
        });
        let (target, (user, password)) = (named(&farm, "b"), own_account(&admin, "clone_full_b"));
        let others = [("c", account("clone_full_a")), ("d", user.clone())].map(|(name, owner)| {
            wait(admin.create_database(&named(&farm, name))).unwrap();
            wait(admin.grant(&named(&farm, name), &owner)).unwrap();
            named(&farm, name)
        });
        wait(async {
            // As an upgrade of the site does: what it makes is its account's.
            let old = Secret::new("Hidden-clone_full_a");
            let mut db = enter(&farm, &source, &account("clone_full_a"), &old).await.unwrap();
            db.execute("CREATE TABLE {more} (id INT)", &[]).await.unwrap();
            db.execute("ALTER TABLE {course} ADD COLUMN more INT", &[]).await.unwrap();
            db.close().await;
        });
        let order = CloneOrder { source: &source, target: &target, account: &user, leftover: Leftover::Refuse };
        wait(admin.clone_quiet(&order)).unwrap();
        assert_same(&beside(&farm, &source), &beside(&farm, &target));
        wait(async {
            enter(&farm, &target, &user, &password).await.unwrap().close().await;
            enter(&farm, &source, &user, &password).await.unwrap_err();
            let old = Secret::new("Hidden-clone_full_a");
            enter(&farm, &source, &account("clone_full_a"), &old).await.unwrap().close().await;
            enter(&farm, &target, &account("clone_full_a"), &old).await.unwrap_err();
        });
        if engine == Engine::Postgres {
            assert_eq!(owners(&farm, &source), "clone_full_a\npg_database_owner\n");
            assert_eq!(owners(&farm, &target), "clone_full_b\npg_database_owner\n");
            let others = others.map(|other| owners(&farm, &other));
            assert_eq!(others, ["clone_full_a\n", "clone_full_b\n"], "what each has elsewhere is not handed over");
            let more = beside(&farm, &target).run("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'mdl_more'");
            assert_eq!(more, "pg_database_owner\n", "nothing is left that belongs to one account");
        }
        assert_eq!(wait(admin.clone_quiet(&order)).unwrap_err().kind(), Kind::NotEmpty);
    }

    fn a_login_that_is_no_superuser_clones_whatever_moodle_or_a_plugin_may_hold(engine: Engine) {
        let Some(farm) = farm("clone_less", engine) else { return };
        let admin = lesser_admin(&farm);
        let (source, target) = (named(&farm, "a"), named(&farm, "b"));
        let ((from, _), (to, password)) = (own_account(&admin, "clone_less_a"), own_account(&admin, "clone_less_b"));
        wait(admin.create_database(&source)).unwrap();
        difficult(&beside(&farm, &source));
        wait(ServerAdmin::of_control(&farm.control).unwrap().grant(&source, &from)).unwrap();
        let order = CloneOrder { source: &source, target: &target, account: &to, leftover: Leftover::Refuse };
        wait(admin.clone_quiet(&order)).unwrap();
        assert_same(&beside(&farm, &source), &beside(&farm, &target));
        if engine == Engine::Postgres {
            assert_eq!(owners(&farm, &source), "clone_less_a\npg_database_owner\n");
            assert_eq!(owners(&farm, &target), "clone_less_b\npg_database_owner\n");
        }
        wait(async {
            let mut db = enter(&farm, &target, &to, &password).await.unwrap();
            db.execute("CREATE TABLE {more} (id INT)", &[]).await.unwrap();
            db.close().await;
            // Of what the database's own owner has made too, while the administrator is no superuser.
            admin.grant(&target, &to).await.unwrap();
        });
        if engine == Engine::Postgres {
            let more = beside(&farm, &target).run("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'mdl_more'");
            assert_eq!((more.as_str(), owners(&farm, &target).as_str()), ("pg_database_owner\n", "clone_less_b\npg_database_owner\n"));
        }
    }

    fn a_target_that_is_half_made_is_made_again_only_for_its_owner(engine: Engine) {
        let Some(farm) = farm("clone_half", engine) else { return };
        let admin = ServerAdmin::of_control(&farm.control).unwrap();
        let ((source, _), target) = (own_database(&farm, "clone_half_a"), named(&farm, "b"));
        beside(&farm, &source).run("CREATE TABLE mdl_t (id INT); CREATE TABLE mdl_u (id INT); INSERT INTO mdl_u VALUES (7)");
        let (user, _) = own_account(&admin, "clone_half_b");
        wait(admin.create_database(&target)).unwrap();
        beside(&farm, &target).run("CREATE TABLE mdl_t (id INT); INSERT INTO mdl_t VALUES (1)");
        let order = |leftover| CloneOrder { source: &source, target: &target, account: &user, leftover };
        assert_eq!(wait(admin.clone_quiet(&order(Leftover::Refuse))).unwrap_err().kind(), Kind::NotEmpty);
        wait(admin.clone_quiet(&order(Leftover::Replace))).unwrap();
        assert_same(&beside(&farm, &source), &beside(&farm, &target));
        // Cut off wherever it happens to be.
        for milliseconds in [1, 5, 10, 20, 40, 60, 100] {
            let cut_off = Duration::from_millis(milliseconds);
            let _ = wait(async { tokio::time::timeout(cut_off, admin.clone_quiet(&order(Leftover::Replace))).await });
        }
        wait(async {
            // The server notes the end of a session that was cut off a moment later.
            while let Err(busy) = admin.clone_quiet(&order(Leftover::Replace)).await {
                assert!(busy.kind().is_retryable(), "{busy}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert_same(&beside(&farm, &source), &beside(&farm, &target));
        let onto_itself = CloneOrder { source: &source, target: &source, account: &user, leftover: Leftover::Replace };
        assert_eq!(wait(admin.clone_quiet(&onto_itself)).unwrap_err().kind(), Kind::BadParameter);
        assert!(wait(admin.database_exists(&source)).unwrap());
        let missing = named(&farm, "nowhere");
        let of_nothing = CloneOrder { source: &missing, ..order(Leftover::Replace) };
        assert_eq!(wait(admin.clone_quiet(&of_nothing)).unwrap_err().kind(), Kind::TransferFailed);
    }

    fn a_source_in_which_somebody_works_is_not_copied(engine: Engine) {
        let Some(farm) = farm("clone_busy", engine) else { return };
        let admin = ServerAdmin::of_control(&farm.control).unwrap();
        let ((source, _), target) = (own_database(&farm, "clone_busy_a"), named(&farm, "b"));
        let (user, _) = own_account(&admin, "clone_busy_b");
        let order = CloneOrder { source: &source, target: &target, account: &user, leftover: Leftover::Refuse };
        wait(async {
            let working = enter(&farm, &source, &account("clone_busy_a"), &Secret::new("Hidden-clone_busy_a")).await.unwrap();
            let refusal = admin.clone_quiet(&order).await.unwrap_err();
            assert!(refusal.kind() == Kind::DatabaseBusy && refusal.kind().is_retryable(), "{refusal}");
            assert!(!admin.database_exists(&target).await.unwrap());
            working.close().await;
        });
    }
}

#[test]
fn what_no_table_of_mariadb_holds_is_not_copied_in_silence() {
    let Some(farm) = farm("clone_view", Engine::MariaDb) else { return };
    let admin = ServerAdmin::of_control(&farm.control).unwrap();
    let ((source, _), target) = (own_database(&farm, "clone_view_a"), named(&farm, "b"));
    let (user, _) = own_account(&admin, "clone_view_b");
    beside(&farm, &source).run("CREATE TABLE mdl_t (id INT); CREATE VIEW mdl_v AS SELECT * FROM mdl_t");
    let order = CloneOrder { source: &source, target: &target, account: &user, leftover: Leftover::Refuse };
    assert_eq!(wait(admin.clone_quiet(&order)).unwrap_err().kind(), Kind::TransferFailed);
    assert_eq!(wait(admin.rename_database(&source, &target)).unwrap_err().kind(), Kind::TransferFailed);
    assert!(!wait(admin.database_exists(&target)).unwrap());
}

//! What the words of a statement tell without a tree of it: this holds where the tree says nothing, and beside it.

use std::collections::BTreeSet;

use super::Class;
use super::token::Sort;

type Words = [(Sort, String)];
type Needs = BTreeSet<&'static str>;

/// The class by the first words.
pub(super) fn class(words: &Words, mysql: bool, needs: &mut Needs) -> Class {
    let heads: Vec<&str> =
        words.iter().filter(|(sort, _)| *sort == Sort::Word).take(4).map(|(_, word)| word.as_str()).collect();
    let head = |at: usize| heads.get(at).copied().unwrap_or_default();
    let (class, code) = match head(0) {
        "select" | "with" | "values" | "table" | "show" | "explain" | "describe" | "desc" => (Class::Read, None),
        "insert" | "update" | "delete" | "replace" | "merge" => (Class::Write, None),
        "truncate" => (Class::Define, Some("truncate")),
        "create" | "alter" | "drop" | "rename" | "comment" | "reindex" | "optimize" | "analyze" | "analyse"
        | "repair" | "check" | "checksum" | "vacuum" | "cluster" | "refresh" => (Class::Define, None),
        "set" if matches!(head(1), "password" | "role" | "default" | "authorization") => (Class::Other, Some("rights")),
        "set" | "use" | "discard" | "deallocate" | "declare" | "fetch" | "move" | "close" | "listen" | "unlisten"
        | "notify" | "handler" => (Class::Other, Some("session")),
        "reset" => (Class::Other, Some(if mysql { "server" } else { "session" })),
        "begin" | "start" | "commit" | "rollback" | "end" | "abort" | "savepoint" | "release" | "xa" => {
            (Class::Other, Some("transaction"))
        }
        "lock" | "unlock" => (Class::Other, Some(if mysql { "transaction" } else { "locks" })),
        "prepare" if head(1) == "transaction" => (Class::Other, Some("transaction")),
        "call" | "do" | "execute" | "prepare" => (Class::Other, Some("code")),
        "grant" | "revoke" | "reassign" => (Class::Other, Some("rights")),
        "load" | "copy" | "import" => (Class::Other, Some("files")),
        "kill" | "shutdown" | "flush" | "purge" | "change" | "install" | "uninstall" | "binlog" | "cache"
        | "backup" | "checkpoint" | "security" | "stop" => (Class::Other, Some("server")),
        _ => (Class::Other, Some("unparsed")),
    };
    needs.extend(code);
    if class == Class::Define {
        define(&heads, words, needs);
    }
    class
}

fn define(heads: &[&str], words: &Words, needs: &mut Needs) {
    let has = |word: &str| words.iter().any(|(sort, known)| *sort == Sort::Word && known == word);
    if heads[0] == "drop"
        || heads[0] == "alter" && has("drop")
        || heads[0] == "create" && heads[1..].starts_with(&["or", "replace"])
    {
        needs.insert("drop");
    }
    if !matches!(heads[0], "create" | "alter" | "drop" | "rename") {
        return;
    }
    // What is made stands before its name; a few words may stand before it.
    for kind in words.iter().take(12).filter(|(sort, _)| *sort == Sort::Word).map(|(_, word)| word.as_str()).skip(1) {
        let code = match kind {
            "table" | "index" | "sequence" | "type" => break,
            "user" | "role" | "group" | "privileges" | "policy" => "rights",
            "database" | "schema" | "server" | "tablespace" | "extension" | "subscription" | "publication"
            | "system" | "foreign" | "logfile" | "instance" | "language" | "conversion" | "access" => "server",
            "function" | "procedure" | "trigger" | "event" | "package" | "rule" | "aggregate" | "operator" | "cast"
            | "routine" | "transform" => "code",
            _ => continue,
        };
        needs.insert(code);
    }
    if has("owner") {
        needs.insert("rights");
    }
    let follows = |first: &str, second: &str| words.windows(2).any(|two| two[0].1 == first && two[1].1 == second);
    let engine = ["connect", "federated", "federatedx", "spider", "s3", "csv", "oqgraph", "sphinx"];
    if ["data", "index"].iter().any(|first| follows(first, "directory"))
        || has("file_name")
        || has("engine") && engine.iter().any(|word| has(word))
        || has("connection")
    {
        needs.insert("files");
    }
}

/// What a person must allow whatever the statement is.
pub(super) fn danger(words: &Words, mysql: bool, needs: &mut Needs) {
    for (at, (sort, word)) in words.iter().enumerate() {
        let next = words.get(at + 1).map(|(_, word)| word.as_str()).unwrap_or_default();
        if !matches!(sort, Sort::Word | Sort::Name) {
            continue;
        }
        if next == "(" {
            needs.extend(if mysql { mariadb_function(word) } else { postgres_function(word) });
            needs.extend(either_function(word));
        }
        if *sort == Sort::Name {
            continue;
        }
        match (word.as_str(), next) {
            ("into", "outfile" | "dumpfile") if mysql => {
                needs.insert("files");
            }
            ("next" | "previous", "value") if mysql => {
                needs.insert("locks");
            }
            ("for", "update" | "share" | "no" | "key") | ("lock", "in") => {
                needs.insert("locks");
            }
            ("global", _) if words[0].1 == "set" => {
                needs.insert("server");
            }
            ("procedure", _) if words[0].1 == "select" => {
                needs.insert("code");
            }
            ("authorization", _) if matches!(words[0].1.as_str(), "set" | "reset") => {
                needs.insert("rights");
            }
            _ => {}
        }
    }
    if words.first().is_some_and(|(_, word)| word == "set") && words.iter().any(|(_, word)| word == "global") {
        needs.insert("server");
    }
}

/// The class of a statement that no tree was made of: the least that its words may mean.
pub(super) fn guess(words: &Words, class: Class, needs: &mut Needs) -> Class {
    let has = |word: &str| words.iter().any(|(sort, known)| *sort == Sort::Word && known == word);
    if !has("where") {
        for (word, code) in [("delete", "delete_all"), ("update", "update_all")] {
            if words.iter().any(|(sort, known)| *sort == Sort::Word && known == word) {
                needs.insert(code);
            }
        }
    }
    let changes = ["insert", "update", "delete", "replace", "merge", "into"].iter().any(|word| has(word));
    if class == Class::Read && changes { Class::Write } else { class }
}

/// The names that stand before a dot, and not behind one.
pub(super) fn qualifiers(words: &Words) -> impl Iterator<Item = &str> {
    let is_name = |sort: Sort| matches!(sort, Sort::Word | Sort::Name);
    words.iter().enumerate().filter_map(move |(at, (sort, word))| {
        let behind = at > 0 && words[at - 1].1 == ".";
        let before = words.get(at + 1).is_some_and(|(_, sign)| sign == ".");
        (is_name(*sort) && before && !behind).then_some(word.as_str())
    })
}

fn either_function(name: &str) -> Option<&'static str> {
    // Of sequences, which no transaction takes back.
    matches!(name, "nextval" | "setval").then_some("locks")
}

fn mariadb_function(name: &str) -> Option<&'static str> {
    match name {
        "load_file" => Some("files"),
        "get_lock" | "release_lock" | "release_all_locks" => Some("locks"),
        "sys_exec" | "sys_eval" | "sys_set" => Some("server"),
        _ => None,
    }
}

fn postgres_function(name: &str) -> Option<&'static str> {
    let begins = |heads: &[&str]| heads.iter().any(|head| name.starts_with(head));
    if begins(&["lo_", "pg_read_", "pg_ls_", "pg_file_", "pg_stat_file"]) || matches!(name, "lowrite" | "loread") {
        return Some("files");
    }
    if begins(&["pg_advisory_", "pg_try_advisory_"]) {
        return Some("locks");
    }
    if begins(&["dblink", "pg_logical_", "pg_replication_", "pg_stat_reset", "pg_wal_", "pg_backup_", "pg_log_"])
        || matches!(
            name,
            "pg_terminate_backend"
                | "pg_cancel_backend"
                | "pg_reload_conf"
                | "pg_rotate_logfile"
                | "pg_switch_wal"
                | "pg_create_restore_point"
                | "pg_promote"
                | "pg_notify"
                | "pg_import_system_collations"
                | "pg_create_physical_replication_slot"
                | "pg_create_logical_replication_slot"
                | "pg_drop_replication_slot"
                | "pg_copy_physical_replication_slot"
                | "pg_start_backup"
                | "pg_stop_backup"
        )
    {
        return Some("server");
    }
    // These run a text as SQL.
    let runs = begins(&["query_to_xml", "cursor_to_xml", "crosstab", "connectby"]);
    if runs || matches!(name, "ts_stat" | "ts_rewrite" | "xpath_table") {
        return Some("code");
    }
    (name == "set_config").then_some("session")
}

//! What of a cache is dropped where: an entry in a file or a hash, or the whole of a definition.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use super::definition::Definition;
use super::file;
use super::redis::{Pool, Server};
use super::settings::{Settings, Store};
use super::{Dropped, OnlyPhp};
use crate::error::Result;
use crate::moodle::stale::Stale;
use crate::warning::{Matter, Warning};

/// What is dropped on one site.
pub(super) struct Drop<'a> {
    pub(super) settings: &'a Settings,
    pub(super) siteidentifier: &'a str,
    /// What begins all keys of this tenant and of no other.
    pub(super) own: Option<&'a str>,
    pub(super) stale: &'a BTreeSet<Stale>,
}

/// What is dropped of a definition: the names of entries, or `None` for all.
type Part<'a> = (&'a Definition, Option<Vec<String>>);

/// The name of the list that holds the ages of a hash's entries (`cache/stores/redis/lib.php`, `TTL_SUFFIX`).
const TTL: &str = "_ttl";

/// How many entries one command deletes.
const PAGE: usize = 500;

impl Drop<'_> {
    /// The definitions concerned, each with the keys to drop; `None` where all of it is.
    fn wanted(&self) -> BTreeMap<&str, Option<BTreeSet<&str>>> {
        let mut wanted: BTreeMap<&str, Option<BTreeSet<&str>>> = BTreeMap::new();
        for stale in self.stale {
            match (&stale.key, stale.definition) {
                (_, Stale::EVERY) => {
                    for definition in self.settings.definitions() {
                        wanted.entry(&definition.id).or_default();
                    }
                }
                (None, id) => {
                    wanted.insert(id, None);
                }
                (Some(key), id) => {
                    if let Some(keys) = wanted.entry(id).or_insert_with(|| Some(BTreeSet::new())) {
                        keys.insert(key);
                    }
                }
            }
        }
        wanted
    }

    /// Keys that are known of a definition that as a whole is dropped: those that were named beside it.
    fn named(&self, id: &str) -> impl Iterator<Item = &str> {
        self.stale.iter().filter(move |stale| stale.definition == id).filter_map(|stale| stale.key.as_deref())
    }

    /// What is stale in stores that only PHP can reach.
    pub(super) fn unreachable(&self) -> Dropped {
        let mut found: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
        for id in self.wanted().keys() {
            for store in self.settings.stores_of(id).filter(|store| !is_reached(store)) {
                found.entry((&store.name, &store.plugin)).or_default().insert((*id).to_owned());
            }
        }
        let mut dropped = Dropped::default();
        let is_all = self.stale.iter().any(|stale| stale.definition == Stale::EVERY);
        for ((name, plugin), definitions) in found {
            let store = format!("the cache store `{name}` ({plugin})");
            if plugin == "apcu" {
                let told = format!(
                    "{store} lives in the web server's own processes, which no script reaches: purge the caches on the \
                     site's own page, or restart its PHP"
                );
                dropped.warnings.push(Warning::new(Matter::CacheInProcesses, told));
                continue;
            }
            let definitions = if is_all { BTreeSet::from([Stale::EVERY.to_owned()]) } else { definitions };
            dropped.by_php.push(OnlyPhp { store, definitions });
        }
        dropped
    }

    /// Drops what is in files.
    pub(super) fn files(&self, cachedir: &Path) -> io::Result<()> {
        for (id, keys) in self.wanted() {
            for store in self.settings.stores_of(id).filter(|store| store.plugin == "file") {
                let place = file::place(store, cachedir);
                let entries = keys.as_ref().and_then(|keys| self.entries(id, keys));
                match entries {
                    None => file::drop_all(&place, id)?,
                    Some(entries) => {
                        entries.iter().try_for_each(|entry| file::drop_entry(store, &place, id, entry))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The names of entries; `None` where they cannot be known.
    fn entries(&self, id: &str, keys: &BTreeSet<&str>) -> Option<Vec<String>> {
        let definition = self.settings.definition(id)?;
        keys.iter().map(|key| definition.entry(key, self.siteidentifier)).collect()
    }

    /// Drops what is in Redis; gives sentences about what had to stay.
    pub(super) async fn redis(&self, pool: &Pool) -> Result<BTreeSet<String>> {
        let mut stores: BTreeMap<&str, (&Store, Vec<Part<'_>>)> = BTreeMap::new();
        for (id, keys) in self.wanted() {
            let Some(definition) = self.settings.definition(id) else { continue };
            let entries = keys.as_ref().and_then(|keys| self.entries(id, keys));
            for store in self.settings.stores_of(id).filter(|store| store.plugin == "redis") {
                stores.entry(&store.name).or_insert_with(|| (store, Vec::new())).1.push((definition, entries.clone()));
            }
        }
        let mut said = BTreeSet::new();
        for (store, parts) in stores.values() {
            if let Some(server) = Server::of_store(store) {
                said.extend(self.one_store(pool, &server, store, parts).await?);
            }
        }
        Ok(said)
    }

    async fn one_store(
        &self,
        pool: &Pool,
        server: &Server,
        store: &Store,
        parts: &[Part<'_>],
    ) -> Result<Option<String>> {
        let begins = store.text("prefix");
        let name = |definition: &Definition| format!("{begins}{}", definition.hash());
        let mut commands = ::redis::pipe();
        for (definition, entries) in parts {
            if let Some(entries) = entries {
                delete(&mut commands, &name(definition), definition, entries);
            }
        }
        let whole: Vec<&Definition> =
            parts.iter().filter(|(_, entries)| entries.is_none()).map(|(definition, _)| *definition).collect();
        let mut said = None;
        if whole.is_empty() {
            // Entries carry the site's identifier, so they are nobody else's.
        } else if self.own.is_some_and(|own| begins.starts_with(own)) {
            for definition in &whole {
                unlink(&mut commands, &name(definition));
            }
        } else {
            said = self.told_apart(pool, server, &whole, &name, &mut commands).await?;
        }
        if commands.cmd_iter().next().is_some() {
            pool.send::<()>(server, &commands).await?;
        }
        Ok(said.map(|()| {
            format!(
                "other sites may keep entries in the Redis store `{}` under the same prefix: some of this site's stay \
                 there until they are overwritten; give the store a prefix of its own",
                store.name
            )
        }))
    }

    /// Deletes whole definitions where other sites may use the same prefix: of simple keys those that end as this site's
    /// do; of others all, where the first kind shows nobody else, else the keys that are known. Gives whether some stay.
    async fn told_apart(
        &self,
        pool: &Pool,
        server: &Server,
        whole: &[&Definition],
        name: &impl Fn(&Definition) -> String,
        commands: &mut ::redis::Pipeline,
    ) -> Result<Option<()>> {
        let (simple, hashed): (Vec<&Definition>, Vec<&Definition>) =
            whole.iter().copied().partition(|definition| definition.simple);
        let mut asked = ::redis::pipe();
        for definition in &simple {
            asked.cmd("HKEYS").arg(name(definition));
        }
        let found: Vec<Vec<String>> = if simple.is_empty() { Vec::new() } else { pool.send(server, &asked).await? };
        let (mut own, mut foreign) = (false, false);
        for (definition, names) in simple.iter().zip(found) {
            let Some(prefix) = definition.prefix(self.siteidentifier) else { continue };
            let (ours, others): (Vec<String>, Vec<String>) = names
                .into_iter()
                .partition(|entry| entry.strip_suffix(prefix.as_str()).is_some_and(|key| key.ends_with('-')));
            own |= !ours.is_empty();
            foreign |= !others.is_empty();
            if others.is_empty() {
                unlink(commands, &name(definition));
            } else {
                delete(commands, &name(definition), definition, &ours);
            }
        }
        if own && !foreign {
            for definition in hashed {
                unlink(commands, &name(definition));
            }
            return Ok(None);
        }
        if hashed.is_empty() {
            return Ok(None);
        }
        let mut asked = ::redis::pipe();
        for definition in &hashed {
            asked.cmd("HLEN").arg(name(definition));
        }
        let lengths: Vec<usize> = pool.send(server, &asked).await?;
        let mut stays = None;
        for (definition, length) in hashed.into_iter().zip(lengths) {
            let known: BTreeSet<&str> = self.named(&definition.id).collect();
            let entries = self.entries(&definition.id, &known).unwrap_or_default();
            delete(commands, &name(definition), definition, &entries);
            stays = stays.or((length > 0).then_some(()));
        }
        Ok(stays)
    }
}

fn is_reached(store: &Store) -> bool {
    match store.plugin.as_str() {
        "file" => true,
        "redis" => Server::of_store(store).is_some(),
        _ => false,
    }
}

fn delete(commands: &mut ::redis::Pipeline, hash: &str, definition: &Definition, entries: &[String]) {
    for page in entries.chunks(PAGE) {
        commands.cmd("HDEL").arg(hash).arg(page).ignore();
        if definition.ttl {
            // PHP's client writes its names as values, serialised where the store has a serialiser; what stays in the list
            // is found missing by Moodle's own clean-up.
            let serialised = page.iter().map(|name| format!("s:{}:\"{name}\";", name.len()));
            let members: Vec<String> = page.iter().cloned().chain(serialised).collect();
            commands.cmd("ZREM").arg(format!("{hash}{TTL}")).arg(members).ignore();
        }
    }
}

/// Deletes beside the server's own work (`UNLINK`): a hash of strings may be large.
fn unlink(commands: &mut ::redis::Pipeline, hash: &str) {
    commands.cmd("UNLINK").arg(hash).arg(format!("{hash}{TTL}")).ignore();
}

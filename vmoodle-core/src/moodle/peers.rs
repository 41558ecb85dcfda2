//! A site's own MNET row, and its peers': `{mnet_host}`.

use std::collections::BTreeMap;

use super::config;
use super::forget::{FORGET_PEERS, add, forget};
use crate::db::{Db, Fault, Row};
use crate::host::SiteAddress;

/// The site's own row, which `mnet_localhost_id` names (lib/db/install.php); `None` where it is not there.
pub async fn own_row(db: &mut Db) -> Result<Option<Row>, Fault> {
    let Some(id) = config::value(db, "mnet_localhost_id").await?.and_then(|id| id.trim().parse::<i64>().ok()) else {
        return Ok(None);
    };
    db.fetch_one("SELECT id, wwwroot, name FROM {mnet_host} WHERE id = ?", &[id.into()]).await
}

/// Gives the site's own row another address and name, and takes its key away: Moodle makes a new pair, and finds out its
/// network address, when the key is asked for and MNET is on (mnet/environment.php, `get_keypair` and `replace_keys`).
///
/// The pair itself stands in `config_plugins`, and is forgotten there.
pub async fn rename_own(db: &mut Db, id: i64, address: &SiteAddress, name: &str) -> Result<u64, Fault> {
    let name: String = name.chars().take(80).collect();
    let update = "UPDATE {mnet_host} SET wwwroot = ?, name = ?, ip_address = 'UNKNOWN', public_key = '',
        public_key_expires = 0, deleted = 0, last_connect_time = 0, last_log_id = 0 WHERE id = ?";
    db.execute(update, &[address.to_string().into(), name.into(), id.into()]).await
}

/// Drops the peers of a copied site, which do not know the copy, with all that was agreed with them.
///
/// A peer from which users have come stays as a deleted one, without its key, so that their accounts still name where
/// they are from: that is what Moodle's own `mnet_peer::delete` leaves (mnet/peer.php). The row of "all hosts" stays.
pub async fn drop_peers(db: &mut Db, own: i64, counts: &mut BTreeMap<String, u64>) -> Result<(), Fault> {
    forget(db, FORGET_PEERS, counts).await?;
    let delete = "DELETE FROM {mnet_host} WHERE wwwroot <> '' AND id <> ?
        AND id NOT IN (SELECT mnethostid FROM {user} WHERE deleted = 0)";
    add(counts, "mnet_host", db.execute(delete, &[own.into()]).await?);
    let retire = "UPDATE {mnet_host} SET deleted = 1, public_key = '', public_key_expires = 0
        WHERE wwwroot <> '' AND id <> ? AND (deleted <> 1 OR public_key_expires <> 0)";
    add(counts, "mnet_host", db.execute(retire, &[own.into()]).await?);
    Ok(())
}

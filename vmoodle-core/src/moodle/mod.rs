//! What Moodle's tables and files mean: the one room that knows.
//!
//! Everything here works on one site's database and dataroot and leaves behind what Moodle's own API would. Each fact
//! names the place in Moodle 4.5 that it was read in.
//!
//! ```text
//! identity ── a copy becomes a site of its own: address, keys, secrets, administrator
//!   config  site  users  forget  peers ── rows      wwwroot  address ── addresses in contents
//! contents ── texts searched and replaced, in serialized values too
//! plugins ── which of them are on
//! caches ── files and revisions     version  status  tasks  code ── what a site and a code base say of themselves
//! courses ── which courses and categories there are
//! roles ── what each may do, compared and changed
//! records ── whole rows, put in place by a key      table_copy  stored_files  language_pack ── what is brought from another site
//! statements ── a script that a person wrote, on one site
//! ```
// `pub` for the tests at the boundary only, by the feature `testing`.
#![cfg_attr(not(feature = "testing"), allow(unreachable_pub))]

pub mod account;
pub mod address;
pub mod caches;
pub mod code;
pub mod config;
pub mod config_matrix;
pub mod contents;
pub mod courses;
pub mod forget;
pub mod identity;
pub mod language;
pub mod language_pack;
pub mod maintenance;
pub mod majority;
pub mod peers;
pub mod plugins;
pub mod random;
pub mod records;
pub mod roles;
pub mod rsa_key;
pub mod serialized;
pub mod session;
pub mod setting;
pub mod site;
pub mod stale;
pub mod statements;
pub mod status;
pub mod stored_files;
pub mod table_copy;
pub mod tasks;
pub mod users;
pub mod version;
pub mod wwwroot;

//! From a tenant to assignments on `$CFG`, in the order in which they are made. Pure: reads no file, opens no socket.

use crate::host::Scheme;
use crate::index::{Record, SettingRef};

macro_rules! names {
    ($($variant:ident = $text:literal,)*) => {
        /// The names that boot itself sets or reads in `$CFG`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Name { $($variant,)* }

        impl Name {
            /// Every name, in the order of their numbers.
            pub const ALL: &'static [&'static str] = &[$($text),*];
        }
    };
}

names! {
    Dbtype = "dbtype", Dblibrary = "dblibrary", Dbhost = "dbhost", Dbname = "dbname", Dbuser = "dbuser",
    Dbpass = "dbpass", Prefix = "prefix", Dboptions = "dboptions", Wwwroot = "wwwroot", Dataroot = "dataroot",
    SessionRedisPrefix = "session_redis_prefix", SessionMemcachedPrefix = "session_memcached_prefix",
    Sessioncookie = "sessioncookie", Preventexecpath = "preventexecpath",
    Disableupdateautodeploy = "disableupdateautodeploy", Uninstallclionly = "uninstallclionly",
    Cachedir = "cachedir", Localcachedir = "localcachedir", Localrequestdir = "localrequestdir", Tempdir = "tempdir",
    Backuptempdir = "backuptempdir", Filedir = "filedir", Trashdir = "trashdir", LockFileRoot = "lock_file_root",
    SessionFileSavePath = "session_file_save_path", Altcacheconfigpath = "altcacheconfigpath", Sslproxy = "sslproxy",
    AlternativeComponentCache = "alternative_component_cache", Mainwwwroot = "mainwwwroot",
    Vmoodleroot = "vmoodleroot", Vmoodlename = "vmoodlename", Vhost = "vhost",
}

impl Name {
    /// The name in `$CFG`.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize]
    }
}

/// Folders that the control site may have moved out of its dataroot. Shared by tenants, they would mix their files, so
/// each tenant gets a folder of its own below (config-dist.php, sections 7 and 9).
const FOLDERS: [Name; 9] = [
    Name::Cachedir,
    Name::Localcachedir,
    Name::Localrequestdir,
    Name::Tempdir,
    Name::Backuptempdir,
    Name::Filedir,
    Name::Trashdir,
    Name::LockFileRoot,
    Name::SessionFileSavePath,
];

/// The `$CFG` that assignments are made on.
pub trait Config {
    /// A text that config.php set, where it is neither missing nor empty.
    fn text(&self, name: Name) -> Option<String>;
    /// Says whose the values are that are set from now on, and from which index: another number is another one
    /// ([`crate::index::Reader::loads`]).
    fn becomes(&mut self, tenant: Record<'_>, loads: u64);
    /// Sets one of boot's own.
    fn set(&mut self, name: Name, value: SettingRef<'_>);
    /// Sets what an override or a policy names.
    fn set_named(&mut self, name: &str, value: SettingRef<'_>);
    /// Takes away.
    fn unset(&mut self, name: Name);
}

/// What a switch needs to know beside the tenant.
pub(crate) struct Switch<'a> {
    pub(crate) control_wwwroot: &'a str,
    pub(crate) dbuser: &'a str,
    pub(crate) dbpass: &'a str,
    pub(crate) components: Option<&'a str>,
    pub(crate) command_line: bool,
}

impl Switch<'_> {
    /// Makes `cfg` the tenant's.
    pub(crate) fn to_tenant(&self, tenant: Record<'_>, cfg: &mut impl Config) {
        use SettingRef::{Bool, Map, Text};
        let wwwroot = tenant.wwwroot();
        cfg.set(Name::Dbtype, Text(tenant.dbtype()));
        cfg.set(Name::Dblibrary, Text("native"));
        cfg.set(Name::Dbhost, Text(tenant.dbhost()));
        cfg.set(Name::Dbname, Text(tenant.dbname()));
        cfg.set(Name::Dbuser, Text(self.dbuser));
        cfg.set(Name::Dbpass, Text(self.dbpass));
        cfg.set(Name::Prefix, Text(tenant.prefix()));
        cfg.set(Name::Dboptions, Map(tenant.dboptions()));
        cfg.set(Name::Wwwroot, Text(wwwroot));
        cfg.set(Name::Dataroot, Text(tenant.dataroot()));

        let prefix = tenant.own_prefix();
        let word = prefix.trim_end_matches('_');
        cfg.set(Name::SessionRedisPrefix, Text(prefix));
        cfg.set(Name::SessionMemcachedPrefix, Text(prefix));
        cfg.set(Name::Sessioncookie, Text(word));
        for folder in FOLDERS {
            if let Some(shared) = cfg.text(folder) {
                let own = format!("{}/{word}", shared.trim_end_matches('/'));
                cfg.set(folder, Text(&own));
            }
        }
        // The file holds one site identifier and one set of stores: shared, tenants would read each other's caches
        // (cache/classes/config.php). Without it each has its own in its dataroot.
        if cfg.text(Name::Altcacheconfigpath).is_some() {
            cfg.unset(Name::Altcacheconfigpath);
        }
        // Moodle refuses an http address behind `sslproxy` (lib/setuplib.php, initialise_fullme).
        if wwwroot.starts_with("http://") {
            cfg.set(Name::Sslproxy, Bool(false));
        }
        cfg.set(Name::Preventexecpath, Bool(true));
        cfg.set(Name::Disableupdateautodeploy, Bool(true));
        cfg.set(Name::Uninstallclionly, Bool(true));
        for (name, value) in tenant.settings() {
            cfg.set_named(name, value);
        }
        self.outputs(wwwroot, cfg);
    }

    /// Leaves `cfg` the control site's, with what is common to all sites of the farm.
    pub(crate) fn to_control(&self, cfg: &mut impl Config) {
        self.outputs(self.control_wwwroot, cfg);
    }

    /// The variables the original set, for code that reads them, and the shared component cache.
    fn outputs(&self, wwwroot: &str, cfg: &mut impl Config) {
        use SettingRef::Text;
        let name = [Scheme::Https, Scheme::Http]
            .iter()
            .find_map(|scheme| wwwroot.strip_prefix(scheme.word())?.strip_prefix("://"))
            .unwrap_or(wwwroot);
        cfg.set(Name::Mainwwwroot, Text(self.control_wwwroot));
        cfg.set(Name::Vmoodleroot, Text(wwwroot));
        cfg.set(Name::Vmoodlename, Text(name));
        if self.command_line {
            cfg.set(Name::Vhost, Text(name.split('.').next().unwrap_or(name)));
        }
        if let Some(path) = self.components {
            cfg.set(Name::AlternativeComponentCache, Text(path));
        }
    }
}

//! The values that a switch to a tenant sets, kept from one request to the next.

use ext_php_rs::types::Zval;
use std::mem::ManuallyDrop;
use vmoodle_core::index::{Record, SettingMap};
use vmoodle_core::switch::Name;
use vmoodle_core::tenant::TenantId;

use crate::memory::{Memory, OfProcess};
use crate::shape;

/// For how many tenants of a farm a worker keeps values.
const TENANTS_KEPT: usize = 128;

/// The tenants of one farm whose values are kept, each in the place that its number says.
#[derive(Default)]
pub(crate) struct Kept(Vec<Option<Box<Values>>>);

/// A tenant's values, all made from one index.
pub(crate) struct Values {
    tenant: TenantId,
    /// [`vmoodle_core::gate::Gate::boot`] says it: another number is another index.
    loads: u64,
    texts: [Option<Slot>; Name::ALL.len()],
    dboptions: Option<Slot>,
    facts: Option<Slot>,
    memory: OfProcess,
}

/// A value that belongs to the memory beside it.
type Slot = ManuallyDrop<Zval>;

impl Kept {
    /// The tenant's values as this index has them; `None` where this request took values of another from their place.
    pub(crate) fn of(&mut self, tenant: TenantId, loads: u64) -> Option<&mut Values> {
        if self.0.is_empty() {
            self.0.resize_with(TENANTS_KEPT, || None);
        }
        let place = &mut self.0[tenant.0 as usize % TENANTS_KEPT];
        match place {
            Some(values) if values.tenant == tenant && values.loads == loads => values.memory.lend(),
            Some(values) if values.memory.is_lent() => return None,
            _ => *place = Some(Box::new(Values::new(tenant, loads))),
        }
        place.as_deref_mut()
    }
}

impl Values {
    fn new(tenant: TenantId, loads: u64) -> Self {
        let (texts, memory) = ([const { None }; Name::ALL.len()], OfProcess::new());
        Self { tenant, loads, texts, dboptions: None, facts: None, memory }
    }

    /// The text of a name that [`is_same`] holds for.
    pub(crate) fn text(&mut self, name: Name, text: &str) -> Zval {
        given(&mut self.texts[name as usize], || self.memory.text(text))
    }

    /// The options of its database.
    pub(crate) fn dboptions(&mut self, options: SettingMap<'_>) -> Zval {
        given(&mut self.dboptions, || shape::settings(options, &mut self.memory))
    }

    /// Its public facts.
    pub(crate) fn facts(&mut self, tenant: Record<'_>) -> Zval {
        given(&mut self.facts, || shape::facts(tenant, &mut self.memory))
    }
}

fn given(slot: &mut Option<Slot>, make: impl FnOnce() -> Zval) -> Zval {
    slot.get_or_insert_with(|| ManuallyDrop::new(make())).shallow_clone()
}

/// Whether a text depends on the farm, the tenant and the index alone; a folder depends on `$CFG`.
pub(crate) fn is_same(name: Name) -> bool {
    matches!(
        name,
        Name::Dbhost
            | Name::Dbname
            | Name::Dbuser
            | Name::Dbpass
            | Name::Prefix
            | Name::Wwwroot
            | Name::Dataroot
            | Name::SessionRedisPrefix
            | Name::SessionMemcachedPrefix
            | Name::Sessioncookie
            | Name::AlternativeComponentCache
            | Name::Mainwwwroot
            | Name::Vmoodleroot
            | Name::Vmoodlename
            | Name::Vhost
    )
}

//! What one tenant shall have: the blocks that mean it, one laid over the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Block, Fault, From, Mode};
use crate::moodle::plugins::State;
use crate::moodle::roles::Sheet;
use crate::moodle::setting::Setting;
use crate::tenant::Tenant;

/// What a tenant shall have. Settings may be secrets, so it prints nothing.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Want {
    /// Settings.
    pub(crate) config: BTreeMap<Setting, Value>,
    /// Plugins by full name.
    pub(crate) plugins: BTreeMap<String, State>,
    /// Roles by short name.
    pub(crate) roles: BTreeMap<String, Sheet>,
    /// The mode of maintenance.
    pub(crate) maintenance: Option<Mode>,
}

/// Something that a later block says otherwise than an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Overlap {
    /// What: `theme`, `mod_chat`, `role tutor`, `maintenance`.
    pub(crate) what: String,
    /// The block that wins.
    pub(crate) block: String,
    /// The block that it wins over.
    pub(crate) over: String,
}

/// Where the parts come from.
#[derive(Default)]
struct Laying<'b> {
    want: Want,
    by: BTreeMap<String, &'b str>,
    overlaps: BTreeSet<Overlap>,
}

impl Want {
    /// What the blocks with these numbers make together, and where they differ. `kept` are the sheets that they name.
    ///
    /// Fails where a block names a sheet that is not kept.
    pub(crate) fn of(
        blocks: &[Block],
        numbers: &[usize],
        kept: &BTreeMap<String, Sheet>,
    ) -> Result<(Self, BTreeSet<Overlap>), Fault> {
        let mut laying = Laying::default();
        for block in numbers.iter().filter_map(|number| blocks.get(*number)) {
            laying.block(block, kept)?;
        }
        Ok((laying.want, laying.overlaps))
    }
}

/// The numbers of the blocks that mean a tenant.
pub(crate) fn of_tenant(blocks: &[Block], tenant: &Tenant) -> Vec<usize> {
    (0..blocks.len()).filter(|number| blocks[*number].targets.mean(tenant)).collect()
}

impl<'b> Laying<'b> {
    fn block(&mut self, block: &'b Block, kept: &BTreeMap<String, Sheet>) -> Result<(), Fault> {
        for (setting, value) in &block.config {
            let old = self.want.config.insert(setting.clone(), value.clone());
            self.note(setting.to_string(), &block.name, old.is_some_and(|old| old != *value));
        }
        for (plugin, state) in &block.plugins {
            let old = self.want.plugins.insert(plugin.clone(), *state);
            self.note(plugin.clone(), &block.name, old.is_some_and(|old| old != *state));
        }
        for (name, role) in &block.roles {
            let mut sheet = match &role.from {
                From::Nothing => Sheet::default(),
                From::Preset(sheet) => (**sheet).clone(),
                From::Kept(sheet) => kept.get(sheet).cloned().ok_or_else(|| Fault {
                    line: role.line,
                    message: format!("no role sheet has the name `{}`", crate::host::escape(sheet)),
                })?,
            };
            name.clone_into(&mut sheet.shortname);
            sheet.permissions.extend(role.capabilities.iter().map(|(name, may)| (name.clone(), *may)));
            let old = self.want.roles.get(name).cloned();
            let differs = match &old {
                None => false,
                Some(old) => old.contradicts(&sheet),
            };
            let mut whole = old.unwrap_or_default();
            whole.lay_over(sheet);
            self.want.roles.insert(name.clone(), whole);
            self.note(format!("role {name}"), &block.name, differs);
        }
        if let Some(mode) = block.maintenance {
            let old = self.want.maintenance.replace(mode);
            self.note("maintenance".to_owned(), &block.name, old.is_some_and(|old| old != mode));
        }
        Ok(())
    }

    fn note(&mut self, what: String, block: &'b str, differs: bool) {
        let before = self.by.insert(what.clone(), block);
        if let Some(over) = before.filter(|_| differs) {
            self.overlaps.insert(Overlap { what, block: block.to_owned(), over: over.to_owned() });
        }
    }
}

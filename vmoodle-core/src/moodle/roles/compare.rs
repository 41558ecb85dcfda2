//! Roles of many sites side by side: what most say, and who says otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Roles, component_of};

/// Which roles and capabilities are compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The roles by short name; all where there are none.
    pub roles: Vec<String>,
    /// The capabilities of this component only, and nothing else of the roles: `mod_forum`, `core`.
    pub component: Option<String>,
    /// Only what differs.
    pub differences: bool,
}

/// Sites by number, one after the other; a value is kept with the sites that have it.
#[derive(Debug, Default)]
pub struct Comparison {
    sites: Vec<u32>,
    /// Sites that say the same in everything, which most of a farm do: what they say is looked at once for all of them.
    alike: HashMap<Roles, Vec<u32>>,
    roles: BTreeMap<String, OneRole>,
}

/// What is known of one role.
#[derive(Debug, Default)]
struct OneRole {
    present: BTreeSet<u32>,
    parts: BTreeMap<(&'static str, String), BTreeMap<String, Vec<u32>>>,
}

/// A line of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `capability`, `contextlevel`, `assign`, `override`, `switch`, `view`, `name`, `description` or `archetype`.
    pub part: &'static str,
    /// The capability, level or other role; empty for the role's own texts.
    pub name: String,
    /// The capability's component; empty for everything else.
    pub component: String,
    /// What most sites say: a permission, `yes` or `no`, or a text.
    pub majority: String,
    /// How many sites say what. `missing`: the role is there, the capability is not.
    pub counts: BTreeMap<String, usize>,
    /// The sites that say otherwise, with what they say.
    pub odd: BTreeMap<u32, String>,
}

/// Of values that as many sites have, the first of these counts.
const ORDER: [&str; 6] = ["allow", "inherit", "prevent", "prohibit", "yes", "no"];

/// How many different sites are kept at once: each takes some hundred kilobytes.
const KEPT: usize = 64;

/// What a site says of a capability that it does not know.
const MISSING: &str = "missing";

impl Comparison {
    /// Adds a site under its number.
    pub fn add(&mut self, number: u32, site: Roles, wanted: &Wanted) {
        self.sites.push(number);
        self.alike.entry(without_ids(site)).or_default().push(number);
        if self.alike.len() >= KEPT {
            self.note_alike(wanted);
        }
    }

    fn note_alike(&mut self, wanted: &Wanted) {
        for (site, numbers) in std::mem::take(&mut self.alike) {
            self.note(&numbers, &site, wanted);
        }
    }

    /// Notes what several sites say alike.
    fn note(&mut self, numbers: &[u32], site: &Roles, wanted: &Wanted) {
        for (name, role) in &site.roles {
            if !wanted.roles.is_empty() && !wanted.roles.contains(name) {
                continue;
            }
            let one = self.roles.entry(name.clone()).or_default();
            one.present.extend(numbers);
            let mut say = |part, name: &str, value: &str| {
                let values = one.parts.entry((part, name.to_owned())).or_default();
                values.entry(value.to_owned()).or_default().extend(numbers);
            };
            for capability in &site.capabilities {
                if wanted.component.as_ref().is_none_or(|component| component_of(capability) == *component) {
                    say("capability", capability, role.permission(capability).word());
                }
            }
            if wanted.component.is_some() {
                continue;
            }
            say("name", "", &role.name);
            say("description", "", &role.description);
            say("archetype", "", &role.archetype);
            for level in &role.contextlevels {
                say("contextlevel", &level.to_string(), "yes");
            }
            for (allow, others) in &role.allows {
                for other in others {
                    say(allow.word(), other, "yes");
                }
            }
        }
    }

    /// The roles: each with the sites that lack it, and its lines. Roles that were asked for and are nowhere are there too.
    pub fn into_rows(mut self, wanted: &Wanted) -> BTreeMap<String, (Vec<u32>, Vec<Row>)> {
        self.note_alike(wanted);
        for name in &wanted.roles {
            self.roles.entry(name.clone()).or_default();
        }
        let mut sites = self.sites;
        sites.sort_unstable();
        let mut rows = BTreeMap::new();
        for (name, role) in self.roles {
            let missing: Vec<u32> = sites.iter().copied().filter(|site| !role.present.contains(site)).collect();
            let lines = role.parts.into_iter().map(|((part, name), values)| line(part, name, values, &role.present));
            let lines: Vec<Row> = lines.filter(|row| !wanted.differences || !row.odd.is_empty()).collect();
            if !wanted.differences || !lines.is_empty() || !missing.is_empty() {
                rows.insert(name, (missing, lines));
            }
        }
        rows
    }
}

/// A site as it is compared: ids differ from site to site and mean nothing.
fn without_ids(mut site: Roles) -> Roles {
    site.system = 0;
    site.roles.values_mut().for_each(|role| role.id = 0);
    site
}

fn line(part: &'static str, name: String, mut values: BTreeMap<String, Vec<u32>>, present: &BTreeSet<u32>) -> Row {
    let said: usize = values.values().map(Vec::len).sum();
    if said < present.len() {
        // Who says nothing of a level or another role says no; who says nothing of a capability does not know it.
        let silent = if part == "capability" { MISSING } else { "no" };
        let speaks: BTreeSet<u32> = values.values().flatten().copied().collect();
        values.insert(silent.to_owned(), present.difference(&speaks).copied().collect());
    }
    let rank = |value: &str| ORDER.iter().position(|word| *word == value).unwrap_or(ORDER.len());
    let known = values.iter().filter(|(value, _)| part != "capability" || *value != MISSING);
    let majority = known.max_by_key(|(value, sites)| (sites.len(), usize::MAX - rank(value)));
    let majority = majority.map(|(value, _)| value.clone()).unwrap_or_default();
    let counts = values.iter().map(|(value, sites)| (value.clone(), sites.len())).collect();
    let others = values.into_iter().filter(|(value, _)| *value != majority);
    let odd = others.flat_map(|(value, sites)| sites.into_iter().map(move |site| (site, value.clone()))).collect();
    let component = if part == "capability" { component_of(&name) } else { String::new() };
    Row { part, name, component, majority, counts, odd }
}

#[cfg(test)]
mod tests {
    use super::super::{Allow, Permission, Role};
    use super::*;

    fn site(permission: Permission, level: i64) -> Roles {
        let role = Role {
            id: 5,
            permissions: [("mod/forum:post".to_owned(), permission)].into(),
            contextlevels: [level].into(),
            allows: [(Allow::View, vec!["guest".to_owned()])].into(),
            ..Role::default()
        };
        Roles {
            system: 1,
            roles: [("student".to_owned(), role)].into(),
            capabilities: ["mod/forum:post".to_owned()].into(),
        }
    }

    #[test]
    fn what_most_sites_say_counts_and_who_says_otherwise_is_named() {
        let mut comparison = Comparison::default();
        let wanted = Wanted { differences: true, ..Wanted::default() };
        comparison.add(0, site(Permission::Allow, 50), &wanted);
        comparison.add(1, site(Permission::Prohibit, 50), &wanted);
        comparison.add(2, site(Permission::Allow, 70), &wanted);
        comparison.add(3, Roles { capabilities: BTreeSet::new(), ..site(Permission::Allow, 50) }, &wanted);
        comparison.add(4, Roles::default(), &wanted);
        let rows = comparison.into_rows(&wanted);
        let (missing, lines) = &rows["student"];
        assert_eq!(missing, &[4]);
        let forum = lines.iter().find(|row| row.part == "capability").unwrap();
        assert_eq!((forum.majority.as_str(), forum.component.as_str()), ("allow", "mod_forum"));
        assert_eq!(forum.odd, [(1, "prohibit".to_owned()), (3, MISSING.to_owned())].into());
        assert_eq!(forum.counts["allow"], 2);
        let levels: Vec<_> = lines.iter().filter(|row| row.part == "contextlevel").map(|row| &row.odd).collect();
        assert_eq!(levels, [&[(2, "no".to_owned())].into(), &[(2, "yes".to_owned())].into()]);
        assert_eq!(lines.len(), 3, "what is the same everywhere is no difference: {lines:?}");
    }

    #[test]
    fn more_sites_than_are_kept_are_compared_even_where_no_two_are_alike() {
        let mut comparison = Comparison::default();
        let count = u32::try_from(2 * KEPT + 3).unwrap();
        for number in 0..count {
            let permission = if number.is_multiple_of(3) { Permission::Prevent } else { Permission::Allow };
            let mut one = site(permission, 50);
            one.roles.get_mut("student").unwrap().description = format!("of site {number}");
            comparison.add(number, one, &Wanted::default());
        }
        let rows = comparison.into_rows(&Wanted::default());
        let (missing, lines) = &rows["student"];
        let of = |part: &str| lines.iter().find(|row| row.part == part).unwrap();
        assert_eq!((missing.len(), of("description").counts.len()), (0, count as usize));
        let prevented: Vec<u32> = of("capability").odd.keys().copied().collect();
        assert_eq!(prevented, (0..count).filter(|number| number.is_multiple_of(3)).collect::<Vec<_>>());
        assert!(of("contextlevel").odd.is_empty() && of("contextlevel").counts["yes"] == count as usize);
    }

    #[test]
    fn a_tie_is_decided_always_the_same_way_and_missing_never_wins() {
        let wanted = Wanted {
            roles: vec!["student".into(), "tutor".into()],
            component: Some("mod_forum".into()),
            differences: false,
        };
        let mut comparison = Comparison::default();
        comparison.add(7, site(Permission::Prevent, 50), &wanted);
        comparison.add(9, site(Permission::Allow, 50), &wanted);
        for number in 10..20 {
            let blind = Roles { capabilities: BTreeSet::new(), ..site(Permission::Allow, 50) };
            comparison.add(number, blind, &wanted);
        }
        let rows = comparison.into_rows(&wanted);
        assert_eq!(rows["student"].1.len(), 1, "one component only");
        assert_eq!(rows["student"].1[0].majority, "allow");
        assert_eq!((rows["tutor"].0.len(), rows["tutor"].1.len()), (12, 0), "asked for, and nowhere");
    }
}

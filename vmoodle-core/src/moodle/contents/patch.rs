//! What a replacement changed in values, small enough to be kept: each value's differing middle, and what the whole is known
//! by, so that exactly what was there can be put back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Which way values are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From what was there to what is to be there.
    Forth,
    /// Back.
    Back,
}

/// The change of one value: id, octets before the middle, octets behind it, the old middle, the new one, and a sum over the
/// whole new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch(pub i64, usize, usize, String, String, String);

/// The changes of a site's values, by table and column.
pub type Patches = BTreeMap<String, BTreeMap<String, Vec<Patch>>>;

/// What stands in a row now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// What the change begins with; the value that it ends with.
    Due(String),
    /// What it ends with.
    Done,
    /// Something else: somebody changed it meanwhile.
    Other,
}

impl Patch {
    /// The change from one value to another.
    pub(super) fn of(id: i64, before: &str, after: &str) -> Self {
        let (one, other) = (before.as_bytes(), after.as_bytes());
        let mut head = one.iter().zip(other).take_while(|(a, b)| a == b).count();
        while !before.is_char_boundary(head) || !after.is_char_boundary(head) {
            head -= 1;
        }
        let rest = (one.len() - head).min(other.len() - head);
        let same = |n: &usize| one[one.len() - 1 - n] == other[other.len() - 1 - n];
        let mut tail = (0..rest).take_while(same).count();
        while !before.is_char_boundary(one.len() - tail) || !after.is_char_boundary(other.len() - tail) {
            tail -= 1;
        }
        let middle = |text: &str| text[head..text.len() - tail].to_owned();
        Self(id, head, tail, middle(before), middle(after), sum(after))
    }

    /// What of this change is due in a value. The sum is over the whole value that the change ends with, so that nothing
    /// that was edited meanwhile is taken for it.
    pub(super) fn standing(&self, value: &str, way: Way) -> Standing {
        let Self(_, _, _, old, new, sum_after) = self;
        let is_after = sum(value) == *sum_after;
        match way {
            Way::Forth if is_after => Standing::Done,
            Way::Forth => match self.exchanged(value, old, new).filter(|after| sum(after) == *sum_after) {
                Some(after) => Standing::Due(after),
                None => Standing::Other,
            },
            Way::Back if is_after => self.exchanged(value, new, old).map_or(Standing::Other, Standing::Due),
            Way::Back => match self.exchanged(value, old, new).filter(|after| sum(after) == *sum_after) {
                Some(_) => Standing::Done,
                None => Standing::Other,
            },
        }
    }

    /// The value with another middle; `None` where its own is not the expected one.
    fn exchanged(&self, value: &str, is: &str, to: &str) -> Option<String> {
        let Self(_, head, tail, ..) = self;
        let end = value.len().checked_sub(*tail)?;
        let middle = value.get(*head..end)?;
        (middle == is).then(|| [&value[..*head], to, &value[end..]].concat())
    }

    /// About how many octets it takes.
    pub(super) fn octets(&self) -> usize {
        let Self(_, _, _, old, new, sum) = self;
        old.len() + new.len() + sum.len() + 32
    }
}

fn sum(value: &str) -> String {
    BASE64.encode(&Sha256::digest(value.as_bytes())[..12])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_change_is_its_middle_and_knows_who_was_there_meanwhile() {
        let (before, after) = ("l'été https://old/é x", "l'été https://new/é x");
        let patch = Patch::of(7, before, after);
        assert_eq!((patch.1, patch.3.as_str(), patch.4.as_str()), (16, "old", "new"));
        assert_eq!(patch.standing(before, Way::Forth), Standing::Due(after.into()));
        assert_eq!(patch.standing(after, Way::Forth), Standing::Done);
        assert_eq!(patch.standing(after, Way::Back), Standing::Due(before.into()));
        assert_eq!(patch.standing(before, Way::Back), Standing::Done);
        for edited in ["l'été https://new/é y", "l'été https://old/é y", "", "éé", "l'été https://ne"] {
            assert_eq!(patch.standing(edited, Way::Forth), Standing::Other, "{edited}");
            assert_eq!(patch.standing(edited, Way::Back), Standing::Other, "{edited}");
        }
    }

    proptest! {
        #[test]
        fn what_was_changed_is_put_back_exactly(before in "[aé🌞]{0,6}", after in "[aéè🌞]{0,6}", other in "[aéè🌞]{0,6}") {
            let patch = Patch::of(1, &before, &after);
            let stored: Patch = serde_json::from_str(&serde_json::to_string(&patch).unwrap()).unwrap();
            prop_assert_eq!(&stored, &patch);
            if before != after {
                prop_assert_eq!(patch.standing(&before, Way::Forth), Standing::Due(after.clone()));
                prop_assert_eq!(patch.standing(&after, Way::Back), Standing::Due(before.clone()));
            }
            if other != before && other != after {
                prop_assert_eq!(patch.standing(&other, Way::Forth), Standing::Other);
                prop_assert_eq!(patch.standing(&other, Way::Back), Standing::Other);
            }
        }
    }
}

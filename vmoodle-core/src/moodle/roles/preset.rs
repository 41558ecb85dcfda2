//! A role sheet as Moodle's own XML preset (`admin/roles/classes/preset.php`, `admin/roles/role_schema.xml`).
//!
//! Moodle's pages read what [`write()`] gives, and [`parse`] reads what they export. Capabilities stand in the order of their
//! names, octet by octet; Moodle orders them as its database does.

use std::fmt::Write;

use roxmltree::{Document, Node, ParsingOptions};

use super::{Allow, Permission, Sheet};
use crate::error::{Error, Kind, Result};
use crate::host::escape;

/// The largest XML that is read, in octets; that of a role with every capability of Moodle 4.5 has 40,000.
const LARGEST: usize = 1 << 20;

/// The context levels that have a short name (lib/classes/context, `get_short_name`); others are written as numbers.
const LEVELS: [(&str, i64); 6] =
    [("system", 10), ("user", 30), ("coursecat", 40), ("course", 50), ("module", 70), ("block", 80)];

/// The sheet as XML.
pub fn write(sheet: &Sheet) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<role>");
    element(&mut xml, "shortname", &sheet.shortname);
    for (name, text) in [("name", &sheet.name), ("description", &sheet.description), ("archetype", &sheet.archetype)] {
        if let Some(text) = text {
            element(&mut xml, name, text);
        }
    }
    if let Some(levels) = &sheet.contextlevels {
        let word = |level: &i64| {
            LEVELS.iter().find(|(_, number)| number == level).map_or(level.to_string(), |(word, _)| (*word).to_owned())
        };
        list(&mut xml, "contextlevels", "level", levels.iter().map(word));
    }
    for (allow, others) in &sheet.allows {
        list(&mut xml, &format!("allow{allow}"), "shortname", others.iter().cloned());
    }
    let mut permissions = String::new();
    for permission in Permission::ALL {
        for (capability, _) in sheet.permissions.iter().filter(|(_, own)| **own == permission) {
            element(&mut permissions, permission.word(), capability);
        }
    }
    wrap(&mut xml, "permissions", &permissions);
    xml.push_str("</role>\n");
    xml
}

fn list(xml: &mut String, name: &str, item: &str, texts: impl Iterator<Item = String>) {
    let mut inside = String::new();
    for text in texts {
        element(&mut inside, item, &text);
    }
    wrap(xml, name, &inside);
}

fn element(xml: &mut String, name: &str, text: &str) {
    let mut inside = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => inside.push_str("&amp;"),
            '<' => inside.push_str("&lt;"),
            '>' => inside.push_str("&gt;"),
            '\r' => inside.push_str("&#13;"),
            '\t' | '\n' => inside.push(c),
            // XML has no way to write these.
            c if c.is_control() && u32::from(c) < 32 || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => inside.push(c),
        }
    }
    wrap(xml, name, &inside);
}

fn wrap(xml: &mut String, name: &str, inside: &str) {
    // Writing to a text cannot fail.
    let _ = if inside.is_empty() { write!(xml, "<{name}/>") } else { write!(xml, "<{name}>{inside}</{name}>") };
}

/// Reads a preset. Entities of its own, more than [`LARGEST`] octets, elements or words that Moodle's schema does not know
/// are refused with `bad_parameter`; names that no site knows are kept, and left out by each.
pub fn parse(xml: &str) -> Result<Sheet> {
    if xml.len() > LARGEST {
        return Err(bad(&format!("it has more than {LARGEST} octets")));
    }
    let options = ParsingOptions { nodes_limit: 100_000, ..ParsingOptions::default() };
    let document = Document::parse_with_options(xml.trim_start_matches('\u{feff}'), options)
        .map_err(|error| bad("it is no XML, or has a document type").because(error))?;
    let root = document.root_element();
    if root.tag_name().name() != "role" {
        return Err(bad("its root is not `role`"));
    }
    let mut sheet = Sheet::default();
    for part in elements(root) {
        match part.tag_name().name() {
            "shortname" => sheet.shortname = text_of(part).to_ascii_lowercase(),
            "name" => sheet.name = Some(text_of(part)),
            "description" => sheet.description = Some(text_of(part)),
            "archetype" => sheet.archetype = Some(text_of(part)),
            "contextlevels" => {
                sheet.contextlevels = Some(children(part, "level").map(|one| level(&one?)).collect::<Result<_>>()?);
            }
            "permissions" => {
                for one in elements(part) {
                    let word = one.tag_name().name();
                    let permission = Permission::of(word).ok_or_else(|| unknown(word))?;
                    sheet.permissions.insert(text_of(one), permission);
                }
            }
            name => {
                let allow = name.strip_prefix("allow").and_then(Allow::of).ok_or_else(|| unknown(name))?;
                sheet.allows.insert(allow, children(part, "shortname").collect::<Result<_>>()?);
            }
        }
    }
    sheet.checked()
}

fn elements<'a, 'input>(node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

fn children<'a>(node: Node<'a, '_>, name: &'static str) -> impl Iterator<Item = Result<String>> + 'a {
    elements(node).map(move |child| {
        let found = child.tag_name().name();
        if found == name { Ok(text_of(child)) } else { Err(unknown(found)) }
    })
}

fn text_of(node: Node<'_, '_>) -> String {
    node.children().filter(Node::is_text).filter_map(|text| text.text()).collect()
}

/// The level of a short name or a number (`context_helper::parse_external_level`).
fn level(word: &str) -> Result<i64> {
    let known = LEVELS.iter().find(|(name, _)| *name == word).map(|(_, number)| *number);
    known
        .or_else(|| word.parse().ok().filter(|number| (10..=9999).contains(number)))
        .ok_or_else(|| bad(&format!("`{}` is no context level", escape(word))))
}

fn unknown(element: &str) -> Error {
    bad(&format!("a role has no element `{}` there", escape(element)))
}

fn bad(rule: &str) -> Error {
    Error::new(Kind::BadParameter, format!("the role preset cannot be used: {rule}"))
        .hint("export it anew on the role's page in Moodle")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHEET: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<role><shortname>tutor</shortname>\
        <name>Tuteur &amp; \"ami\" &lt;été&gt;</name><description/><archetype>teacher</archetype>\
        <contextlevels><level>course</level><level>1000</level></contextlevels>\
        <allowassign><shortname>student</shortname><shortname>guest</shortname></allowassign><allowoverride/>\
        <permissions><inherit>mod/a:a</inherit><allow>mod/b:b</allow><prohibit>mod/c:c</prohibit></permissions></role>\n";

    #[test]
    fn a_preset_is_written_as_it_was_read() {
        let sheet = parse(SHEET).unwrap();
        assert_eq!(sheet.name.as_deref(), Some("Tuteur & \"ami\" <été>"));
        assert_eq!(sheet.contextlevels.as_ref().unwrap().len(), 2);
        assert_eq!(sheet.allows[&Allow::Assign], ["student", "guest"]);
        assert!(!sheet.allows.contains_key(&Allow::View), "it says nothing of viewing");
        assert_eq!(sheet.permissions["mod/c:c"], Permission::Prohibit);
        assert_eq!(write(&sheet), SHEET);
        let odd = Sheet { description: Some("a\u{1}\r\nb\t]]>".into()), ..sheet };
        assert_eq!(parse(&write(&odd)).unwrap().description.as_deref(), Some("a\r\nb\t]]>"));
    }

    #[test]
    fn what_is_no_preset_or_a_trap_is_refused() {
        let bomb =
            "<!DOCTYPE role [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><role><shortname>&b;</shortname></role>";
        let outside = "<!DOCTYPE role SYSTEM \"file:///etc/hostname\"><role><shortname>a</shortname></role>";
        let deep = format!("<role>{}", "<x>".repeat(200_000));
        let large = format!("<role><shortname>a</shortname><name>{}</name></role>", "x".repeat(LARGEST));
        let name = |name: &str| format!("<role><shortname>{name}</shortname></role>");
        let long = name(&"x".repeat(300));
        for xml in [
            "",
            "no XML",
            bomb,
            outside,
            &deep,
            &large,
            &long,
            &name("x'; DROP"),
            "<roles/>",
            "<role/>",
            "<role><shortname>a</shortname><evil/></role>",
            "<role><shortname>a</shortname><permissions><may>x</may></permissions></role>",
            "<role><shortname>a</shortname><contextlevels><level>moon</level></contextlevels></role>",
        ] {
            let error = parse(xml).unwrap_err();
            assert_eq!(error.kind(), Kind::BadParameter, "{error}");
        }
        assert_eq!(parse(&name("Tutor")).unwrap().shortname, "tutor");
    }
}

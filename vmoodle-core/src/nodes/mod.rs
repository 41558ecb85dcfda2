//! The file of nodes: the tenants to be made at once, in the original's CSV (`bulkcreatenodes.php`) or in JSON.
//!
//! A file is checked whole before anything is touched: all that is wrong is told at once, each [`Fault`] with its line
//! and column. Nothing here reads a database.
//!
//! ```text
//! parse -> csv | json (text -> raw lines) -> column (which there are) -> check (lines -> nodes, duplicates)
//! ```
// `addresses` waits for mass destruction by a file.
#![cfg_attr(not(feature = "testing"), allow(dead_code, unreachable_pub))]

mod check;
mod column;
mod csv;
mod json;

use std::fmt;

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::host::SiteAddress;

/// How many faults a message of an [`Error`] tells; [`Faults`] holds all.
const TOLD: usize = 3;

/// One thing that is wrong in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// The column's name; empty where the line as a whole is meant.
    pub column: String,
    /// What is wrong, and the way out. Never a password.
    pub message: String,
}

impl Fault {
    fn new(line: usize, column: &str, message: impl Into<String>) -> Self {
        Self { line, column: column.to_owned(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column.as_str()) {
            (0, _) => f.write_str(&self.message),
            (line, "") => write!(f, "line {line}: {}", self.message),
            (line, column) => write!(f, "line {line}, `{column}`: {}", self.message),
        }
    }
}

/// All that is wrong, in the order of the lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> = self.0.iter().take(TOLD).map(ToString::to_string).collect();
        f.write_str(&told.join("; "))?;
        match self.0.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl From<Faults> for Error {
    fn from(faults: Faults) -> Self {
        Self::new(Kind::NodesInvalid, format!("the file of nodes cannot be used: {faults}"))
            .hint("mend the file; nothing was made")
    }
}

/// Which services a node offers to the other sites of its network (the original's column `services`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Services {
    /// Single sign-on both ways.
    Default,
    /// What the farm's strategy says.
    Subnetwork,
}

/// One tenant to be made.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// The line in the file, from 1.
    pub line: usize,
    /// Columns of `local_vmoodle`, as `tenant_add` takes them; `vdbpass` is in clear.
    pub values: Map<String, Value>,
    /// The snapshot that it is made from; an empty site where there is none.
    pub template: Option<String>,
    /// Whether it gets a sub-network of its own (`mnet` was `NEW`); there is no `mnet` in the values then.
    pub new_network: bool,
    /// Which services it offers.
    pub services: Services,
    /// Settings to be written into the tenant's table `config`.
    pub config: Map<String, Value>,
    /// Settings to be written into the tenant's table `config_plugins`: plugin -> name -> value.
    pub plugins: Map<String, Value>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Settings may be secrets as the password is.
        let names = |map: &Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
        f.debug_struct("Node")
            .field("line", &self.line)
            .field("vhostname", &self.values.get("vhostname"))
            .field("values", &names(&self.values))
            .field("template", &self.template)
            .field("new_network", &self.new_network)
            .field("services", &self.services)
            .field("config", &names(&self.config))
            .field("plugins", &names(&self.plugins))
            .finish()
    }
}

/// A line of the file before it is checked.
#[derive(Debug)]
struct Raw {
    line: usize,
    values: Map<String, Value>,
}

/// Reads a file of nodes and checks it whole: JSON where it begins with `[`, CSV otherwise.
///
/// `defaults` are used where a line has nothing in a column; the original's stand behind them. In them, and in the file,
/// `<%%INSTANCE%%>` is replaced by the short name, with `_` for spaces and `-`.
pub fn parse(bytes: &[u8], defaults: &Map<String, Value>) -> Result<Vec<Node>, Faults> {
    let (raw, mut faults) = raw_lines(bytes, column::is_known)?;
    let (nodes, wrong) = check::nodes(raw, defaults);
    faults.extend(wrong);
    if nodes.is_empty() && faults.is_empty() {
        faults.push(Fault::new(0, "", "it names no tenant"));
    }
    finished(nodes, faults)
}

/// Reads a file of nodes as [`parse`] does, and gives what is sound beside all that is wrong.
pub fn read(bytes: &[u8], defaults: &Map<String, Value>) -> (Vec<Node>, Vec<Fault>) {
    let (raw, mut faults) = match raw_lines(bytes, column::is_known) {
        Ok(read) => read,
        Err(faults) => return (Vec::new(), faults.0),
    };
    let (nodes, wrong) = check::nodes(raw, defaults);
    faults.extend(wrong);
    if nodes.is_empty() && faults.is_empty() {
        faults.push(Fault::new(0, "", "it names no tenant"));
    }
    faults.sort_by_key(|fault| fault.line);
    let bad = |node: &Node| faults.iter().any(|fault| fault.line == node.line);
    (nodes.into_iter().filter(|node| !bad(node)).collect(), faults)
}

impl Node {
    /// As an element of the parameter `nodes` of `create_tenant`.
    pub fn into_wish(self) -> Map<String, Value> {
        let mut wish = self.values;
        if let Some(template) = self.template {
            wish.insert("template".into(), template.into());
        }
        if self.new_network {
            wish.insert("new_network".into(), true.into());
        }
        for (name, settings) in [("config", self.config), ("plugins", self.plugins)] {
            if !settings.is_empty() {
                wish.insert(name.into(), settings.into());
            }
        }
        wish
    }
}

/// Reads only the addresses of a file of nodes, or of the original's list of sites to be kept or destroyed, which has
/// the one column `vhostname`; each with its line.
pub fn addresses(bytes: &[u8]) -> Result<Vec<(usize, SiteAddress)>, Faults> {
    let (raw, mut faults) = raw_lines(bytes, |_| true)?;
    let mut found = Vec::new();
    for raw in raw {
        let text = raw.values.get("vhostname").and_then(Value::as_str).unwrap_or_default();
        match SiteAddress::parse(text.trim()) {
            Ok(address) => found.push((raw.line, address)),
            Err(error) => faults.push(check::told(raw.line, "vhostname", &error)),
        }
    }
    if found.is_empty() && faults.is_empty() {
        faults.push(Fault::new(0, "", "it names no tenant"));
    }
    finished(found, faults)
}

fn raw_lines(bytes: &[u8], known: fn(&str) -> bool) -> Result<(Vec<Raw>, Vec<Fault>), Faults> {
    let text = utf8(bytes).map_err(|fault| Faults(vec![fault]))?;
    Ok(if text.trim_start().starts_with('[') && json::looks_so(text) {
        json::read(text, known)
    } else {
        csv::read(text, known)
    })
}

/// The text, without the byte order mark that spreadsheets put before it.
fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Fault::new(0, "", "it is UTF-16: save it as UTF-8"));
    }
    std::str::from_utf8(bytes).map_err(|wrong| {
        let line = 1 + bytes[..wrong.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        let message =
            "it is not UTF-8 from here on: save it as UTF-8, or run `iconv -f latin1 -t utf-8` if it is Latin-1";
        Fault::new(line, "", message)
    })
}

fn finished<T>(done: T, mut faults: Vec<Fault>) -> Result<T, Faults> {
    if faults.is_empty() {
        return Ok(done);
    }
    faults.sort_by_key(|fault| fault.line);
    Err(Faults(faults))
}

#[cfg(test)]
mod tests;

//! The original's CSV: a header line, `;` between fields, lines that begin with `(`, `[`, `-`, `#`, `/` or a space are
//! comments, `&#44` stands for the separator. Added to it: quoted fields, and `,` or a tab between them.

use std::collections::HashSet;

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use super::{Fault, Raw, column};

/// What the original takes for a comment; an empty line is one too.
const COMMENTS: &[char] = &['(', '[', '-', '#', '/', ' ', '\t'];

/// What may stand between fields; the first where the header has none.
const SEPARATORS: &[u8] = b";,\t";

/// How the original writes the separator inside a field.
const ESCAPED_SEPARATOR: &str = "&#44";

/// Reads the lines, each value as text; columns without a value are left out.
pub(super) fn read(text: &str, known: fn(&str) -> bool) -> (Vec<Raw>, Vec<Fault>) {
    let mut lines = Lines { rest: text, line: 1, separator: SEPARATORS[0] };
    let mut faults = Vec::new();
    lines.skip_comments();
    lines.separator = separator(lines.rest.lines().next().unwrap_or_default());
    let Some((line, header)) = lines.next_record(&mut faults) else {
        if faults.is_empty() {
            faults.push(Fault::new(0, "", "it is empty: its first line must name the columns"));
        }
        return (Vec::new(), faults);
    };
    let columns = columns(line, &header, known, &mut faults);
    let mut raw = Vec::new();
    while let Some((line, record)) = lines.next_record(&mut faults) {
        if let Some(values) = values(line, &record, &columns, lines.separator, &mut faults) {
            raw.push(Raw { line, values });
        }
    }
    (raw, faults)
}

/// What is left of the text.
struct Lines<'a> {
    rest: &'a str,
    line: usize,
    separator: u8,
}

impl Lines<'_> {
    fn skip_comments(&mut self) {
        while let Some(line) = self.rest.split_inclusive('\n').next() {
            if !(line.trim().is_empty() || line.starts_with(COMMENTS) && !self.begins_with_separator(line)) {
                return;
            }
            self.advance(line.len());
        }
    }

    /// A tab is a comment's beginning only where it does not part fields.
    fn begins_with_separator(&self, line: &str) -> bool {
        line.as_bytes().first() == Some(&self.separator)
    }

    fn advance(&mut self, octets: usize) {
        let (passed, rest) = self.rest.split_at(octets);
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }

    /// The next line that is no comment. A comment may hold a single quote, so the CSV reader sees one record at a time.
    fn next_record(&mut self, faults: &mut Vec<Fault>) -> Option<(usize, StringRecord)> {
        self.skip_comments();
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .buffer_capacity(1024)
            .from_reader(self.rest.as_bytes());
        let mut record = StringRecord::new();
        let read = reader.read_record(&mut record);
        let octets = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        match read {
            Ok(true) if octets > 0 && self.rest.is_char_boundary(octets) => {
                let taken = &self.rest[..octets];
                if taken.trim_end().contains('\n') && taken.matches('"').count() % 2 == 1 {
                    faults.push(Fault::new(line, "", "a quoted field has no end"));
                }
                self.advance(octets);
                Some((line, record))
            }
            _ => {
                faults.push(Fault::new(line, "", "it cannot be read as CSV"));
                self.rest = "";
                None
            }
        }
    }
}

/// Whichever stands most often in the header.
fn separator(header: &str) -> u8 {
    let count = |one: u8| header.bytes().filter(|byte| *byte == one).count();
    // Of equals the last is taken, and the original's own is to win.
    SEPARATORS.iter().rev().copied().max_by_key(|one| count(*one)).unwrap_or(b';')
}

fn columns(line: usize, header: &StringRecord, known: fn(&str) -> bool, faults: &mut Vec<Fault>) -> Vec<String> {
    let mut seen = HashSet::new();
    let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    // A spreadsheet ends every line with a separator.
    let last = names.iter().rposition(|name| !name.is_empty()).map_or(0, |at| at + 1);
    for name in &names[..last] {
        if name.is_empty() {
            faults.push(Fault::new(line, "", "a column has no name"));
        } else if !seen.insert(name.as_str()) {
            faults.push(Fault::new(line, name, "the column is there twice"));
        } else if !known(name) {
            faults.push(Fault::new(line, name, column::unknown(name)));
        } else if column::MAPS.contains(&name.as_str()) {
            faults.push(Fault::new(
                line,
                name,
                "it can stand in JSON only: use `config_<key>` or `<type>_<plugin>|<setting>`",
            ));
        }
    }
    names
}

fn values(
    line: usize,
    record: &StringRecord,
    columns: &[String],
    separator: u8,
    faults: &mut Vec<Fault>,
) -> Option<Map<String, Value>> {
    let named = columns.iter().rposition(|name| !name.is_empty()).map_or(0, |at| at + 1);
    let empty = record.iter().rev().take_while(|field| field.trim().is_empty()).count();
    let filled = record.len() - empty;
    if record.len() < named || filled > named {
        let message = format!("it has {} fields, the header {named}", record.len());
        faults.push(Fault::new(line, "", message));
        return None;
    }
    let separator = char::from(separator).to_string();
    let field = |text: &str| text.trim().replace(ESCAPED_SEPARATOR, &separator);
    let pairs = columns.iter().zip(record).map(|(name, text)| (name.clone(), field(text)));
    Some(
        pairs.filter(|(name, text)| !name.is_empty() && !text.is_empty()).map(|(n, t)| (n, Value::String(t))).collect(),
    )
}

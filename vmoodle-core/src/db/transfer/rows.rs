//! Few rows of a PostgreSQL dump, as one statement among others.
//!
//! The driver leaves TCP's delay of small packets on (Nagle's algorithm): the end of each `COPY` waits 40 milliseconds for the
//! server's word that its rows have come. A dump of Moodle has fifty tables with a few rows.

/// How many octets of rows become a statement; more are worth a `COPY`.
pub(super) const FEW: usize = 32 << 10;

/// The `INSERT` that does what `COPY … FROM stdin` does with these whole lines of rows.
///
/// `None` where that is not certain: the statement has options or no columns, or the rows are no text.
pub(super) fn insert(copy: &str, rows: &[u8]) -> Option<String> {
    let place = copy.strip_prefix("COPY ")?.strip_suffix(" FROM stdin")?;
    let (_, columns) = place.split_once(" (")?;
    let rows = std::str::from_utf8(rows).ok()?;
    if !columns.ends_with(')') || rows.is_empty() {
        return None;
    }
    let mut statement = format!("INSERT INTO {place} OVERRIDING SYSTEM VALUE VALUES ");
    for (number, line) in rows.strip_suffix('\n').unwrap_or(rows).split('\n').enumerate() {
        statement.push_str(if number > 0 { ", (" } else { "(" });
        for (number, field) in line.split('\t').enumerate() {
            if number > 0 {
                statement.push_str(", ");
            }
            literal(&mut statement, field);
        }
        statement.push(')');
    }
    Some(statement)
}

/// A field as a literal: `E''` knows the escapes of `COPY`, but for the vertical tab.
fn literal(statement: &mut String, field: &str) {
    if field == "\\N" {
        statement.push_str("NULL");
        return;
    }
    statement.push_str("E'");
    let mut escaped = false;
    for letter in field.chars() {
        let means_itself = !matches!(letter, 'b' | 'f' | 'n' | 'r' | 't' | 'v' | 'x' | '0'..='7' | '\\');
        if escaped && means_itself {
            statement.pop();
        }
        match letter {
            'v' if escaped => statement.push_str("x0B"),
            '\'' => statement.push_str("''"),
            _ => statement.push(letter),
        }
        escaped = !escaped && letter == '\\';
    }
    statement.push('\'');
}

#[cfg(test)]
mod tests {
    use super::insert;

    #[test]
    fn few_rows_become_one_statement() {
        let rows = b"1\tL'\xc3\xa9cole\\tA\t\\N\n2\t\\\\N\\\\'\\v\\u0041\\'\t\n";
        assert_eq!(
            insert("COPY public.mdl_t (id, name, more) FROM stdin", rows).unwrap(),
            "INSERT INTO public.mdl_t (id, name, more) OVERRIDING SYSTEM VALUE VALUES \
             (E'1', E'L''école\\tA', NULL), (E'2', E'\\\\N\\\\''\\x0Bu0041''', E'')"
        );
    }

    #[test]
    fn what_is_not_certain_stays_a_copy() {
        for copy in ["COPY t FROM stdin", "COPY t (a) FROM stdin WITH (FORMAT csv)", "COPY t (a) FROM stdin (NULL '')"]
        {
            assert!(insert(copy, b"1\n").is_none(), "{copy}");
        }
        assert!(insert("COPY t (a) FROM stdin", b"\xff\n").is_none() && insert("COPY t (a) FROM stdin", b"").is_none());
    }
}

//! What a parser finds in a statement: tables, functions, conditions.
//!
//! `sqlparser` (of Apache `DataFusion`) reads the dialects of both engines. It is never the only gate: what it cannot read is
//! refused, and what it reads is judged by its words too.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, Query, SetExpr, Statement, Visit, Visitor, visit_expressions};
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;

use super::token::Sort;

/// The most words and signs that a statement may have to be read: each may make the tree one deeper.
const MOST: usize = 2000;

/// What was found.
// Independent facts, each read by name.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The tables, each by the parts of its name, in lower case.
    pub(super) relations: Vec<Vec<String>>,
    /// The functions, likewise.
    pub(super) functions: Vec<Vec<String>>,
    /// Rows are changed, at the top or inside.
    pub(super) writes: bool,
    /// A result is put into a table, a variable or a file.
    pub(super) into: bool,
    /// Rows are locked.
    pub(super) locks: bool,
    /// All rows of a table are deleted.
    pub(super) deletes_all: bool,
    /// All rows of a table are updated.
    pub(super) updates_all: bool,
}

/// Reads one statement; `None` where that is not certain.
pub(super) fn read(text: &str, words: &[(Sort, String)], mysql: bool) -> Option<Tree> {
    if words.iter().filter(|(sort, word)| matches!(sort, Sort::Word | Sort::Sign(_)) && word != ",").count() > MOST {
        return None;
    }
    let dialect: &dyn Dialect = if mysql { &MySqlDialect {} } else { &PostgreSqlDialect {} };
    let statements = Parser::new(dialect).try_with_sql(text).ok()?.parse_statements().ok()?;
    let [statement] = statements.as_slice() else { return None };
    let mut tree = Tree::default();
    let _ = statement.visit(&mut tree);
    Some(tree)
}

impl Visitor for Tree {
    type Break = ();

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        self.relations.push(parts(name));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression {
            self.functions.push(parts(&function.name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.locks |= !query.locks.is_empty();
        if let SetExpr::Select(select) = query.body.as_ref() {
            self.into |= select.into.is_some();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        match statement {
            Statement::Delete(delete) => {
                self.writes = true;
                self.deletes_all |= is_for_all(delete.selection.as_ref());
            }
            Statement::Update(update) => {
                self.writes = true;
                self.updates_all |= is_for_all(update.selection.as_ref());
            }
            Statement::Insert(_) | Statement::Merge(_) => self.writes = true,
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Whether a condition names no column, or there is none.
fn is_for_all(condition: Option<&Expr>) -> bool {
    let Some(condition) = condition else { return true };
    let named = visit_expressions(condition, |expression| match expression {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    named.is_continue()
}

fn parts(name: &ObjectName) -> Vec<String> {
    name.0
        .iter()
        .map(|part| part.as_ident().map_or_else(|| part.to_string(), |name| name.value.clone()).to_lowercase())
        .collect()
}

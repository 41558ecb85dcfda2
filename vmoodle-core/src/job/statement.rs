//! One statement about many rows, each with values of its own.

use crate::db::{Db, Fault, Param, Row, Sql};

/// A statement of literals, and its parameters in order.
pub(super) struct Statement {
    parts: Vec<&'static str>,
    params: Vec<Param>,
}

impl Statement {
    /// Begins with a literal that has these parameters.
    pub(super) fn new<const N: usize>(text: &'static str, params: [Param; N]) -> Self {
        Self { parts: vec![text], params: params.into() }
    }

    /// Goes on with a literal that has no parameters.
    pub(super) fn text(mut self, text: &'static str) -> Self {
        self.parts.push(text);
        self
    }

    /// Goes on with a list in brackets. It must not be empty.
    pub(super) fn among(mut self, values: impl IntoIterator<Item = Param>) -> Self {
        for (place, value) in values.into_iter().enumerate() {
            self.parts.push(if place == 0 { "(?" } else { ", ?" });
            self.params.push(value);
        }
        self.text(")")
    }

    /// Goes on with a value for some of the rows by their ids: `, column = CASE id` … `ELSE column END`; with nothing where
    /// no row has one.
    pub(super) fn cases(
        mut self,
        head: &'static str,
        values: impl IntoIterator<Item = (i64, Param)>,
        tail: &'static str,
    ) -> Self {
        let mut any = false;
        for (id, value) in values {
            if !any {
                self.parts.push(head);
            }
            any = true;
            self.parts.push(" WHEN ? THEN ?");
            self.params.extend([id.into(), value]);
        }
        if any { self.text(tail) } else { self }
    }

    pub(super) async fn execute(self, db: &mut Db) -> Result<u64, Fault> {
        db.execute(Sql::joined(&self.parts), &self.params).await
    }

    pub(super) async fn fetch(self, db: &mut Db) -> Result<Vec<Row>, Fault> {
        db.fetch(Sql::joined(&self.parts), &self.params).await
    }
}

/// Numbers as parameters.
pub(super) fn ids<'a>(ids: impl IntoIterator<Item = &'a i64>) -> impl Iterator<Item = Param> {
    ids.into_iter().map(|id| Param::from(*id))
}

//! Connections to the control database, kept while a job is planned or run.

use std::cell::RefCell;

use crate::control::ControlSite;
use crate::db::Db;
use crate::error::{Kind, Result};

/// Idle connections; there are never more than were at work at once.
pub(super) struct Pool {
    control: ControlSite,
    idle: RefCell<Vec<Db>>,
}

impl Pool {
    pub(super) fn new(control: ControlSite) -> Self {
        Self { control, idle: RefCell::default() }
    }

    /// The control site that it leads to.
    pub(super) fn control(&self) -> &ControlSite {
        &self.control
    }

    /// An idle connection, or a new one.
    pub(super) async fn take(&self) -> Result<Db> {
        let idle = self.idle.borrow_mut().pop();
        match idle {
            Some(db) => Ok(db),
            None => Db::open_control(&self.control).await,
        }
    }

    /// Takes a connection back after work, unless the work shows that it is broken.
    pub(super) fn back<T>(&self, db: Db, done: &Result<T>) {
        let broken = done.as_ref().is_err_and(|error| error.kind() == Kind::ControlUnreachable);
        if !broken {
            self.idle.borrow_mut().push(db);
        }
    }

    /// Says goodbye on all of them.
    pub(super) async fn close(&self) {
        let idle = self.idle.take();
        for db in idle {
            db.close().await;
        }
    }
}

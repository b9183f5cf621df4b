//! `Voucher` and `VoucherKind`: who vouches for a key.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result};

use super::party::Party;
use crate::{
    serve::graphql::scalars::index::Index,
    views::{Views, VouchedBy},
};

/// The capacity in which a party vouched for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum VoucherKind {
    /// The party itself, with a key it had before; for the operator, the first entry of the ledger.
    Itself,
    /// A registrar.
    Registrar,
    /// The operator of the ledger.
    Operator,
}

/// Who vouched for a key.
#[derive(Debug, Clone)]
pub struct Voucher {
    /// The party that vouched.
    pub by: VouchedBy,
    /// Index of the entry that added the key.
    pub added: u64,
    /// The views that it is read through.
    pub views: Arc<Views>,
}

/// Who vouched for a key: the author of the entry that added it.
#[Object]
impl Voucher {
    /// The capacity in which it vouched.
    async fn kind(&self) -> VoucherKind {
        match self.by {
            VouchedBy::Itself => VoucherKind::Itself,
            VouchedBy::Registrar(_) => VoucherKind::Registrar,
            VouchedBy::Operator(_) => VoucherKind::Operator,
        }
    }
    /// The party that vouched. Null if the key's own party did.
    async fn party(&self) -> Result<Option<Party>> {
        match self.by.party() {
            Some(id) => Party::read(&self.views, &id),
            None => Ok(None),
        }
    }
    /// Index of the entry that added the key.
    async fn index(&self) -> Index {
        self.added.into()
    }
}

//! Tests of a whole ledger that use private parts of this room: the real disk is replaced by a simulated one.

mod machine;
mod plain_copies;
mod power_cuts;

//! Tests of a whole ledger on a simulated disk. They need what is private to this module.

mod plain_copies;
mod power_cuts;
mod world;

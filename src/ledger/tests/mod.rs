//! Tests of a whole ledger that need to see into this room: a simulated disk in place of the real one.

mod plain_copies;
mod power_cuts;
mod world;

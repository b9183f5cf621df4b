//! The clock of the machine.

use crate::log::Time;

/// The present time. A clock before the year 1 or after 9999 reads as the start of 1970.
pub(crate) fn now() -> Time {
    Time::from_unix_ms(jiff::Timestamp::now().as_millisecond())
        .or_else(|| Time::from_unix_ms(0))
        .unwrap_or_else(|| unreachable!("1970 is a year"))
}

//! Spans of time, as they are typed on the command line.

use std::time::Duration;

/// Reads a span of time: seconds, or a number with s, m, h or d.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text}: expected seconds, or a number with s, m, h or d, such as 24h");
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3_600),
        Some((at, 'd')) => (&text[..at], 86_400),
        _ => (text, 1),
    };
    let seconds: u64 = number.parse().map_err(|_| expected())?;
    Ok(Duration::from_secs(seconds.checked_mul(unit).ok_or_else(expected)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_or_has_a_unit() {
        let read = |text| duration(text).ok().map(|d| d.as_secs());
        assert_eq!(
            [read("5"), read("5s"), read("2m"), read("24h"), read("1d")],
            [Some(5), Some(5), Some(120), Some(86_400), Some(86_400)]
        );
        for bad in ["", "h", "-1s", "1w", "18446744073709551615h", "é"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}

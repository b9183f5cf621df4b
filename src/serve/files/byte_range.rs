//! Byte ranges (RFC 9110, section 14): one part of a file, for downloads that are resumed.

use axum::http::{
    HeaderMap, HeaderValue,
    header::{IF_RANGE, RANGE},
};

/// The part of a file that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The whole file: there is no range, there are several, the range can't be parsed, or `If-Range` names other bytes.
    Whole,
    /// The bytes from `first` to `last`, both included.
    Part { first: u64, last: u64 },
    /// A range that begins beyond the end of the file.
    Beyond,
}

/// What a `GET` asks for of a file of `size` bytes. `tag` is its entity tag with the quotation marks.
pub(super) fn asked(headers: &HeaderMap, tag: &str, size: u64) -> Asked {
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return Asked::Whole };
    // A date, a weak tag or another tag: the caller may have a part of other bytes.
    if headers.get(IF_RANGE).is_some_and(|known| known != tag) {
        return Asked::Whole;
    }
    parse(range, size).unwrap_or(Asked::Whole)
}

fn parse(range: &HeaderValue, size: u64) -> Option<Asked> {
    let (unit, set) = range.to_str().ok()?.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    // Several ranges have a comma between them, so they fail to parse as numbers.
    let (first, last) = set.trim().split_once('-')?;
    if first.is_empty() {
        let length = number(last)?.min(size);
        return Some(match length {
            0 => Asked::Beyond,
            length => Asked::Part { first: size - length, last: size - 1 },
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(if first >= size { Asked::Beyond } else { Asked::Part { first, last: last.min(size - 1) } })
}

/// Parses digits. A number that does not fit in a `u64` reads as the largest, which is beyond the end of every file.
fn number(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";

    fn of(range: &str, size: u64) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, range.parse().unwrap());
        asked(&headers, TAG, size)
    }

    fn part(first: u64, last: u64) -> Asked {
        Asked::Part { first, last }
    }

    #[test]
    fn one_range_is_read_as_rfc_9110_writes_it() {
        assert_eq!(of("bytes=0-0", 10), part(0, 0));
        assert_eq!(of("bytes=2-5", 10), part(2, 5));
        assert_eq!(of("Bytes=2-", 10), part(2, 9));
        assert_eq!(of("bytes=2-99", 10), part(2, 9));
        assert_eq!(of("bytes=-3", 10), part(7, 9));
        assert_eq!(of("bytes=-30", 10), part(0, 9));
        assert_eq!(of("bytes=0-99999999999999999999999", 10), part(0, 9));
        for beyond in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of(beyond, 10), Asked::Beyond, "{beyond}");
        }
        assert_eq!((of("bytes=0-", 0), of("bytes=-1", 0)), (Asked::Beyond, Asked::Beyond));
    }

    #[test]
    fn what_is_no_single_range_of_these_bytes_asks_for_all() {
        let others = [
            "bytes=5-2",
            "bytes=",
            "bytes=-",
            "bytes",
            "items=0-1",
            "bytes=0-1,3-4",
            "bytes=+1-2",
            "bytes=a-b",
        ];
        for other in others {
            assert_eq!(of(other, 10), Asked::Whole, "{other}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(asked(&headers, TAG, 10), Asked::Whole);
        headers.append(RANGE, "bytes=0-1".parse().unwrap());
        for (known, expected) in [
            (TAG, part(0, 1)),
            ("\"abd\"", Asked::Whole),
            ("W/\"abc\"", Asked::Whole),
            ("Mon, 23 Nov 2026 08:30:38 GMT", Asked::Whole),
        ] {
            headers.insert(IF_RANGE, known.parse().unwrap());
            assert_eq!(asked(&headers, TAG, 10), expected, "{known}");
        }
        headers.remove(IF_RANGE);
        headers.append(RANGE, "bytes=3-4".parse().unwrap());
        assert_eq!(asked(&headers, TAG, 10), Asked::Whole);
    }
}

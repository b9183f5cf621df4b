//! The query string of a page: the two instants, the order, and the part to show.

use std::borrow::Cow;

use crate::{
    log::Time,
    serve::{clock, http::answer},
    views::{Order, read_instant, time_words},
};

/// The values of a query string. The defaults are: as of now, known at the latest checkpoint, in the order of occurrence, from
/// the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// `asOf`.
    pub as_of: Option<Time>,
    /// `knownAt`.
    pub known_at: Option<u64>,
    /// `order`.
    pub order: Order,
    /// `from`: the position in the timeline, or among the attempts of a demand, of the first one to show.
    pub from: usize,
    /// `before`: only entries below this index.
    pub before: Option<u64>,
}

/// The byte that two hex digits stand for, as in `%2B`.
fn hex(pair: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(pair).ok().filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}

/// Decodes a value of a query string. A plus sign stays one, not a space: time offsets hold it.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        match (byte, after.split_at_checked(2)) {
            (b'%', Some((pair, tail))) if hex(pair).is_some() => {
                out.extend(hex(pair));
                rest = tail;
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

impl Asked {
    /// Reads a query string. Unknown names are ignored.
    ///
    /// # Errors
    /// What is wrong and what was expected, in words for the reader.
    pub fn read(query: Option<&str>) -> Result<Self, String> {
        let mut asked = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            match name {
                // A form sends its empty fields too.
                "asOf" | "knownAt" if value.is_empty() => {}
                "asOf" => {
                    asked.as_of = Some(read_instant(&value).ok_or(
                        "asOf: expected an instant such as 2024-01-01T00:00:00Z or 2024-01-01T08:00:00+08:00, or a \
                         date such as 2024-01-01, which is read as its first moment in UTC",
                    )?);
                }
                "knownAt" => {
                    asked.known_at =
                        Some(answer::number(&value).ok_or("knownAt: expected a tree size, a whole number")?);
                }
                "order" => {
                    asked.order = Order::from_word(&value).ok_or("order: expected occurred or recorded")?;
                }
                "from" => {
                    let from = answer::number(&value).and_then(|n| usize::try_from(n).ok());
                    asked.from = from.ok_or("from: expected the number of an entry in its timeline")?;
                }
                "before" => {
                    asked.before =
                        Some(answer::number(&value).ok_or("before: expected the index of an entry")?);
                }
                _ => {}
            }
        }
        Ok(asked)
    }

    /// The instant at which clocks are read.
    pub fn as_of(&self) -> Time {
        self.as_of.unwrap_or_else(clock::now)
    }

    /// Whether an instant was given, so that the page is not about now.
    pub fn is_then(&self) -> bool {
        self.as_of.is_some() || self.known_at.is_some()
    }

    /// The address of `path` at the instants that were asked for.
    pub fn at(&self, path: &str) -> String {
        let again = Self { order: Order::default(), ..*self }.again();
        if again.is_empty() { path.to_owned() } else { format!("{path}?{again}") }
    }

    /// A query string that asks for the same instants and order; empty if these are the defaults.
    pub fn again(&self) -> String {
        let mut pairs = Vec::new();
        if let Some(as_of) = self.as_of {
            pairs.push(format!("asOf={as_of}"));
        }
        if let Some(known_at) = self.known_at {
            pairs.push(format!("knownAt={known_at}"));
        }
        if self.order != Order::default() {
            pairs.push(format!("order={}", self.order.as_str()));
        }
        pairs.join("&")
    }
}

/// The two instants that a page is shown at, for the form that asks for others.
pub struct Instants {
    /// The path of the page.
    pub path: String,
    /// What was asked for.
    pub asked: Asked,
    /// `asOf`.
    pub as_of: Time,
    /// `knownAt`.
    pub known_at: u64,
    /// The size of the latest checkpoint.
    pub latest: u64,
}

impl Instants {
    /// `asOf`, in words.
    pub fn words(&self) -> String {
        time_words(self.as_of)
    }
    /// `asOf` as it was asked for.
    pub fn as_of_asked(&self) -> String {
        self.asked.as_of.map(|t| t.to_string()).unwrap_or_default()
    }
    /// `knownAt` as it was asked for.
    pub fn known_at_asked(&self) -> String {
        self.asked.known_at.map(|n| n.to_string()).unwrap_or_default()
    }
    /// The order that was asked for, if it is not the default.
    pub fn order(&self) -> Option<&'static str> {
        (self.asked.order != Order::default()).then(|| self.asked.order.as_str())
    }
    /// The address of the page at these instants, for citing.
    pub fn fixed(&self) -> String {
        format!("{}?asOf={}&knownAt={}", self.path, self.as_of, self.known_at)
    }
    /// The address of the plain text at these instants.
    pub fn text(&self) -> String {
        format!("{}/text?asOf={}&knownAt={}", self.path, self.as_of, self.known_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<Time> {
        Some(Time::parse(text).unwrap())
    }

    #[test]
    fn a_query_says_what_is_wrong_with_it() {
        let asked =
            Asked::read(Some("asOf=2024-01-01T08:00:00%2B08:00&knownAt=41&order=recorded&from=100&x=y"));
        let asked = asked.unwrap();
        assert_eq!((asked.as_of, asked.known_at), (time("2024-01-01T00:00:00.000Z"), Some(41)));
        assert_eq!((asked.order, asked.from), (Order::Recorded, 100));
        assert_eq!(asked.again(), "asOf=2024-01-01T00:00:00.000Z&knownAt=41&order=recorded");
        assert_eq!(Asked::read(None), Ok(Asked::default()));
        assert_eq!(
            Asked::read(Some("asOf=&knownAt=")),
            Ok(Asked::default()),
            "a form left empty asks for now"
        );
        assert_eq!(asked.at("/demand/x"), "/demand/x?asOf=2024-01-01T00:00:00.000Z&knownAt=41");
        assert_eq!(Asked::default().at("/demand/x"), "/demand/x");
        for (query, name) in
            [("asOf=today", "asOf"), ("knownAt=-1", "knownAt"), ("order=up", "order"), ("from=a", "from")]
        {
            assert!(Asked::read(Some(query)).unwrap_err().starts_with(name), "{query}");
        }
    }
}

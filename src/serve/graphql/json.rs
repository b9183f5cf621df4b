//! Reads JSON from strangers into values of GraphQL, and counts the values while it reads: a short text can hold a great many,
//! and each takes a hundred times its length in memory.

use std::{cell::Cell, fmt};

use async_graphql::{Name, Number, Value, indexmap::IndexMap};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::serve::limits;

/// The members of an object.
pub type Members = IndexMap<Name, Value>;

/// Why JSON was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is not JSON.
    NotJson,
    /// It holds too many values, too many levels, or a name that is too long.
    TooMuch,
}

/// The limits on what may still be read.
#[derive(Clone, Copy)]
struct Room<'c> {
    values: &'c Cell<usize>,
    levels: usize,
    exceeded: &'c Cell<bool>,
}

impl Room<'_> {
    fn refuse<E: serde::de::Error>(&self) -> E {
        self.exceeded.set(true);
        E::custom("more than is taken")
    }

    /// Counts one value.
    fn value<E: serde::de::Error>(&self) -> Result<(), E> {
        let left = self.values.get().checked_sub(1).ok_or_else(|| self.refuse())?;
        self.values.set(left);
        Ok(())
    }

    /// The limits within a list or an object.
    fn within<E: serde::de::Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1).ok_or_else(|| self.refuse())?;
        Ok(Self { levels, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Room<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Room<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.value().map(|()| Value::Null)
    }
    fn visit_bool<E: serde::de::Error>(self, v: bool) -> Result<Value, E> {
        self.value().map(|()| Value::Boolean(v))
    }
    fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<Value, E> {
        self.value().map(|()| Value::Number(v.into()))
    }
    fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<Value, E> {
        self.value().map(|()| Value::Number(v.into()))
    }
    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Value, E> {
        self.value().map(|()| Number::from_f64(v).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Value, E> {
        self.value().map(|()| Value::String(v.to_owned()))
    }
    fn visit_string<E: serde::de::Error>(self, v: String) -> Result<Value, E> {
        self.value().map(|()| Value::String(v))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        self.value()?;
        let within = self.within()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(within)? {
            values.push(value);
        }
        Ok(Value::List(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.value()?;
        let within = self.within()?;
        let mut members = Members::new();
        while let Some(name) = map.next_key::<String>()? {
            if name.len() > limits::GRAPHQL_NAME {
                return Err(self.refuse());
            }
            // If a name comes twice, the last one counts, as with most readers.
            members.insert(Name::new(name), map.next_value_seed(within)?);
        }
        Ok(Value::Object(members))
    }
}

/// Reads a JSON text. Returns its value, and how many values it holds with all members and items.
///
/// # Errors
/// [`Unread`]. Reading stops where a limit is exceeded.
pub fn read(text: &[u8]) -> Result<(Value, usize), Unread> {
    let (values, exceeded) = (Cell::new(limits::GRAPHQL_VALUES), Cell::new(false));
    let room = Room { values: &values, levels: limits::GRAPHQL_VALUE_DEPTH, exceeded: &exceeded };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = room.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    read.map(|value| (value, limits::GRAPHQL_VALUES - values.get()))
        .map_err(|_| if exceeded.get() { Unread::TooMuch } else { Unread::NotJson })
}

/// Asserts what must hold for every input: [`read`] gives what the library gives, or says that it is too much. Used by tests and
/// by the fuzz target `json`. Returns whether the input was read.
#[cfg(any(test, fuzzing))]
pub(crate) fn holds(bytes: &[u8]) -> bool {
    let library = || {
        let value = serde_json::from_slice::<serde_json::Value>(bytes).ok();
        value.and_then(|value| Value::from_json(value).ok())
    };
    match read(bytes) {
        Ok((value, _)) => assert_eq!(Some(value), library()),
        Err(Unread::NotJson) => assert_eq!(library(), None),
        Err(Unread::TooMuch) => return false,
    }
    read(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::serve::graphql::tokens::tests::corpus;

    #[test]
    fn it_reads_what_the_library_reads() {
        let json = prop::sample::select(vec![
            "1",
            "-1",
            "1.5e3",
            "18446744073709551615",
            "true",
            "null",
            "\"\\u00fc\\n\"",
            "[]",
            "{}",
            "[1,[2,{\"a\":[]}]]",
            "{\"a\":1,\"b\":{\"a\":null},\"a\":2}",
            "1 ",
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "01",
            "[1] 2",
            "\"\\ud800\"",
            "nul",
        ]);
        proptest!(|(parts in prop::collection::vec(json, 1..5))| {
            for text in [parts.join(""), format!("[{}]", parts.join(",")), format!("{{\"x\":{}}}", parts.join(",\"y\":"))] {
                let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
                prop_assert_eq!(holds(text.as_bytes()), is_json, "{}", text);
            }
        });
    }

    #[test]
    fn what_must_hold_of_reading_holds_on_the_corpus_of_the_fuzz_target() {
        let seeds: Vec<Vec<u8>> = [
            "{\"query\":\"{a}\",\"variables\":{\"n\":[1,-1,1.5e3,18446744073709551615,true,null]},\"extensions\":{}}",
            "[[[[]]]]",
            "{\"a\":1,\"a\":2}",
            "\"\\ud83d\\ude00\\n\"",
            "\"\\ud800\"",
            "[1,]",
            "1e999",
        ]
        .map(|text| text.as_bytes().to_vec())
        .into();
        assert_eq!(corpus("json", &seeds).iter().filter(|bytes| holds(bytes)).count(), 4);
    }

    #[test]
    fn it_ends_where_there_is_too_much() {
        let most = limits::GRAPHQL_VALUES;
        let counted = |text: &str| read(text.as_bytes()).map(|(_, values)| values);
        assert_eq!(counted(&format!("[{}0]", "0,".repeat(most - 2))), Ok(most));
        assert_eq!(counted("{\"a\":[0,{}],\"b\":\"x\"}"), Ok(5));
        for text in [
            format!("[{}0]", "0,".repeat(most - 1)),
            // What comes after the limit is not read.
            format!("[{}", "0,".repeat(8 << 20)),
            format!("[{}", "{},".repeat(most)),
            "[".repeat(1 << 20),
            "{\"a\":".repeat(1 << 20),
            format!("{{\"{}\":0}}", "a".repeat(limits::GRAPHQL_NAME + 1)),
        ] {
            assert_eq!(read(text.as_bytes()), Err(Unread::TooMuch), "{}", &text[..20]);
        }
        let deep = limits::GRAPHQL_VALUE_DEPTH;
        assert!(read(format!("{}{}", "[".repeat(deep), "]".repeat(deep)).as_bytes()).is_ok());
        assert_eq!(read(b"{\"a\":}"), Err(Unread::NotJson));
    }
}

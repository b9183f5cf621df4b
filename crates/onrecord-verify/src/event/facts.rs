//! The types of facts (the list `facts` of `schema/events.json`).

use std::{collections::HashSet, fmt};

use super::{
    at::{AT_FORMS, At, Day},
    id::Digest,
    json::Json,
    refusal::{Code, Refusal},
    registries::{COUNTRIES, ZONES},
};
use crate::note::VerifyingKey;

/// The type of a fact, as data: for schemas, forms and command-line flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactKind {
    /// Integer from 0 to 2^53-1.
    Count,
    /// `true` or `false`.
    Bool,
    /// A date or time, [`At`].
    At,
    /// A type 0x01 vkey.
    Vkey,
    /// Vkeys without repeats.
    Vkeys,
    /// 64 lower-case hex digits.
    Hash,
    /// ISO 3166-1 alpha-2.
    Country,
    /// An IANA zone of the closed list.
    Zone,
    /// BCP 47, at most 35 bytes.
    Language,
    /// `YYYY-MM-DD`.
    Day,
    /// [`Deadline`].
    Deadline,
    /// [`ItemOutcome`]s.
    Outcomes,
    /// [`ItemVerdict`]s.
    Verdicts,
    /// [`Position`]s.
    Positions,
    /// One word of a closed list.
    Word(&'static [&'static str]),
}

impl FactKind {
    /// Refuses a value that is not of this kind, with the message that reading an event gives.
    ///
    /// A text that could not stand in line 3 at all is refused here too, and the fact is named; reading line 3 would name
    /// only a byte.
    pub fn check(self, value: &serde_json::Value, place: &str) -> Result<(), Refusal> {
        // Line 3 has no form for the value, such as null or a fraction: it is refused where line 3 is read.
        let Some(json) = json_of(value) else { return Ok(()) };
        match self {
            Self::Count => u64::read(&json, place).map(drop),
            Self::Bool => bool::read(&json, place).map(drop),
            Self::At => At::read(&json, place).map(drop),
            Self::Vkey => VerifyingKey::read(&json, place).map(drop),
            Self::Vkeys => Vec::<VerifyingKey>::read(&json, place).map(drop),
            Self::Hash => Digest::read(&json, place).map(drop),
            Self::Country => Country::read(&json, place).map(drop),
            Self::Zone => Zone::read(&json, place).map(drop),
            Self::Language => Language::read(&json, place).map(drop),
            Self::Day => Day::read(&json, place).map(drop),
            Self::Deadline => Deadline::read(&json, place).map(drop),
            Self::Outcomes => Vec::<ItemOutcome>::read(&json, place).map(drop),
            Self::Verdicts => Vec::<ItemVerdict>::read(&json, place).map(drop),
            Self::Positions => Vec::<Position>::read(&json, place).map(drop),
            Self::Word(words) => match &json {
                Json::String(word) if words.contains(word) => Ok(()),
                _ => Err(bad(place, format_args!("one of {}", words.join(", ")), &json)),
            },
        }
    }
}

/// The value as it would stand in line 3. `None` for null and for numbers that are not an `i64`.
fn json_of(value: &serde_json::Value) -> Option<Json<'_>> {
    use serde_json::Value;
    Some(match value {
        Value::Null => return None,
        Value::Bool(b) => Json::Bool(*b),
        Value::Number(n) => Json::Number(n.as_i64()?),
        Value::String(text) => Json::String(text),
        Value::Array(list) => Json::Array(list.iter().map(json_of).collect::<Option<_>>()?),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Some((name.as_str(), json_of(value)?)));
            Json::Object(members.collect::<Option<_>>()?)
        }
    })
}

/// A type that a fact can have: how it is read from line 3.
pub(crate) trait Fact: Sized {
    const KIND: FactKind;
    /// Reads the value. A refusal names `place`, what was expected and what was found.
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal>;
}

pub(crate) fn bad(place: &str, expected: impl fmt::Display, found: &Json<'_>) -> Refusal {
    Refusal::new(Code::BadFact, place, expected, found.describe())
}

fn string<'a>(value: &Json<'a>, place: &str, expected: &str) -> Result<&'a str, Refusal> {
    match value {
        Json::String(s) => Ok(s),
        other => Err(bad(place, expected, other)),
    }
}

impl Fact for u64 {
    const KIND: FactKind = FactKind::Count;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        match value {
            Json::Number(n) => u64::try_from(*n).map_err(|_| bad(place, "an integer from 0", value)),
            other => Err(bad(place, "an integer from 0", other)),
        }
    }
}

impl Fact for bool {
    const KIND: FactKind = FactKind::Bool;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        match value {
            Json::Bool(b) => Ok(*b),
            other => Err(bad(place, "true or false", other)),
        }
    }
}

impl Fact for At {
    const KIND: FactKind = FactKind::At;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        At::parse(string(value, place, AT_FORMS)?).map_err(|_| bad(place, AT_FORMS, value))
    }
}

impl Fact for Day {
    const KIND: FactKind = FactKind::Day;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        const FORM: &str = "YYYY-MM-DD, a real date";
        Day::parse(string(value, place, FORM)?).map_err(|_| bad(place, FORM, value))
    }
}

impl Fact for VerifyingKey {
    const KIND: FactKind = FactKind::Vkey;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        let text = string(value, place, "a vkey")?;
        text.parse().map_err(|e| bad(place, format_args!("a vkey ({e})"), value))
    }
}

impl Fact for Vec<VerifyingKey> {
    const KIND: FactKind = FactKind::Vkeys;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        let Json::Array(items) = value else { return Err(bad(place, "an array of vkeys", value)) };
        let mut keys: Vec<VerifyingKey> = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let place = format!("{place}[{i}]");
            let key = VerifyingKey::read(item, &place)?;
            if keys.iter().any(|k| k.as_bytes() == key.as_bytes()) {
                return Err(bad(&place, "each public key once", item));
            }
            keys.push(key);
        }
        Ok(keys)
    }
}

impl Fact for Digest {
    const KIND: FactKind = FactKind::Hash;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        const FORM: &str = "64 lower-case hex digits";
        string(value, place, FORM)?.parse().map_err(|_| bad(place, FORM, value))
    }
}

/// An ISO 3166-1 alpha-2 code, officially assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Country(&'static str);

/// An IANA time zone of the closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(&'static str);

/// A BCP 47 language tag: `[a-z]{2,3}(-[A-Za-z0-9]{2,8})*`, at most 35 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Language(String);

macro_rules! registered {
    ($type:ident, $kind:expr, $list:ident, $expected:literal) => {
        impl Fact for $type {
            const KIND: FactKind = $kind;
            fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
                let text = string(value, place, $expected)?;
                let at = $list.binary_search(&text).map_err(|_| bad(place, $expected, value))?;
                Ok(Self($list[at]))
            }
        }
        impl $type {
            /// Every code, sorted.
            pub const ALL: &'static [&'static str] = $list;
        }
    };
}
registered!(Country, FactKind::Country, COUNTRIES, "an ISO 3166-1 alpha-2 code");
registered!(Zone, FactKind::Zone, ZONES, "an IANA time zone of the list in events.json");

impl Language {
    /// Reads a tag.
    pub fn parse(text: &str) -> Option<Self> {
        let good = text.len() <= 35
            && text.split('-').enumerate().all(|(i, part)| match i {
                0 => (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase()),
                _ => (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()),
            });
        good.then(|| Self(text.to_owned()))
    }
}

impl Fact for Language {
    const KIND: FactKind = FactKind::Language;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        const FORM: &str = "a BCP 47 language tag such as ms or en-GB";
        let text = string(value, place, FORM)?;
        Self::parse(text).ok_or_else(|| bad(place, FORM, value))
    }
}

macro_rules! as_str {
    ($($type:ident)*) => { $(
        impl $type {
            /// As it stands in the event.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )* };
}
as_str!(Country Zone Language);

/// Closed lists of words: an enum with its text forms, readable as a fact.
macro_rules! words {
    ($($(#[doc = $doc:literal])* $type:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $text:literal,)* })*) => { $(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type { $($(#[doc = $vdoc])* #[doc = concat!("`", $text, "`")] $variant,)* }

        impl $type {
            /// Every word, in the order of `schema/events.json`.
            pub const WORDS: &'static [&'static str] = &[$($text,)*];
            /// Every value, in the same order.
            pub const ALL: &'static [$type] = &[$($type::$variant,)*];
            /// The word as it stands in the event.
            pub fn as_str(self) -> &'static str {
                match self { $($type::$variant => $text,)* }
            }
            /// The value of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($text => Some($type::$variant),)* _ => None }
            }
        }
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl $crate::event::facts::Fact for $type {
            const KIND: $crate::event::facts::FactKind = $crate::event::facts::FactKind::Word(Self::WORDS);
            fn read(value: &$crate::event::json::Json<'_>, place: &str) -> Result<Self, $crate::event::Refusal> {
                let expected = || format!("one of {}", Self::WORDS.join(", "));
                match value {
                    $crate::event::json::Json::String(s) => Self::from_word(s)
                        .ok_or_else(|| $crate::event::facts::bad(place, expected(), value)),
                    other => Err($crate::event::facts::bad(place, expected(), other)),
                }
            }
        }
    )* };
}
pub(crate) use words;

words! {
    /// How the days of a period are counted (domain.md, deadlines).
    DeadlineRule {
        Calendar = "calendar",
        Working = "working",
        InterpretationAct54 = "my-interpretation-act-54",
    }
    /// What starts the clock: issue, or the lowest grade of delivery.
    ClockStart {
        Issue = "issue",
        Relayed = "relayed",
        Available = "available",
        HandedOver = "handed_over",
        Accepted = "accepted",
    }
    /// The weekly holiday under the Interpretation Acts.
    Weekly {
        Sunday = "sunday",
        Friday = "friday",
    }
    /// What became of one item of a demand.
    Outcome {
        Answered = "answered",
        Partly = "partly",
        Refused = "refused",
        NotHeld = "not_held",
        Holding = "holding",
    }
    /// What the demander makes of an answer.
    Verdict {
        Satisfied = "satisfied",
        Partly = "partly",
        Unsatisfied = "unsatisfied",
    }
}

/// When an answer falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deadline {
    /// A date, taken as written.
    By(Day),
    /// A period.
    Period {
        /// Its length in days, 1 to 3650.
        days: u16,
        /// How days are counted.
        rule: DeadlineRule,
        /// What starts the clock.
        from: ClockStart,
        /// The weekly holiday; with `my-interpretation-act-54` only.
        weekly: Option<Weekly>,
        /// Holidays, ascending. They travel with the event, so that anyone computes the same date.
        holidays: Vec<Day>,
    },
}

/// The members of an object, and where it stands, for messages.
pub(crate) struct Members<'m, 'a> {
    pub members: &'m [(&'a str, Json<'a>)],
    pub place: &'m str,
}

impl<'m, 'a> Members<'m, 'a> {
    pub fn get(&self, name: &str) -> Option<&'m Json<'a>> {
        self.members.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }
    /// The place of a member, for messages.
    pub fn at(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }
    pub fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        match self.members.iter().find(|(n, _)| !names.contains(n)) {
            None => Ok(()),
            Some((name, _)) => {
                let allowed = if names.is_empty() {
                    "no members here".into()
                } else {
                    format!("only {}", names.join(", "))
                };
                let found = super::refusal::quote(name);
                Err(Refusal::new(Code::UnknownMember, self.at(name), allowed, found))
            }
        }
    }
    /// Reads a required member of a compound fact; `BAD_FACT` if it is missing.
    fn need<T: Fact>(&self, name: &str) -> Result<T, Refusal> {
        match self.get(name) {
            Some(value) => T::read(value, &self.at(name)),
            None => Err(Refusal::new(Code::BadFact, self.at(name), "this member", "nothing")),
        }
    }
    fn maybe<T: Fact>(&self, name: &str) -> Result<Option<T>, Refusal> {
        self.get(name).map(|value| T::read(value, &self.at(name))).transpose()
    }
    /// As [`only`](Self::only), inside compound facts, where every fault is `BAD_FACT`.
    fn only_these(&self, names: &[&str]) -> Result<(), Refusal> {
        self.only(names).map_err(|r| Refusal { code: Code::BadFact, ..r })
    }
}

fn object<'m, 'a>(value: &'m Json<'a>, place: &'m str, expected: &str) -> Result<Members<'m, 'a>, Refusal> {
    match value {
        Json::Object(members) => Ok(Members { members, place }),
        other => Err(bad(place, expected, other)),
    }
}

impl Fact for Deadline {
    const KIND: FactKind = FactKind::Deadline;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        let m = object(value, place, "{by} or {days, rule, from}")?;
        if m.get("by").is_some() {
            m.only_these(&["by"])?;
            return Ok(Self::By(m.need("by")?));
        }
        m.only_these(&["days", "rule", "from", "weekly", "holidays"])?;
        let days: u64 = m.need("days")?;
        let days = match u16::try_from(days) {
            Ok(days @ 1..=3650) => days,
            _ => {
                return Err(Refusal::new(Code::BadFact, m.at("days"), "an integer from 1 to 3650", days));
            }
        };
        let (rule, from, weekly) = (m.need("rule")?, m.need("from")?, m.maybe("weekly")?);
        let mut holidays: Vec<Day> = Vec::new();
        let place = m.at("holidays");
        match m.get("holidays") {
            None => {}
            Some(Json::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    let place = format!("{place}[{i}]");
                    let day = Day::read(item, &place)?;
                    if holidays.last().is_some_and(|last| *last >= day) {
                        return Err(bad(&place, "dates in ascending order", item));
                    }
                    holidays.push(day);
                }
            }
            Some(other) => return Err(bad(&place, "an array of dates", other)),
        }
        Ok(Self::Period { days, rule, from, weekly, holidays })
    }
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemOutcome {
    /// Number of the item, from 1.
    pub item: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What the demander makes of the answer to one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemVerdict {
    /// Number of the item, from 1.
    pub item: u64,
    /// The verdict.
    pub verdict: Verdict,
}

fn items<T: Fact>(value: &Json<'_>, place: &str, member: &'static str) -> Result<Vec<(u64, T)>, Refusal> {
    let Json::Array(list) = value else {
        return Err(bad(place, format_args!("an array of {{item, {member}}}"), value));
    };
    let mut out: Vec<(u64, T)> = Vec::with_capacity(list.len());
    for (i, entry) in list.iter().enumerate() {
        let place = format!("{place}[{i}]");
        let m = object(entry, &place, &format!("{{item, {member}}}"))?;
        m.only_these(&["item", member])?;
        let item: u64 = m.need("item")?;
        if item == 0 || out.last().is_some_and(|(last, _)| *last >= item) {
            let expected = "items from 1, ascending, each once";
            return Err(Refusal::new(Code::BadFact, m.at("item"), expected, item));
        }
        out.push((item, m.need(member)?));
    }
    Ok(out)
}

impl Fact for Vec<ItemOutcome> {
    const KIND: FactKind = FactKind::Outcomes;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        let list = items(value, place, "outcome")?;
        Ok(list.into_iter().map(|(item, outcome)| ItemOutcome { item, outcome }).collect())
    }
}

impl Fact for Vec<ItemVerdict> {
    const KIND: FactKind = FactKind::Verdicts;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        let list = items(value, place, "verdict")?;
        Ok(list.into_iter().map(|(item, verdict)| ItemVerdict { item, verdict }).collect())
    }
}

/// A blob of an entry: its words, or a file that the words name. Named by its place, never by a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Position {
    /// The words, `content`.
    Content,
    /// The file at this place in the words' `files`, `files/<i>`, counted from 0.
    File(u32),
}

impl Position {
    /// Reads `content` or `files/<i>`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "content" {
            return Some(Self::Content);
        }
        let digits = text.strip_prefix("files/")?;
        let canonical =
            digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
        if canonical { digits.parse().ok().map(Self::File) } else { None }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content => f.write_str("content"),
            Self::File(i) => write!(f, "files/{i}"),
        }
    }
}

impl Fact for Vec<Position> {
    const KIND: FactKind = FactKind::Positions;
    fn read(value: &Json<'_>, place: &str) -> Result<Self, Refusal> {
        const FORM: &str = "content or files/<i>, each once";
        let Json::Array(list) = value else { return Err(bad(place, "an array of positions", value)) };
        let mut out: Vec<Position> = Vec::with_capacity(list.len());
        let mut seen = HashSet::with_capacity(list.len());
        for (i, entry) in list.iter().enumerate() {
            let place = format!("{place}[{i}]");
            let position = Position::parse(string(entry, &place, FORM)?);
            match position {
                Some(p) if seen.insert(p) => out.push(p),
                _ => return Err(bad(&place, FORM, entry)),
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::json;

    fn read<T: Fact>(text: &str) -> Result<T, Refusal> {
        let line = format!("{{\"x\":{text}}}");
        match json::parse(&line).unwrap() {
            Json::Object(m) => T::read(&m[0].1, "facts.x"),
            _ => unreachable!(),
        }
    }

    #[test]
    fn registries_are_sorted() {
        for list in [Country::ALL, Zone::ALL] {
            assert!(list.is_sorted());
        }
    }

    #[test]
    fn compound_facts_name_the_place_of_the_fault() {
        let place = |text| read::<Deadline>(text).unwrap_err().place;
        assert_eq!(place(r#"{"by":"2023-02-30"}"#), "facts.x.by");
        assert_eq!(place(r#"{"by":"2023-02-03","days":1}"#), "facts.x.days");
        assert_eq!(place(r#"{"days":0,"rule":"calendar","from":"issue"}"#), "facts.x.days");
        assert_eq!(place(r#"{"days":3651,"rule":"calendar","from":"issue"}"#), "facts.x.days");
        assert_eq!(place(r#"{"days":1,"from":"issue"}"#), "facts.x.rule");
        let falling = r#"{"days":1,"rule":"calendar","from":"issue","holidays":["2024-01-01","2023-12-25"]}"#;
        assert_eq!(place(falling), "facts.x.holidays[1]");
        let twice = r#"[{"item":1,"outcome":"partly"},{"item":1,"outcome":"refused"}]"#;
        assert_eq!(read::<Vec<ItemOutcome>>(twice).unwrap_err().place, "facts.x[1].item");
        assert!(read::<Vec<Position>>(r#"["content","files/0","files/10"]"#).is_ok());
        for bad in [
            r#"["files/00"]"#,
            r#"["files/"]"#,
            r#"["files/+1"]"#,
            r#"["content","content"]"#,
            r#"["file/0"]"#,
        ] {
            assert!(read::<Vec<Position>>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn languages_follow_bcp_47() {
        for good in ["ms", "en", "zh-Hant-MY", "fil"] {
            assert!(read::<Language>(&format!("\"{good}\"")).is_ok(), "{good}");
        }
        for bad in ["m", "MS", "en-", "en-a", "en_GB", "malay", "en-abcdefghi", "Dr_X"] {
            assert!(read::<Language>(&format!("\"{bad}\"")).is_err(), "{bad}");
        }
    }
}

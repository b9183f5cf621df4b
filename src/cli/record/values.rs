//! Turns values of the command line into facts, words and files.

use std::{collections::BTreeMap, fs, io::Read as _, path::Path};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    cli::{Failure, repeated, terminal, words::Form},
    event::{Content, Digest, FactKind, FactSpec, FileRef, Language, MAX_CONTENT},
    media::media_type,
    note::VerifyingKey,
    views,
};

/// Values by flag.
pub(super) type Values = BTreeMap<String, Vec<String>>;

/// A text: itself, or `@file`, or `@-` for stdin; `@@` begins a text with an at sign.
pub(in crate::cli) fn text(flag: &str, value: &str) -> Result<String, Failure> {
    let Some(file) = value.strip_prefix('@') else { return Ok(value.to_owned()) };
    if file.starts_with('@') {
        return Ok(file.to_owned());
    }
    let bytes = read_small(Path::new(file), MAX_CONTENT).map_err(|e| e.of(&format!("--{flag}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::Usage(format!("--{flag}: {file} is not a text in UTF-8")))?;
    Ok(without_mark(file, &text).trim_end_matches(['\n', '\r']).to_owned())
}

/// Words that were typed at a prompt, written as a flag's value. At a prompt `@` never names a file.
pub(super) fn as_words(answer: &str) -> String {
    if answer.starts_with('@') {
        terminal::note(
            "  These are the words, and no file; words of a file are given with their flag, as @file.",
        );
        return format!("@{answer}");
    }
    answer.to_owned()
}

/// A text without the byte-order mark that some editors write at its head, which is no part of the words.
pub(in crate::cli) fn without_mark<'a>(file: &str, text: &'a str) -> &'a str {
    let Some(rest) = text.strip_prefix('\u{feff}') else { return text };
    terminal::note(&format!("{file}: the byte-order mark at its head is dropped"));
    rest
}

/// Reads a file of at most `limit` bytes; `-` is stdin.
pub(in crate::cli) fn read_small(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    let failed = |e: std::io::Error| Failure::Usage(format!("{}: {e}", path.display()));
    let mut bytes = Vec::new();
    let most = limit as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        fs::File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() > limit {
        return Err(Failure::Usage(format!("{}: longer than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

/// `NAME=VALUE`, taken apart.
pub(in crate::cli) fn pair<'a>(
    flag: &str,
    value: &'a str,
    form: &str,
) -> Result<(&'a str, &'a str), Failure> {
    let pair = value.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.ok_or_else(|| Failure::Usage(format!("--{flag} {value}: expected {form}")))
}

/// Refuses a code of two letters that no language has, and notes an unknown code of three: a mistyped tag is often well
/// formed.
fn language<'a>(flag: &str, tag: &'a str) -> Result<&'a str, Failure> {
    let code = tag.split('-').next().unwrap_or(tag);
    // A tag that is not well formed is refused later, with the form it should have.
    if views::is_named_language(tag) || Language::parse(tag).is_none() {
        return Ok(tag);
    }
    match code.len() {
        2 => Err(Failure::Usage(format!(
            "--{flag} {tag}: no language has the code {code}; Malay has ms, English en, Chinese zh, Tamil ta"
        ))),
        _ => {
            terminal::note(&format!("--{flag} {tag}: no name is known here for the language {code}"));
            Ok(tag)
        }
    }
}

/// A fact as JSON. It is checked when the event is signed. Only bytes that can't stand in an event are refused here: the later
/// error would name the byte, and not the fact.
pub(in crate::cli) fn fact(flag: &str, spec: &FactSpec, values: &[String]) -> Result<Value, Failure> {
    let fact = unread_fact(flag, spec.kind, values)?;
    refuse_odd_bytes(spec, &fact)?;
    Ok(fact)
}

/// The same, checked in full, so that a wrong answer is refused at its question.
pub(super) fn good_fact(flag: &str, spec: &FactSpec, values: &[String]) -> Result<Value, Failure> {
    let fact = unread_fact(flag, spec.kind, values)?;
    spec.kind.check(&fact, &format!("facts.{}", spec.name))?;
    Ok(fact)
}

/// Refuses a fact with bytes that can't stand in an event. The error says what was expected of the fact.
pub(super) fn refuse_odd_bytes(spec: &FactSpec, fact: &Value) -> Result<(), Failure> {
    if !has_odd_bytes(fact) {
        return Ok(());
    }
    Ok(spec.kind.check(fact, &format!("facts.{}", spec.name))?)
}

/// Whether a value holds a byte that line 3 of an event can't hold.
fn has_odd_bytes(value: &Value) -> bool {
    let odd = |text: &str| text.bytes().any(|b| !b.is_ascii_graphic() || matches!(b, b'"' | b'\\'));
    match value {
        Value::String(text) => odd(text),
        Value::Array(list) => list.iter().any(has_odd_bytes),
        Value::Object(members) => members.iter().any(|(name, value)| odd(name) || has_odd_bytes(value)),
        _ => false,
    }
}

fn unread_fact(flag: &str, kind: FactKind, values: &[String]) -> Result<Value, Failure> {
    let first = values.first().map_or("", String::as_str);
    let bad = |expected: &str| Failure::Usage(format!("--{flag} {first}: expected {expected}"));
    let items = |member: &str| {
        let item = |value: &String| {
            let form = format!("ITEM={}, such as 1=...", member.to_uppercase());
            let (item, word) = pair(flag, value, &form)?;
            let item: u64 =
                item.parse().map_err(|_| Failure::Usage(format!("--{flag} {value}: expected {form}")))?;
            Ok((item, json!({"item": item, member: word})))
        };
        let mut items = values.iter().map(item).collect::<Result<Vec<_>, Failure>>()?;
        items.sort_by_key(|(item, _)| *item);
        Ok::<Value, Failure>(items.into_iter().map(|(_, value)| value).collect())
    };
    Ok(match kind {
        FactKind::Count => first.parse::<u64>().map_err(|_| bad("a number from 0"))?.into(),
        FactKind::Bool => first.parse::<bool>().map_err(|_| bad("true or false"))?.into(),
        FactKind::Deadline => {
            Content::json(first).map_err(|_| bad("JSON, {\"by\":DATE} or {\"days\":N,...}"))?
        }
        FactKind::Language => language(flag, first)?.into(),
        FactKind::Vkey | FactKind::Vkeys => {
            // Refused here: the error when the event is made would quote the text, which may be a part of a secret key.
            let bad = |vkey: &String| Some((vkey.clone(), vkey.parse::<VerifyingKey>().err()?));
            if let Some((vkey, e)) = values.iter().find_map(bad) {
                return Err(Failure::Usage(format!("--{flag}{}: {e}", repeated(&vkey))));
            }
            if kind == FactKind::Vkey { first.into() } else { values.to_vec().into() }
        }
        FactKind::Positions => values.to_vec().into(),
        FactKind::Outcomes => items("outcome")?,
        FactKind::Verdicts => items("verdict")?,
        _ => first.into(),
    })
}

/// Words as JSON.
pub(super) fn word(flag: &str, form: Form, values: &[String]) -> Result<Value, Failure> {
    let first = values.first().map_or("", String::as_str);
    Ok(match form {
        Form::Text => text(flag, first)?.into(),
        Form::Bool => (first == "true").into(),
        Form::Number => first
            .parse::<u64>()
            .map_err(|_| Failure::Usage(format!("--{flag} {first}: expected a number from 0")))?
            .into(),
        Form::List | Form::Items => {
            values.iter().map(|v| text(flag, v)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Form::Json => {
            let json = text(flag, first)?;
            Content::json(&json).map_err(|e| Failure::Usage(format!("--{flag}: not JSON: {e}")))?
        }
        Form::Translation => {
            let (language, words) = pair(flag, first, "LANGUAGE=TEXT, such as en=...")?;
            json!({"language": self::language(flag, language)?, "text": text(flag, words)?})
        }
        Form::Answers => {
            let mut answers = Map::new();
            for value in values {
                let (item, words) = pair(flag, value, "ITEM=TEXT, such as 1=...")?;
                if item.parse::<u64>().is_err() {
                    return Err(Failure::Usage(format!(
                        "--{flag} {value}: expected ITEM=TEXT, such as 1=..."
                    )));
                }
                answers.insert(item.to_owned(), text(flag, words)?.into());
            }
            answers.into()
        }
    })
}

/// A file as words name it: hashed, with the media type its name tells.
pub(in crate::cli) fn file_ref(path: &Path) -> Result<FileRef, Failure> {
    let failed = |e: std::io::Error| Failure::Usage(format!("{}: {e}", path.display()));
    let mut file = fs::File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Failure::Usage(format!("{}: expected a file", path.display())));
    }
    let (mut blake3, mut sha256, mut size) = (blake3::Hasher::new(), Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            break;
        }
        blake3.update(&buffer[..n]);
        sha256.update(&buffer[..n]);
        size += n as u64;
    }
    let name = path.file_name().and_then(|n| n.to_str());
    let name = name.ok_or_else(|| Failure::Usage(format!("{}: expected a name in UTF-8", path.display())))?;
    Ok(FileRef {
        name: name.to_owned(),
        blake3: Digest(*blake3.finalize().as_bytes()),
        sha256: Digest(sha256.finalize().into()),
        size,
        media: media_type(name).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(values: &[&str]) -> Vec<String> {
        values.iter().map(|v| (*v).to_owned()).collect()
    }

    #[test]
    fn facts_take_the_form_of_their_kind() {
        let fact = |kind, values: &[&str]| {
            let spec = FactSpec { name: "x", required: true, kind, doc: "" };
            super::fact("x", &spec, &list(values))
        };
        let of = |kind, values: &[&str]| fact(kind, values).unwrap().to_string();
        assert_eq!(of(FactKind::Count, &["566"]), "566");
        assert_eq!(of(FactKind::At, &["2023-12"]), "\"2023-12\"");
        assert_eq!(of(FactKind::Positions, &["content", "files/0"]), r#"["content","files/0"]"#);
        let outcomes = of(FactKind::Outcomes, &["2=refused", "1=answered"]);
        assert_eq!(outcomes, r#"[{"item":1,"outcome":"answered"},{"item":2,"outcome":"refused"}]"#);
        for tag in ["ms", "en-GB", "zh-Hant", "iba", "xyz"] {
            assert_eq!(of(FactKind::Language, &[tag]), format!("{tag:?}"));
        }
        for (kind, bad) in [
            (FactKind::Language, "qq"),
            (FactKind::Language, "qq-GB"),
            (FactKind::Count, "-1"),
            (FactKind::Bool, "yes"),
            (FactKind::Outcomes, "x"),
            // Refused here, where it is known how much of it may be quoted.
            (FactKind::Vkey, "a b c"),
            (FactKind::Vkeys, "a b c"),
        ] {
            assert!(fact(kind, &[bad]).is_err(), "{bad}");
        }
        // A value with bytes that can't stand in an event is refused as a value, not by its byte.
        for (kind, bad) in [
            (FactKind::Day, "next year"),
            (FactKind::At, "2026 11"),
            (FactKind::Zone, "Asia/Kuala Lumpur"),
            (FactKind::Country, "M Y"),
            (FactKind::Language, "en us"),
            (FactKind::Language, "français"),
            (FactKind::Language, "e\"n"),
            (FactKind::Hash, "zz zz"),
            (FactKind::Positions, "files/ 0"),
            (FactKind::Outcomes, "1=not answered"),
            (FactKind::Deadline, r#"{"by":"2020 01"}"#),
            (FactKind::Word(&["one"]), "o\\ne"),
        ] {
            match fact(kind, &[bad]) {
                Err(Failure::Event(refusal)) => {
                    assert_eq!(refusal.code.as_str(), "BAD_FACT", "{bad}");
                    assert!(refusal.place.starts_with("facts.x"), "{bad}: {}", refusal.place);
                }
                other => panic!("{bad}: {other:?}"),
            }
        }
    }

    #[test]
    fn words_are_texts_or_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("words.txt");
        fs::write(&path, "Kenyataan\nrasmi\n").unwrap();
        let at = format!("@{}", path.display());
        assert_eq!(text("text", &at).unwrap(), "Kenyataan\nrasmi");
        fs::write(&path, "\u{feff}Kenya\u{feff}taan\n").unwrap();
        assert_eq!(text("text", &at).unwrap(), "Kenya\u{feff}taan", "one inside is the author's");
        assert_eq!(text("text", "@@home").unwrap(), "@home");
        assert!(text("text", "@/no/such/file").is_err());
        assert!(word("translation", Form::Translation, &list(&["qq=a"])).is_err());
        let answers = word("answer", Form::Answers, &list(&["1=yes", "2=no"])).unwrap();
        assert_eq!(answers.to_string(), r#"{"1":"yes","2":"no"}"#);
        assert_eq!(
            word("translation", Form::Translation, &list(&["en=a=b"])).unwrap().to_string(),
            r#"{"language":"en","text":"a=b"}"#
        );
    }
}

//! Words as search compares them: case folded and without diacritics. And their roots, in Malay and English.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// The most bytes of a word that are compared. Of a longer word, its beginning is.
const LONGEST: usize = 64;
/// The fewest letters that must be left when an affix is taken off.
const SHORTEST_ROOT: usize = 4;

/// Malay prefixes, the longer ones first, each with the letter of the root that it hides (`menuntut`: `tuntut`).
const PREFIXES: &[(&str, Hidden)] = &[
    ("meny", Hidden::Always("s")),
    ("peny", Hidden::Always("s")),
    ("meng", Hidden::Nothing),
    ("peng", Hidden::Nothing),
    ("mem", Hidden::BeforeVowel("p")),
    ("pem", Hidden::BeforeVowel("p")),
    ("men", Hidden::BeforeVowel("t")),
    ("pen", Hidden::BeforeVowel("t")),
    ("ber", Hidden::Nothing),
    ("ter", Hidden::Nothing),
    ("per", Hidden::Nothing),
    ("me", Hidden::Nothing),
    ("di", Hidden::Nothing),
    ("ke", Hidden::Nothing),
    ("se", Hidden::Nothing),
];
/// Suffixes, in the order in which they are taken off: at most one of each group.
const SUFFIXES: &[&[&str]] = &[&["lah", "kah", "pun"], &["nya"], &["kan", "an", "ing", "ed", "es", "s"]];

enum Hidden {
    Nothing,
    Always(&'static str),
    BeforeVowel(&'static str),
}

/// A word in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The word as it is compared.
    pub text: String,
    /// Where it begins in the text, in bytes.
    pub from: usize,
    /// Where it ends, in bytes.
    pub to: usize,
}

fn is_of_word(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() || is_combining_mark(c) }
}

/// Whether a character is invisible. Search passes over it, so that no word can be hidden by it.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Whether a letter belongs to a script that sets no spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese. Each
/// such letter counts as a word of its own, and a word of a query as a phrase of these: so it is found wherever it stands.
pub fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

/// The words of a text: runs of letters, digits and their combining marks, or single letters of scripts without spaces.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut words = Words::of(text);
    let mut out = Vec::new();
    let mut folded = String::new();
    while let Some((from, to)) = words.next(&mut folded) {
        out.push(Token { text: folded.clone(), from, to });
    }
    out
}

/// Goes through the words of a text.
pub struct Words<'t> {
    text: &'t str,
    /// Where the next word is looked for.
    at: usize,
}

impl<'t> Words<'t> {
    /// The words of this text.
    pub fn of(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the next word begins and ends, in bytes. Replaces the content of `folded` with the word as it is compared.
    pub fn next(&mut self, folded: &mut String) -> Option<(usize, usize)> {
        loop {
            let rest = &self.text[self.at..];
            let from = self.at + rest.find(is_of_word)?;
            let rest = &self.text[from..];
            let alone = rest.starts_with(stands_alone);
            let mut after = rest.char_indices().skip(1);
            let is_more =
                |c: char| is_unseen(c) || is_combining_mark(c) || is_of_word(c) && !alone && !stands_alone(c);
            let end = after.find(|(_, c)| !is_more(*c));
            let to = from + end.map_or(rest.len(), |(at, _)| at);
            self.at = to;
            folded.clear();
            fold(&self.text[from..to], folded);
            if !folded.is_empty() {
                return Some((from, to));
            }
        }
    }
}

fn fold(word: &str, out: &mut String) {
    if word.is_ascii() {
        out.push_str(&word[..word.len().min(LONGEST)]);
        out.make_ascii_lowercase();
        return;
    }
    for c in word.nfkd().filter(|c| !is_combining_mark(*c) && !is_unseen(*c)).flat_map(char::to_lowercase) {
        // The lower case of some letters has combining marks of its own.
        if is_combining_mark(c) {
            continue;
        }
        if out.len() + c.len_utf8() > LONGEST {
            break;
        }
        out.push(c);
    }
}

/// The root of a word, if an affix comes off: by rule, without a dictionary, so it may be no real word. `meng` may hide a `k`
/// (`mengatakan`: `kata`) or nothing (`mengambil`: `ambil`), and is taken to hide nothing.
pub fn root(word: &str) -> Option<String> {
    root_parts(word).map(|(given, rest)| format!("{given}{rest}"))
}

/// The root in two parts: the letter that a prefix hid, and what is left of the word.
pub fn root_parts(word: &str) -> Option<(&'static str, &str)> {
    if word.len() < SHORTEST_ROOT + 1 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    let mut left = word;
    for group in SUFFIXES {
        let shorter = group.iter().find_map(|s| left.strip_suffix(s).filter(|l| l.len() >= SHORTEST_ROOT));
        // In `process` the last s is no suffix.
        if let Some(shorter) = shorter.filter(|l| !(l.ends_with('s') && left.ends_with("ss"))) {
            left = shorter;
        }
    }
    for (prefix, hidden) in PREFIXES {
        let Some(rest) = left.strip_prefix(prefix) else { continue };
        let given = match hidden {
            Hidden::Always(letter) => letter,
            Hidden::BeforeVowel(letter) if rest.starts_with(['a', 'e', 'i', 'o', 'u']) => letter,
            _ => "",
        };
        if given.len() + rest.len() >= SHORTEST_ROOT {
            return Some((given, rest));
        }
    }
    (left != word).then_some(("", left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn case_and_diacritics_make_no_difference() {
        assert_eq!(words("Perkeso: RÉSUMÉ, re\u{301}sume\u{301}!"), ["perkeso", "resume", "resume"]);
        assert_eq!(words("566 tandatangan (2023-12-15)"), ["566", "tandatangan", "2023", "12", "15"]);
        assert_eq!(words("İstanbul ﬁle"), ["istanbul", "file"]);
        assert_eq!(words(" \u{301}\u{202e}… "), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_seen_hides_no_word() {
        assert_eq!(words("da\u{200b}ta\u{feff} per\u{ad}ibadi \u{2060}"), ["data", "peribadi"]);
    }

    #[test]
    fn letters_of_scripts_without_spaces_are_words() {
        assert_eq!(words("攻击，IT部门2号"), ["攻", "击", "it", "部", "门", "2", "号"]);
        // Vowels above or below a letter and tone marks belong to that letter. As in other scripts, they make no difference.
        assert_eq!(words("ผู้ใช้"), ["ผ", "ใ", "ช"]);
        assert_eq!(words("がｶﾞ"), ["か", "カ",]);
        assert_eq!(words("한국어 data"), [words("한국어").concat(), "data".to_owned()], "Korean sets spaces");
    }

    #[test]
    fn places_are_those_of_the_text_as_it_stands() {
        let text = "“Résumé” siap";
        let found = tokens(text);
        assert_eq!(&text[found[0].from..found[0].to], "Résumé");
        assert_eq!(&text[found[1].from..found[1].to], "siap");
    }

    #[test]
    fn affixes_come_off() {
        for (word, expected) in [
            ("dijawab", "jawab"),
            ("menjawab", "jawab"),
            ("jawapannya", "jawap"),
            ("menuntut", "tuntut"),
            ("menyatakan", "sata"),
            ("pemilik", "pilik"),
            ("membayar", "bayar"),
            ("bersama", "sama"),
            ("serahkan", "serah"),
            ("diserahkan", "serah"),
            ("answered", "answer"),
            ("questions", "question"),
        ] {
            assert_eq!(root(word).as_deref(), Some(expected), "{word}");
        }
        for word in ["data", "kes", "566", "résumé", "akan", "process"] {
            assert_eq!(root(word), None, "{word}");
        }
    }

    #[test]
    fn a_long_word_is_cut() {
        assert_eq!(words(&"a".repeat(500))[0].len(), LONGEST);
        assert!(words(&"ű".repeat(500))[0].len() <= LONGEST);
    }
}

//! What changed between two texts, word by word.

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Texts of more words than this are not compared: the cost can grow with the square of their number.
const WORDS_COMPARED: usize = 2_000;

/// A run of words that stayed, was removed or was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// In both texts.
    Same(String),
    /// In the earlier text alone.
    Removed(String),
    /// In the later text alone.
    Added(String),
}

/// Words, each with the white space after it, so that they make up the text again.
fn words(text: &str) -> Vec<&str> {
    text.split_inclusive(char::is_whitespace).collect()
}

/// What changed from one text to another; `None` if one of them is too long to be compared.
pub(super) fn difference(from: &str, to: &str) -> Option<Vec<Change>> {
    let (old, new) = (words(from), words(to));
    if old.len() > WORDS_COMPARED || new.len() > WORDS_COMPARED {
        return None;
    }
    // Compared without the white space, so that a last word without a space after it is the same word.
    let bare = |words: &[&str]| words.iter().map(|w| w.trim_end().to_owned()).collect::<Vec<_>>();
    let mut changes = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &bare(&old), &bare(&new)) {
        match op {
            DiffOp::Equal { new_index, len, .. } => {
                changes.push(Change::Same(new[new_index..new_index + len].concat()))
            }
            DiffOp::Delete { old_index, old_len, .. } => {
                changes.push(Change::Removed(old[old_index..old_index + old_len].concat()));
            }
            DiffOp::Insert { new_index, new_len, .. } => {
                changes.push(Change::Added(new[new_index..new_index + new_len].concat()));
            }
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                changes.push(Change::Removed(old[old_index..old_index + old_len].concat()));
                changes.push(Change::Added(new[new_index..new_index + new_len].concat()));
            }
        }
    }
    Some(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn changed_words_are_told_from_those_that_stayed() {
        let changes = difference("No data was taken.", "Some data was taken by them.").unwrap();
        assert_eq!(
            changes,
            [
                Change::Removed("No ".into()),
                Change::Added("Some ".into()),
                Change::Same("data was ".into()),
                Change::Removed("taken.".into()),
                Change::Added("taken by them.".into()),
            ]
        );
        assert_eq!(difference("a b", "a b\n").unwrap().len(), 1, "space at the end is no word");
        assert_eq!(difference(&"a ".repeat(2_001), "a"), None);
    }

    proptest! {
        #[test]
        fn what_stayed_and_came_is_the_later_text(from in "[ab \n]{0,40}", to in "[ab \n]{0,40}") {
            let mut later = String::new();
            for change in difference(&from, &to).unwrap() {
                match change {
                    Change::Same(text) | Change::Added(text) => later.push_str(&text),
                    Change::Removed(_) => {}
                }
            }
            prop_assert_eq!(later, to);
        }
    }
}

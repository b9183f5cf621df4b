//! Where the cases of the story stand, word for word as domain.md asks.

#[path = "support/story.rs"]
mod story;
mod support;

use onrecord::{log::Time, views::Views};
use support::{init, open};

#[test]
fn the_sentences_of_the_domain_are_said_word_for_word() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("ledger");
    init(&dir);
    let ledger = open(&dir);
    let ids = story::tell(&ledger);
    let views = Views::new(ledger.reader());
    let said = |case: &str, as_of: &str| -> Vec<String> {
        let standing = views.standing(&ids[case], Time::parse(as_of).unwrap()).unwrap().unwrap();
        standing.sentences.iter().map(ToString::to_string).collect()
    };
    let now = "2026-11-23T05:06:10.000Z";
    assert_eq!(
        said("case-socso", now),
        [
            "Three questions in a letter of 15 Dec 2023, as reported; 566 signatures stated, no roll committed. \
          No evidence of delivery on record. No answer on record. As of 23 November 2026, 05:06:10 UTC."
        ]
    );
    assert_eq!(
        said("case-contoh", "2024-01-01T00:00:00.000Z")[0],
        "Handed over Fri 15 Dec 2023, on the sender's word. Answer due Fri 29 Dec (14 days, rule chosen by the \
         sender). 1 answered, 1 refused, 1 open, 3 days past its date."
    );
    assert_eq!(
        said("case-lhdn", now),
        [
            "A tech portal is reported to have claimed a possible exposure on 13 Dec 2023. No position of LHDN on record."
        ]
    );
    assert_eq!(
        said("case-jakim", now),
        ["No demand on record. Jakim is reported to have spoken once on 9 Dec 2023."]
    );
    assert_eq!(
        said("case-contoh", "2024-01-13T00:00:00.000Z")[1].split(". ").next(),
        Some("Withdrawn"),
        "the second demand was taken back"
    );
}

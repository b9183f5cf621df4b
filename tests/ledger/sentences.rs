//! The sentence of every entry of the story: `tests/golden/sentences.txt` holds the sentence of every type, and whose word it is.
//! `UPDATE_GOLDEN=1 cargo test` writes it.

use std::collections::BTreeSet;

use crate::support::{operator, say};
use crate::world::World;
use onrecord::{
    event::EventType,
    log::Time,
    note::{SignatureLine, SignedNote},
    views::{PreviewError, Views, VouchedBy, Words},
};
use serde_json::json;

#[test]
fn every_type_is_said_neutrally_and_by_whose_word_it_is() {
    let World { tmp: _tmp, ledger, .. } = World::whole();
    let views = Views::new(ledger.reader());
    let mut said = String::new();
    let mut types = BTreeSet::new();
    for index in 0..views.size() {
        let line = views.line(&views.record(index).unwrap().unwrap()).unwrap();
        types.insert(line.event_type);
        let marks = [(line.fictional, "fictional"), (line.voided, "void"), (line.withheld, "withheld")];
        let marks: Vec<&str> = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        said.push_str(&format!(
            "{index} {}\n    {}\n    {} {}{}{}\n",
            line.event_type,
            line.sentence,
            line.attribution.label(),
            line.attributed,
            if marks.is_empty() { "" } else { "; " },
            marks.join(", ")
        ));
    }
    assert_eq!(types.len(), EventType::ALL.len(), "the story has every type");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/sentences.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).unwrap();
        std::fs::write(path, &said).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    for (said, golden) in said.lines().zip(golden.lines()) {
        assert_eq!(said, golden);
    }
    assert_eq!(said.lines().count(), golden.lines().count());
}

#[test]
fn what_is_not_on_record_yet_is_said_as_it_will_be() {
    let World { tmp: _tmp, ledger, .. } = World::whole();
    let views = Views::new(ledger.reader());
    let mut with_words = 0;
    for index in 1..views.size() {
        let record = views.record(index).unwrap().unwrap();
        let words = views.words(&record).unwrap();
        let (note, text) = (record.event().note(), note_without_signatures(record.event().note()));
        let raw = match &*words {
            Words::Present { raw, .. } => Some(raw.clone()),
            Words::None => None,
            // The words were withheld since, and nobody has them.
            Words::Withheld(_) | Words::Missing => continue,
        };
        let before = views.at(index).unwrap();
        let said = before.preview(text.as_bytes(), raw.as_deref(), record.entry.header().time).unwrap();
        let after = views.at(index + 1).unwrap();
        assert_eq!(said, after.sentence(&record).unwrap(), "{index}: {note:?}");
        with_words += usize::from(raw.is_some());
        // Words that the event does not commit to are refused.
        let refused = before.preview(text.as_bytes(), Some(b"{}"), record.entry.header().time).unwrap_err();
        assert!(matches!(refused, PreviewError::Refused(_)), "{refused:?}");
    }
    assert!(with_words > 30, "{with_words}");
    assert!(matches!(
        views.preview(b"no note", None, Time::from_unix_ms(0).unwrap()),
        Err(PreviewError::Refused(_))
    ));
}

/// The note as it is before anybody signs it.
fn note_without_signatures(note: &SignedNote) -> String {
    let lines = note.signatures().iter().map(|line| SignatureLine::new(line.name(), line.key_id(), &[0; 64]));
    SignedNote::assemble(note.text(), &lines.collect::<Vec<_>>()).unwrap().as_str().to_owned()
}

#[test]
fn parties_keep_their_latest_name_and_say_who_vouched_for_each_key() {
    let World { tmp: _tmp, ledger, story: ids, .. } = World::whole();
    let views = Views::new(ledger.reader());
    let counsel = views.keys(&ids["counsel"]).unwrap();
    assert_eq!(counsel.len(), 2);
    assert_eq!(counsel[0].vouched, VouchedBy::Registrar(ids["desk"]));
    assert_eq!(counsel[1].vouched, VouchedBy::Itself);
    let revoked = counsel[0].revoked.as_ref().unwrap();
    assert_eq!(
        (revoked.reason.as_str(), revoked.since.as_ref().unwrap().as_str()),
        ("superseded", "2024-01-03")
    );
    assert!(counsel[1].revoked.is_none() && views.keys(&ids["socso"]).unwrap().is_empty());

    // An entry that the revoked key signed before still names the signer, and says that the key was revoked later.
    let demand = views.record_of(&ids["contoh-demand"]).unwrap().unwrap();
    let signer = views.signers(&demand).unwrap().remove(0);
    assert_eq!((signer.party, signer.revoked.unwrap().index), (ids["counsel"], revoked.index));

    let agency = views.party(&ids["agensi"]).unwrap().unwrap();
    assert_eq!((agency.name.to_string().as_str(), agency.fictional), ("Agensi Contoh", true));
    let latest = views.latest_words_of(&agency).unwrap().unwrap();
    assert_eq!(latest.event().event_type(), EventType::PartyUpdated);
    assert_eq!(views.party(&ids["desk"]).unwrap().unwrap().roles(), ["recorder"]);

    // A new name is told where the party is named, and is not put into sentences that were signed before.
    let registered = views.record_of(&ids["agensi"]).unwrap().unwrap();
    let was = "Onrecord demo desk registered Agensi Contoh";
    assert!(views.sentence(&registered).unwrap().to_string().starts_with(&format!("{was} as an agency")));
    let (refs, words) = (json!({"party": ids["agensi"]}), Some(json!({"name": "Agensi Baharu"})));
    let (_, updated) = say("party.updated", None, refs, json!({}), words).sign(&[&operator()]);
    ledger.record_blocking(vec![updated], false).remove(0).unwrap();
    let views = Views::new(ledger.reader());
    let said = views.sentence(&registered).unwrap().to_string();
    assert!(said.starts_with(&format!("{was} (now Agensi Baharu) as an agency")), "{said}");
}

#[test]
fn an_entry_tells_what_was_done_to_it_later() {
    let World { tmp: _tmp, ledger, story: ids, .. } = World::whole();
    let views = Views::new(ledger.reader());
    let entry = |label: &str| views.entry(views.index_of(&ids[label]).unwrap().unwrap()).unwrap().unwrap();
    let index = |label: &str| views.index_of(&ids[label]).unwrap();

    let void = entry("contoh-press-wrong");
    let correction = &void.since.acts[0];
    assert!(correction.is_void());
    assert!(void.line.voided);
    assert_eq!(
        (Some(correction.index), correction.replacement),
        (index("contoh-press-void"), index("contoh-press"))
    );
    assert!(!entry("contoh-incident").since.acts[0].is_void());
    assert_eq!(entry("contoh-incident").later.corrections.len(), 1);

    let list = entry("contoh-list");
    assert!(list.line.withheld && list.later.withheld[0].in_force);
    let given_back = entry("contoh-18-dec");
    assert!(!given_back.line.withheld && !given_back.later.withheld[0].in_force);
    assert_eq!(given_back.later.released.len(), 1);
    assert!(given_back.words_view.is_some());

    let demand = entry("contoh-demand");
    let named_by: Vec<Option<u64>> = demand.named_by.iter().map(|l| Some(l.index)).collect();
    assert!(named_by.contains(&index("contoh-reply")) && named_by.contains(&index("contoh-hand")));
    assert_eq!(demand.case.unwrap().id, ids["case-contoh"]);
    assert!(entry("agensi-press-key").line.fictional && !entry("socso").line.fictional);
}

//! Whose word evidence of delivery is. It depends on the keys that signed, on the voucher it names, and on whether it encloses
//! a file; no sentence says more than the signatures do.

use super::{Named, Part, Record, Sentence, Teller, Times, Views, Words};
use crate::{
    event::{Body, EventId, Voucher},
    ledger::ReadError,
};

/// Whose word it is, in words that follow what happened: `, on the sender's word`. `recorder` is the other party that put it on
/// record; `enclosed` says whether the words name a file, if they can be read.
fn vouched(voucher: Voucher, teller: Teller, recorder: Option<Named>, enclosed: Option<bool>) -> Sentence {
    let (base, on_paper) = match (voucher, teller) {
        (Voucher::AddresseeKey, Teller::Addressee) => (", on the word of the addressee's own key", false),
        (Voucher::AddresseeKey, Teller::Other(_)) => ("", false),
        (Voucher::AddresseeKey | Voucher::Sender, _) => (", on the sender's word", false),
        (Voucher::AddresseePaper, _) => (", on the addressee's paper", true),
        (Voucher::Carrier, _) => (", on the carrier's word", true),
        (Voucher::System, _) => (", on the word of a computer system", true),
        (Voucher::ProcessServer, _) => (", on the process server's word", true),
    };
    let told = match teller {
        Teller::Addressee if voucher != Voucher::AddresseeKey => ", as the addressee tells it",
        Teller::Sender if on_paper => ", as the sender tells it",
        Teller::Other(_) => ", recorded by ",
        _ => "",
    };
    let mut parts = vec![Part::Text(format!("{base}{told}"))];
    if let Some(Named { id, name }) = recorder {
        parts.push(Part::Party { id, name: name.to_string() });
    }
    let missing = match (voucher, teller) {
        (Voucher::AddresseeKey, Teller::Sender | Teller::Other(_)) => "; no key of the addressee signed",
        _ if on_paper && enclosed == Some(false) => "; no paper enclosed",
        _ => return Sentence::of(parts),
    };
    parts.push(Part::Text(missing.to_owned()));
    Sentence::of(parts)
}

impl Views {
    /// Whose word evidence of delivery is, and whether the key behind it is distrusted.
    pub(super) fn vouched(
        &self,
        record: &Record,
        voucher: Voucher,
        teller: Teller,
    ) -> Result<Sentence, ReadError> {
        let recorder = match teller {
            Teller::Other(party) => Some(self.named(&party)?),
            _ => None,
        };
        let mut parts = vouched(voucher, teller, recorder, self.encloses(record)?).parts().to_vec();
        if Times::of(record).is_ahead() {
            parts.push(Part::Text("; dated ahead of its recording".to_owned()));
        }
        parts.push(Part::Text(self.distrust_words(record, None)?));
        Ok(Sentence::of(parts))
    }

    /// Whether the words of an entry name a file; `None` if they can't be read.
    pub(super) fn encloses(&self, record: &Record) -> Result<Option<bool>, ReadError> {
        Ok(match &*self.words(record)? {
            Words::None => Some(false),
            Words::Present { content, .. } => Some(!content.files().is_empty()),
            Words::Withheld(_) | Words::Missing => None,
        })
    }

    /// Whose word evidence about a notice is, by the keys that signed it.
    pub(super) fn teller(&self, record: &Record, notice: &EventId) -> Result<Teller, ReadError> {
        let signers = &record.entry.header().signers;
        let notice = self.record_of(notice)?;
        Ok(match notice.as_ref().map(|n| n.event().body()) {
            Some(Body::NoticeDispatched(b)) => Teller::of(signers, &b.sender, &b.addressee),
            // Can't happen: evidence names a notice that is on record before it.
            _ => Teller::Other(record.parties().next().unwrap_or(record.event().id())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::Name;

    const SENDER: EventId = EventId([1; 32]);
    const ADDRESSEE: EventId = EventId([2; 32]);
    const DESK: EventId = EventId([3; 32]);

    /// Each case: who signed, the voucher as recorded, the words, and what is added if no file is enclosed. With a file, or if
    /// the words can't be read, nothing is added.
    #[test]
    fn no_evidence_is_more_than_the_word_of_who_signed_it() {
        use Voucher::{AddresseeKey, AddresseePaper, Carrier, ProcessServer, Sender, System};
        let (sender, addressee, desk) = (&[SENDER][..], &[ADDRESSEE][..], &[DESK][..]);
        let both = &[SENDER, ADDRESSEE][..];
        const NO_PAPER: &str = "; no paper enclosed";
        for (signed, voucher, said, without) in [
            (sender, Sender, ", on the sender's word", ""),
            (sender, AddresseeKey, ", on the sender's word; no key of the addressee signed", ""),
            (sender, AddresseePaper, ", on the addressee's paper, as the sender tells it", NO_PAPER),
            (sender, Carrier, ", on the carrier's word, as the sender tells it", NO_PAPER),
            (sender, System, ", on the word of a computer system, as the sender tells it", NO_PAPER),
            (sender, ProcessServer, ", on the process server's word, as the sender tells it", NO_PAPER),
            (addressee, Sender, ", on the sender's word, as the addressee tells it", ""),
            (addressee, AddresseeKey, ", on the word of the addressee's own key", ""),
            (addressee, AddresseePaper, ", on the addressee's paper, as the addressee tells it", NO_PAPER),
            (addressee, Carrier, ", on the carrier's word, as the addressee tells it", NO_PAPER),
            (both, AddresseeKey, ", on the word of the addressee's own key", ""),
            (both, System, ", on the word of a computer system, as the addressee tells it", NO_PAPER),
            (desk, Sender, ", on the sender's word, recorded by Meja", ""),
            (desk, AddresseeKey, ", recorded by Meja; no key of the addressee signed", ""),
            (desk, AddresseePaper, ", on the addressee's paper, recorded by Meja", NO_PAPER),
            (desk, Carrier, ", on the carrier's word, recorded by Meja", NO_PAPER),
            (desk, System, ", on the word of a computer system, recorded by Meja", NO_PAPER),
            (desk, ProcessServer, ", on the process server's word, recorded by Meja", NO_PAPER),
        ] {
            let signers: Vec<_> = signed.iter().map(|party| (*party, 0)).collect();
            let teller = Teller::of(&signers, &SENDER, &ADDRESSEE);
            let recorder = matches!(teller, Teller::Other(_))
                .then(|| Named { id: DESK, name: Name::Known("Meja".into()) });
            for (enclosed, rest) in [(Some(true), ""), (Some(false), without), (None, "")] {
                let found = vouched(voucher, teller, recorder.clone(), enclosed).to_string();
                assert_eq!(found, format!("{said}{rest}"), "{signed:?} {voucher} {enclosed:?}");
            }
        }
    }
}

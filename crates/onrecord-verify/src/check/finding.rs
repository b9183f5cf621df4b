//! What checks find, as data.

use std::fmt;

use crate::{
    event::EventId,
    log::Hash,
    note::{KeyId, KeyName, Origin, VerifyingKey},
    timestamp::Timestamp,
};

/// A finding that has a code for programs beside its text for people.
pub trait Coded: fmt::Display {
    /// The code, for programs to compare. It stays the same when the text is reworded.
    fn code(&self) -> &'static str;
}

/// How the members of an exhibit or a case file were packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packing {
    /// As a ledger writes them.
    AsWritten,
    /// Packed by another program.
    Anew {
        /// Names that no exhibit has: the first of them, at most three.
        others: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// As the files of a folder.
    Unpacked {
        /// Names that no exhibit has: the first of them, at most five.
        others: Vec<String>,
        /// How many more there are.
        more: usize,
    },
}

/// How many of a ledger's words, or of its files, are present, withheld and missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blobs {
    /// Present, and as they were committed to.
    pub present: u64,
    /// Withheld by the log.
    pub withheld: u64,
    /// Neither present nor withheld.
    pub missing: u64,
    /// Of those that are present, how many the log withholds.
    pub kept: u64,
}

/// A key by its name and id.
type Key = (KeyName, KeyId);

/// What a check found. The text of an error is carried as the error's own [`Display`](fmt::Display) made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The first fault is reported below the checks.
    SeeBelow,
    /// The check was not reached: another check found a fault at this place.
    Stopped(String),
    /// The check was not reached, for the reason that is reported below the checks.
    StoppedBelow,
    /// Nobody asked for it.
    NotAsked,

    /// How the members of an exhibit were packed.
    Exhibit(Packing),
    /// The input is broken or contradicts itself, so it is no exhibit.
    NotAnExhibit(String),
    /// The input is of a kind that is not read here. It may still hold a good exhibit.
    NotRead(String),
    /// How many exhibits a case file has, and how it was packed.
    CaseFile {
        /// The number of exhibits.
        exhibits: usize,
        /// How the case file was packed.
        packing: Packing,
    },
    /// The input is broken or contradicts itself, so it is no case file.
    NotACaseFile(String),
    /// Each exhibit of a case file carries its own proof.
    Exhibits(usize),
    /// What is wrong with an exhibit of a case file, or what could not be checked in it.
    OfExhibit {
        /// The exhibit's name.
        exhibit: String,
        /// The check of the exhibit that found it, if one did.
        check: Option<super::Name>,
        /// What was found.
        what: String,
    },
    /// By the ledger's numbering, no entry of the case is missing.
    Thread {
        /// The number of the last enclosed entry within the case, counted from 0.
        to: u64,
        /// The index of the first entry of the case.
        first: u64,
        /// The index of the last enclosed entry of the case.
        last: u64,
    },
    /// An entry that is not the next one of the case.
    NotInThread(String),
    /// The words of every entry of a case are enclosed.
    AllWords,
    /// The files of every entry of a case are enclosed.
    AllFiles,
    /// Indexes of the entries of a case whose words are not enclosed.
    WithoutWords(Vec<u64>),
    /// Indexes of the entries of a case whose files are not all enclosed.
    WithoutFiles(Vec<u64>),

    /// A proof that can't be read.
    NotAProof(String),
    /// An entry, and the log's key as entry 0 names it.
    EntryOf {
        /// Its index.
        index: u64,
        /// Its ledger.
        origin: Origin,
        /// The key.
        key: Key,
    },
    /// An entry of an exhibit that does not enclose entry 0, so that no key of the log is named.
    EntryWithoutFirst {
        /// Its index.
        index: u64,
        /// Its ledger.
        origin: Origin,
    },
    /// The entry of a receipt.
    EntryOfReceipt {
        /// Its index.
        index: u64,
        /// Its ledger.
        origin: Origin,
    },
    /// An entry or a proof that can't be read, or an entry that is not the one its proof is of.
    NotTheEntry(String),
    /// An event whose keys belonged to their parties at that time.
    SignedBy(Vec<Key>),
    /// An event whose signatures are good; which parties the keys belonged to at that time is not shown.
    SignedByWhom {
        /// The keys.
        keys: Vec<Key>,
        /// The party whose thread is not enclosed whole; none in a receipt, which encloses none.
        party: Option<EventId>,
    },
    /// A signature that is not good, or a key that did not belong to its party at that time.
    NotSigned(String),
    /// The event carries no words.
    Wordless,
    /// The words that the event commits to.
    Words,
    /// The words are withheld.
    Withheld {
        /// Index of the entry that withholds them.
        by: u64,
        /// The ground that it gives.
        ground: &'static str,
    },
    /// The words are not enclosed; only their digest is.
    WordsNotEnclosed,
    /// Words that the event does not commit to.
    OtherWords(String),
    /// The words name no files.
    NoFiles,
    /// All files that the words name.
    Files(usize),
    /// Some of the files that the words name.
    SomeFiles {
        /// How many are enclosed.
        there: usize,
        /// How many the words name.
        of: usize,
    },
    /// A file that the words do not name.
    OtherFile(String),
    /// An entry and others in a tree.
    Included {
        /// Index of the entry.
        index: u64,
        /// The number of other entries.
        others: usize,
        /// The root.
        root: Hash,
    },
    /// The entry of a receipt in a tree.
    IncludedInTree {
        /// The size of the tree.
        size: u64,
        /// Its root.
        root: Hash,
    },
    /// An entry that is not in the tree.
    NotIncluded(String),

    /// No policy was given, and none is enclosed.
    NoPolicy,
    /// No policy was given.
    NoPolicyGiven,
    /// The policy names no log.
    PolicyWithoutLog,
    /// The policy has no key with which this log's checkpoints can be checked.
    PolicyLacks(String),
    /// The policy that is enclosed can't be read.
    NotAPolicy(String),
    /// The policy trusts the key that signed the checkpoint.
    Trusted {
        /// The ledger.
        origin: Origin,
        /// The key's id.
        key: KeyId,
    },
    /// The reader gave no policy; the one that is enclosed was followed.
    Brought,
    /// Not the checkpoint of a log that the policy trusts.
    NotTrusted(String),
    /// A checkpoint that the log signed.
    Signed {
        /// The ledger.
        origin: Origin,
        /// How many entries it covers.
        size: u64,
        /// The key.
        key: Key,
        /// The size of the latest checkpoint, if that is not cosigned as the policy asks yet.
        latest: Option<u64>,
    },
    /// A checkpoint that is not the one expected.
    OtherCheckpoint(String),
    /// What the policy asks of witnesses is fulfilled, by good cosignatures of these.
    Cosigned(Vec<String>),
    /// The policy asks for no witnesses.
    NoWitnesses,
    /// What the policy asks of witnesses is not fulfilled, or an entry is dated after they saw it.
    NotCosigned(String),
    /// Tokens are enclosed, and none was checked.
    TokensUnchecked(usize),
    /// No authority has stamped the checkpoint.
    NotStamped,
    /// Authorities stamped the checkpoint.
    Stamped {
        /// What the tokens say, the earliest first; at least one.
        timestamps: Vec<Timestamp>,
        /// Why other tokens were passed over.
        passed_over: Vec<String>,
    },
    /// A token that is not good, or that is older than an entry it covers.
    NotAToken(String),

    /// The reader gave the key.
    KeyGiven(VerifyingKey),
    /// The reader gave no key. Which key the ledger says is its own, if that could be read.
    KeyClaimed(Option<VerifyingKey>),
    /// The ledger continues the checkpoint that was given.
    Continues(u64),
    /// All entries of a ledger.
    Entries {
        /// How many were checked.
        checked: u64,
        /// How many the ledger has.
        of: u64,
        /// How many signatures the checked entries have.
        signatures: u64,
        /// Index of the first entry that was checked.
        from: u64,
    },
    /// The rules, at every index.
    Rules,
    /// Each entry names the one before, and time never runs back.
    Chain,
    /// The root of all entries.
    Root {
        /// The root.
        root: Hash,
        /// Whether this is the root of the latest checkpoint, while the verdict is about an earlier one.
        latest: bool,
    },
    /// How many hash tiles were compared.
    Tiles(u64),
    /// A hash tile that is not what its entries make.
    OtherTile {
        /// Its path.
        place: String,
        /// What was expected and what was found.
        what: String,
    },
    /// The words of a ledger, or its files.
    Blobs(Blobs),
}

impl Coded for Finding {
    fn code(&self) -> &'static str {
        match self {
            Self::SeeBelow => "see_below",
            Self::Stopped(_) => "stopped",
            Self::StoppedBelow => "stopped_below",
            Self::NotAsked => "not_asked",
            Self::Exhibit(packing) => match packing {
                Packing::AsWritten => "as_written",
                Packing::Anew { .. } => "packed_anew",
                Packing::Unpacked { .. } => "unpacked",
            },
            Self::NotAnExhibit(_) => "not_an_exhibit",
            Self::NotRead(_) => "not_read",
            Self::CaseFile { .. } => "case_file",
            Self::NotACaseFile(_) => "not_a_case_file",
            Self::Exhibits(_) => "exhibits",
            Self::OfExhibit { .. } => "of_exhibit",
            Self::Thread { .. } => "thread",
            Self::NotInThread(_) => "not_in_thread",
            Self::AllWords => "all_words",
            Self::AllFiles => "all_files",
            Self::WithoutWords(_) => "without_words",
            Self::WithoutFiles(_) => "without_files",
            Self::NotAProof(_) => "not_a_proof",
            Self::EntryOf { .. } => "entry_of",
            Self::EntryWithoutFirst { .. } => "entry_without_first",
            Self::EntryOfReceipt { .. } => "entry_of_receipt",
            Self::NotTheEntry(_) => "not_the_entry",
            Self::SignedBy(_) => "signed_by",
            Self::SignedByWhom { .. } => "signed_by_whom",
            Self::NotSigned(_) => "not_signed",
            Self::Wordless => "wordless",
            Self::Words => "words",
            Self::Withheld { .. } => "withheld",
            Self::WordsNotEnclosed => "words_not_enclosed",
            Self::OtherWords(_) => "other_words",
            Self::NoFiles => "no_files",
            Self::Files(_) => "files",
            Self::SomeFiles { .. } => "some_files",
            Self::OtherFile(_) => "other_file",
            Self::Included { .. } => "included",
            Self::IncludedInTree { .. } => "included_in_tree",
            Self::NotIncluded(_) => "not_included",
            Self::NoPolicy => "no_policy",
            Self::NoPolicyGiven => "no_policy_given",
            Self::PolicyWithoutLog => "policy_without_log",
            Self::PolicyLacks(_) => "policy_lacks",
            Self::NotAPolicy(_) => "not_a_policy",
            Self::Trusted { .. } => "trusted",
            Self::Brought => "brought",
            Self::NotTrusted(_) => "not_trusted",
            Self::Signed { .. } => "signed",
            Self::OtherCheckpoint(_) => "other_checkpoint",
            Self::Cosigned(_) => "cosigned",
            Self::NoWitnesses => "no_witnesses",
            Self::NotCosigned(_) => "not_cosigned",
            Self::TokensUnchecked(_) => "tokens_unchecked",
            Self::NotStamped => "not_stamped",
            Self::Stamped { .. } => "stamped",
            Self::NotAToken(_) => "not_a_token",
            Self::KeyGiven(_) => "key_given",
            Self::KeyClaimed(_) => "key_claimed",
            Self::Continues(_) => "continues",
            Self::Entries { .. } => "entries",
            Self::Rules => "rules",
            Self::Chain => "chain",
            Self::Root { .. } => "root",
            Self::Tiles(_) => "tiles",
            Self::OtherTile { .. } => "other_tile",
            Self::Blobs(_) => "blobs",
        }
    }
}

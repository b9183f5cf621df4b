import { type Bytes, hexOf, same } from "./bytes.ts";
import { verifyCheckpoint } from "./checkpoint.ts";
import { CONTENT_LIMIT, contentOf, type FileRef, filesOf, verifyContent } from "./content.ts";
import { type Entry, ENTRY_LIMIT, entryOf } from "./entry.ts";
import { partyKeyOf, verifySignatures } from "./event.ts";
import { asFault, describe, refuse } from "./fault.ts";
import { blake3Hex, sha256 } from "./hash.ts";
import { verifyKeys } from "./keys.ts";
import { type Policy, POLICY_LIMIT, policyOf, quorumOf } from "./policy.ts";
import { type Proof, PROOF_LIMIT, proofOf } from "./proof.ts";
import { verifyInclusion } from "./tree.ts";
import type { Vkey } from "./vkey.ts";
import { membersOf, type Member } from "./zip.ts";

// Exhibits: one file that carries its own proof (formats.md section 8).

const README_LIMIT = 65_536;
const TIMESTAMP_LIMIT = 65_536;
const FILE_LIMIT = 256 * 1024 * 1024;

/** The members that may be there, in their order. Of several, `chain/` is ordered within. */
const LIST: [pattern: RegExp, limit: number][] = [
  [/^README\.txt$/, README_LIMIT],
  [/^entry$/, ENTRY_LIMIT],
  [/^proof\.tlog-proof$/, PROOF_LIMIT],
  [/^content\.json$/, CONTENT_LIMIT],
  [/^files\/[0-9a-f]{64}\.[a-z0-9]{1,8}$/, FILE_LIMIT],
  [/^chain\/(0|[1-9][0-9]{0,15})(\.tlog-proof)?$/, PROOF_LIMIT],
  [/^timestamps\/(0|[1-9][0-9]{0,3})\.tsr$/, TIMESTAMP_LIMIT],
  [/^trust\.policy$/, POLICY_LIMIT],
];

export const CHECKS = ["entry", "event", "content", "files", "inclusion", "checkpoint", "witnesses"] as const;
export type CheckName = (typeof CHECKS)[number];
export type State = "ok" | "failed" | "not checked" | "not enclosed";

export interface Check {
  readonly name: CheckName | "exhibit";
  readonly state: State;
  /** A plain sentence; for a failure the code, the place and what was expected. */
  readonly text: string;
}

/** `brought`: valid only by trust that the exhibit itself brought. `incomplete`: too little to check. */
export type Verdict = "valid" | "brought" | "incomplete" | "refused";

export interface Report {
  readonly checks: Check[];
  readonly verdict: Verdict;
  readonly sentences: string[];
}

export interface Trust {
  /** The reader's own policy; without it nothing is valid but by the exhibit's own word. */
  readonly policy?: Policy;
  /** The exhibit's file name, if known: `exhibit-<index>.zip` must then name the entry's index. */
  readonly fileName?: string;
}

interface Link {
  readonly entry: Entry;
  readonly proof: Proof;
}

interface Parts {
  readonly main: Link;
  /** By index, ascending, the main entry among them. */
  readonly links: Link[];
  readonly content?: Bytes;
  readonly files: Member[];
  readonly timestamps: number;
  readonly policy?: Bytes;
}

const NOTHING = "Nothing is proved.";

/** Checks an exhibit. Never throws for what the bytes hold. */
export async function verifyExhibit(zip: Bytes, trust: Trust = {}): Promise<Report> {
  let parts: Parts;
  try {
    parts = partsOf(membersOf(zip, limitOf));
  } catch (error) {
    const fault = asFault(error, "exhibit");
    const checks: Check[] = CHECKS.map((name) => {
      return { name, state: "not checked", text: "The exhibit's parts can't be told." };
    });
    const first: Check = { name: "exhibit", state: "failed", text: describe(fault) };
    if (fault.code === "ZIP") checks.unshift(first);
    else checks[0] = { ...first, name: "entry" };
    return { checks, verdict: "refused", sentences: [NOTHING] };
  }
  const found: Found = { cosigned: [] };
  const run: Record<CheckName, () => Outcome | Promise<Outcome>> = {
    entry: () => checkEntry(parts, found, trust),
    event: () => checkEvent(parts),
    content: () => checkContent(parts),
    files: () => checkFiles(parts),
    inclusion: () => checkInclusion(parts),
    checkpoint: () => checkCheckpoint(parts, found, trust),
    witnesses: () => checkWitnesses(parts, found, trust),
  };
  const checks: Check[] = [];
  for (const name of CHECKS) {
    try {
      const [state, text] = await run[name]();
      checks.push({ name, state, text });
    } catch (error) {
      checks.push({ name, state: "failed", text: describe(asFault(error, name)) });
    }
  }
  const verdict = verdictOf(checks, found, trust);
  return { checks, verdict, sentences: sentencesOf(parts, found, checks, verdict) };
}

type Outcome = [state: State, text: string];

/** What one check learns and a later one needs. */
interface Found {
  policy?: Policy;
  log?: Vkey;
  cosigned: string[];
  met?: number;
  signed?: boolean;
}

function rankOf(name: string): number {
  return LIST.findIndex(([pattern]) => pattern.test(name));
}

function limitOf(name: string): number | undefined {
  return LIST[rankOf(name)]?.[1];
}

/** Sorts names of one rank: numbers by size, an entry before its proof, digests as they read. */
function sortKey(name: string): string {
  return name.replace(
    /^(chain|timestamps)\/([0-9]+)/,
    (_, folder, number) => folder + number.padStart(16, "0"),
  );
}

function partsOf(members: Member[]): Parts {
  members.forEach(({ name }, i) => {
    const before = members[i - 1]?.name;
    if (before === undefined) return;
    const step = rankOf(name) - rankOf(before);
    if (step < 0 || (step === 0 && sortKey(name) <= sortKey(before))) {
      refuse("ZIP", `member ${name}`, "members in the order of formats.md section 8");
    }
  });
  const byName = new Map(members.map(({ name, bytes }) => [name, bytes]));
  const need = (name: string) => byName.get(name) ?? refuse("ZIP", `member ${name}`, "the member");
  const link = (name: string, proof: string): Link => {
    return { entry: entryOf(need(name), name), proof: proofOf(need(proof), proof) };
  };
  need("README.txt");
  const main = link("entry", "proof.tlog-proof");
  const links = [main];
  for (const { name } of members) {
    const [, index, isProof] = /^chain\/([0-9]+)(\.tlog-proof)?$/.exec(name) ?? [];
    if (index === undefined) continue;
    if (isProof) {
      need(name.slice(0, -isProof.length));
      continue;
    }
    const chained = link(name, `${name}.tlog-proof`);
    if (chained.entry.index !== Number(index)) refuse("ENTRY", name, "the index of its file name");
    if (chained.entry.index !== main.entry.index) links.push(chained);
    else if (
      chained.entry.hash !== main.entry.hash ||
      !same(need(`${name}.tlog-proof`), need("proof.tlog-proof"))
    ) {
      refuse("ENTRY", name, "the same bytes as the members entry and proof.tlog-proof");
    }
  }
  links.sort((a, b) => a.entry.index - b.entry.index);
  return {
    main,
    links,
    content: byName.get("content.json"),
    files: members.filter(({ name }) => name.startsWith("files/")),
    timestamps: members.filter(({ name }) => name.startsWith("timestamps/")).length,
    policy: byName.get("trust.policy"),
  };
}

function checkEntry({ main, links, policy: enclosed }: Parts, found: Found, trust: Trust): Outcome {
  const { origin, index } = main.entry;
  const [, named] = /(?:^|[\\/])exhibit-([0-9]+)\.zip$/.exec(trust.fileName ?? "") ?? [];
  if (named !== undefined && named !== String(index))
    refuse("ENTRY", "file name", `the entry's index ${index}`);
  links.forEach(({ entry, proof }, i) => {
    const place = `entry ${entry.index}`;
    if (proof.index !== entry.index) refuse("ENTRY", place, `the proof's index ${proof.index}`);
    if (entry.origin !== origin || proof.checkpoint.origin !== origin) {
      refuse("WRONG_ORIGIN", place, `the origin ${origin} in entry and checkpoint`);
    }
    if (proof.checkpointText !== main.proof.checkpointText) {
      refuse("CHECKPOINT", place, "the same checkpoint in all proofs");
    }
    const before = links[i - 1]?.entry;
    if (before && before.time > entry.time)
      refuse("ENTRY", `${place}, time`, "a time not before earlier entries'");
    if (before && before.index === entry.index - 1 && before.hash !== entry.prev) {
      refuse("ENTRY", `${place}, prev`, "the hash of the entry before, which is enclosed");
    }
  });
  const policy = trust.policy ?? (enclosed && policyOf(enclosed, "trust.policy"));
  found.policy = policy;
  const logs = (policy?.logs ?? []).filter((log) => log.name === origin);
  if (policy && policy.logs.length > 0 && logs.length === 0) {
    refuse("WRONG_ORIGIN", "entry", `an origin of the policy's logs, not ${origin}`);
  }
  const opening = links.find(({ entry }) => entry.index === 0)?.entry;
  if (!opening) {
    if (logs.length === 1) found.log = logs[0];
    return ["not checked", "The shape is good, but entry 0, which names the log's key, is not enclosed."];
  }
  const key = partyKeyOf(opening.event.facts.checkpoint_key, "entry 0, facts/checkpoint_key");
  if (key.name !== origin) refuse("BAD_FACT", "entry 0, facts/checkpoint_key", `a key named ${origin}`);
  // A policy without logs leaves the log to the context, and the context is this exhibit.
  if (logs.length > 0 && !logs.some((log) => log.text === key.text)) {
    refuse("CHECKPOINT", "entry 0, facts/checkpoint_key", "the key of the policy's log");
  }
  found.log = key;
  return ["ok", `This is entry ${index} of ${origin}, with its proof and its ledger's opening.`];
}

async function checkEvent({ main, links }: Parts): Promise<Outcome> {
  for (const { entry } of links) await verifySignatures(entry.event, `entry ${entry.index}`);
  const entries = links.map((link) => link.entry);
  // Whoever added a key had to hold one; where a thread is not whole, that is on the ledger's word.
  for (const entry of entries) if (entry !== main.entry) verifyKeys(entry, entries, `entry ${entry.index}`);
  const missing = verifyKeys(main.entry, entries);
  if (missing.length > 0) {
    return [
      "not checked",
      `The signatures fit the keys, but the thread of party ${missing[0]} is not whole.`,
    ];
  }
  return ["ok", "Every named key signed the event, and was on record and not revoked."];
}

function withholding({ main, links }: Parts): string | undefined {
  const { id, content } = main.entry.event;
  let withheld: Entry | undefined;
  for (const { entry } of links) {
    const { type, refs, facts } = entry.event;
    if (!content || refs.entry !== id || !Array.isArray(facts.blobs) || !facts.blobs.includes("content"))
      continue;
    if (type === "content.withheld") withheld = entry;
    if (type === "content.released") withheld = undefined;
  }
  return withheld && `withheld by entry ${withheld.index}, ground ${String(withheld.event.facts.ground)}`;
}

function checkContent(parts: Parts): Outcome {
  const ref = parts.main.entry.event.content;
  const bytes = parts.content;
  if (!ref) {
    if (bytes) refuse("CONTENT_DIGEST", "content.json", "no words, as the entry commits to none");
    return ["not enclosed", "The entry commits to no words."];
  }
  if (!bytes) {
    const why = withholding(parts);
    return [
      "not enclosed",
      why ? `The words were ${why}.` : "The words are missing, and nothing says they are withheld.",
    ];
  }
  verifyContent(bytes, ref, "content.json");
  return ["ok", `The ${ref.size} bytes of words have the digest that was signed.`];
}

function checkFiles({ main, content, files }: Parts): Outcome {
  const ref = main.entry.event.content;
  const words = ref && content;
  if (words) verifyContent(words, ref, "content.json");
  if (files.length === 0 && !words) return ["not enclosed", "No files are enclosed."];
  const seen = new Set<string>();
  for (const { name, bytes } of files) {
    const digest = name.slice(6, 70);
    if (blake3Hex(bytes) !== digest) refuse("FILE_DIGEST", name, "the BLAKE3 digest in its name");
    if (seen.has(digest)) refuse("FILE_DIGEST", name, "each file once");
    seen.add(digest);
  }
  // Bytes that nothing ties to the entry must not travel under its seal.
  if (!words) return refuse("FILE_DIGEST", files[0]!.name, "the words that would name it");
  const named = namedBy(words, files.length > 0);
  for (const { name, bytes } of files) {
    const file = named.find((file) => file.blake3 === name.slice(6, 70));
    if (!file) return refuse("FILE_DIGEST", name, "a file that the words name");
    if (file.size !== bytes.length || file.sha256 !== hexOf(sha256(bytes))) {
      refuse("FILE_DIGEST", name, "the size and the SHA-256 digest that the words name");
    }
  }
  const all = new Set(named.map((file) => file.blake3)).size;
  if (all === 0) return ["ok", "The words name no files."];
  if (files.length < all)
    return ["not enclosed", `${files.length} of the ${all} files that the words name are enclosed.`];
  return ["ok", `Each file that the words name (${all}) is enclosed and has its digests.`];
}

/** Whoever signed words that can't be read committed to them all the same; but then no file is named. */
function namedBy(words: Bytes, needed: boolean): FileRef[] {
  try {
    return filesOf(contentOf(words, "content.json"), "content.json");
  } catch (error) {
    if (needed) throw error;
    return [];
  }
}

function checkInclusion({ main, links }: Parts): Outcome {
  for (const { entry, proof } of links) {
    const { size, root } = proof.checkpoint;
    verifyInclusion(proof.index, size, entry.leaf, proof.path, root, `entry ${entry.index}`);
  }
  const { size } = main.proof.checkpoint;
  return [
    "ok",
    `The checkpoint's tree of ${size} entries holds this one and the others enclosed (${links.length - 1}).`,
  ];
}

const BROUGHT = "trust brought by the exhibit";

async function checkCheckpoint({ main }: Parts, found: Found, trust: Trust): Promise<Outcome> {
  const log = found.log;
  if (!log) return ["not checked", "There is no key of the log to check the checkpoint against."];
  await verifyCheckpoint(main.proof.checkpoint, log);
  found.signed = true;
  const known = trust.policy?.logs.some((each) => each.text === log.text);
  if (known) return ["ok", `The policy's log ${log.text} signed the checkpoint.`];
  return [
    "not checked",
    `${BROUGHT}: the signature is good, but only the exhibit says that ${log.text} is the log.`,
  ];
}

async function checkWitnesses({ main }: Parts, found: Found, trust: Trust): Promise<Outcome> {
  const policy = found.policy;
  if (!policy) return ["not checked", "There is no policy that says which witnesses count."];
  // A bad line under a known witness's key fails here, whether or not the quorum needs that witness.
  const { met, cosigned } = await quorumOf(policy, main.proof.checkpoint);
  found.cosigned = cosigned;
  if (!trust.policy) {
    const what = policy.quorum === "none" ? "asks for no witness" : met ? "is satisfied" : "is not satisfied";
    return ["not checked", `${BROUGHT}: its own policy ${what}.`];
  }
  if (policy.quorum === "none") return ["not checked", "The policy asks for no witness."];
  if (met === undefined) {
    return refuse(
      "QUORUM",
      "checkpoint",
      `the policy's quorum; ${cosigned.length} of its witnesses cosigned`,
    );
  }
  found.met = met;
  return ["ok", `The quorum cosigned: ${cosigned.join(", ")}.`];
}

function verdictOf(checks: Check[], found: Found, trust: Trust): Verdict {
  const stateOf = (name: CheckName) => checks.find((check) => check.name === name)?.state;
  if (checks.some((check) => check.state === "failed")) return "refused";
  const complete = (["entry", "event", "inclusion"] as const).every((name) => stateOf(name) === "ok");
  if (!complete || !found.signed) return "incomplete";
  return trust.policy && stateOf("checkpoint") === "ok" ? "valid" : "brought";
}

function sentencesOf({ main, timestamps }: Parts, found: Found, checks: Check[], verdict: Verdict): string[] {
  if (verdict === "refused" || verdict === "incomplete") return [NOTHING];
  const { entry, proof } = main;
  const { event } = entry;
  const isOk = (name: CheckName) => checks.some((check) => check.name === name && check.state === "ok");
  const proved = [`the holders of ${event.by.map((key) => key.text).join(", ")} signed these facts`];
  if (event.content)
    proved.push("and the digest of these words" + (isOk("content") ? "" : " (not enclosed)"));
  const by = found.met === undefined ? "" : new Date(found.met * 1000).toISOString().replace(".000", "");
  const committed = `the ledger committed to them at index ${entry.index}`;
  const witnesses = `the policy's witnesses (${found.cosigned.join(", ")}) saw that tree`;
  const said: string[] = [];
  if (verdict === "valid") {
    const saw = by && `; ${witnesses} of ${proof.checkpoint.size} entries by ${by}`;
    said.push(`Proved: ${proved.join(" ")}; ${committed}${saw}.`);
  } else {
    said.push(
      `Proved: ${proved.join(" ")}.`,
      `On the exhibit's own word: that ${found.log?.text} is the ledger's key, and so that ${committed}.`,
    );
  }
  said.push(
    "On a registrar's or the operator's word: that the keys are whose they are said to be.",
    `On the ledger's word: its clock (${entry.time}), its numbering, that its rules were followed.`,
    "Not shown: that the words are true, the author's date, that the words were publicly readable then, " +
      "that nothing later corrects, withdraws or revokes.",
  );
  if (!by) said.push("Without cosignatures: other readers may have been shown another history.");
  if (timestamps > 0) said.push(`Not checked: ${timestamps} enclosed RFC 3161 timestamp tokens.`);
  return said;
}

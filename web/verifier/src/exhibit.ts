import { type Bytes, hexOf } from "./bytes.ts";
import { type Checkpoint, hasMlDsaLines, isSignedBy } from "./checkpoint.ts";
import { contentOf, type FileRef, filesOf, hasSalt, verifyContent } from "./content.ts";
import { type Entry, entryOf } from "./entry.ts";
import { keyId, partyKeyOf, verifySignatures } from "./event.ts";
import { Fault, reasonOf, refuse } from "./fault.ts";
import { countOf } from "./grammar.ts";
import { toBase64 } from "./base64.ts";
import { blake3Hex, sha256 } from "./hash.ts";
import { type Policy, policyOf, quorumOf } from "./policy.ts";
import { type Proof, proofOf } from "./proof.ts";
import { BROUGHT, type Check, refused, type Report, sentencesOf, type State, wordsOf } from "./report.ts";
import { leafHash, verifyInclusion } from "./tree.ts";
import { ML_DSA, type Vkey } from "./vkey.ts";
import { membersOf, type Member } from "./zip.ts";

// Exhibits: one file that carries its own proof (formats.md section 8). Reports are worded as by the command
// `onrecord verify`.

/** Members in their order. Those of one kind are in the order of their numbers or digests. */
const ORDER = [
  /^README\.txt$/,
  /^entry$/,
  /^proof\.tlog-proof$/,
  /^content\.json$/,
  /^files\/[0-9a-f]{64}\.[A-Za-z0-9]{1,8}$/,
  /^chain\/\d+(\.tlog-proof)?$/,
  /^timestamps\/\d+\.tsr$/,
  /^trust\.policy$/,
];

/** The parts of an exhibit or a receipt. */
interface Parts {
  /** Whether it is an entry and its proof alone. */
  readonly isReceipt?: boolean;
  readonly entry: Bytes;
  readonly proof: Bytes;
  readonly content?: Bytes;
  readonly files: Member[];
  /** Other entries: the key history, and what withholds. */
  readonly chain: { index: number; entry: Bytes; proof: Bytes }[];
  readonly timestamps: number;
  readonly policy?: Bytes;
}

/** What was read of an exhibit, to be compared with the others of its case. */
export interface Found {
  readonly entry: Entry;
  readonly checkpoint: Checkpoint;
  /** The checkpoint's bytes as they stand. */
  readonly checkpointText: string;
  /** The key that entry 0 names, if it is enclosed. */
  readonly logKey?: Vkey;
}

/** A report with what was read, as far as that went. */
export interface Examined {
  readonly report: Report;
  readonly found?: Found;
  readonly witnessed?: bigint;
}

/**
 * Checks an exhibit. Without a policy of the reader's own it is at best valid by the trust that it brought itself. A file
 * that is named `exhibit-<n>.zip` must hold entry n. Never throws, whatever the bytes hold.
 */
export async function verifyExhibit(zip: Bytes, policy?: Policy, fileName?: string): Promise<Report> {
  return (await examine(zip, policy, fileName)).report;
}

/** The same, and what was read. */
export function examine(zip: Bytes, policy?: Policy, fileName?: string): Promise<Examined> {
  return reportOn(
    policy,
    (say) => {
      const members = membersOf(zip);
      verifyOrder(members);
      const parts = partsOf(members);
      say("ok", "members as an exhibit has them, nothing compressed, no other bytes");
      return parts;
    },
    fileName,
  );
}

/**
 * Checks the members of an exhibit, in any order, that do not come from its own zip; `how` says where they come from.
 * Those that no exhibit has are passed over.
 */
export function examineMembers(
  members: Member[],
  how: string,
  policy?: Policy,
  fileName?: string,
): Promise<Examined> {
  return reportOn(
    policy,
    (say) => {
      const own = members.filter(({ name }) => isMember(name));
      const digests = own.map(({ name }) => name.slice(0, 70)).filter((name) => name.startsWith("files/"));
      if (new Set(digests).size < digests.length) refuse("", "members", "each file once");
      const parts = partsOf(own);
      say("not checked", how);
      return parts;
    },
    fileName,
  );
}

/** Checks a receipt: an entry and its proof alone. It does not show whose keys signed. */
export async function verifyEntry(entry: Bytes, proof: Bytes, policy?: Policy): Promise<Report> {
  const take = () => ({ isReceipt: true, entry, proof, files: [], chain: [], timestamps: 0 });
  return (await reportOn(policy, take)).report;
}

function rankOf(name: string): number {
  return ORDER.findIndex((pattern) => pattern.test(name));
}

/** Whether exhibits have a member of that name. */
export function isMember(name: string): boolean {
  return rankOf(name) >= 0;
}

function verifyOrder(members: Member[]): void {
  let last = "";
  members.forEach(({ name }, i) => {
    const rank = rankOf(name);
    // A file is ordered by its digest, without its extension.
    const key =
      rank +
      name
        .slice(0, 70)
        .replace(/^([ct]\w+\/)(\d+)/, (_, kind: string, n: string) => kind + n.padStart(16, "0"));
    if (rank < 0 || key <= last)
      refuse("", `member ${i + 1}`, "the members that exhibits have, in their order");
    last = key;
  });
  if (members[0]?.name !== "README.txt") refuse("", "members", "README.txt");
}

function partsOf(members: Member[]): Parts {
  const byName = new Map(members.map(({ name, bytes }) => [name, bytes]));
  const need = (name: string) => byName.get(name) ?? refuse("", "members", name);
  const under = (folder: string) => members.filter(({ name }) => name.startsWith(folder));
  under("timestamps/").forEach((_, i) => need(`timestamps/${i}.tsr`));
  const chain = under("chain/").flatMap(({ name }) => {
    // A number has one spelling.
    const index = countOf(/\d+/.exec(name)![0]) ?? refuse("", name, "the number of an entry");
    const link = { index, entry: need(`chain/${index}`), proof: need(`chain/${index}.tlog-proof`) };
    return name.endsWith("f") ? [] : link;
  });
  return {
    entry: need("entry"),
    proof: need("proof.tlog-proof"),
    content: byName.get("content.json"),
    files: under("files/"),
    chain,
    timestamps: under("timestamps/").length,
    policy: byName.get("trust.policy"),
  };
}

const SEALED = ["entry", "event", "inclusion"];

/** Runs the checks in order. The first fault ends them: after it there is nothing to rely on. */
async function reportOn(
  policy: Policy | undefined,
  take: (say: (state: State, text: string) => void) => Parts,
  fileName = "",
): Promise<Examined> {
  const checks: Check[] = [];
  const isOk = (name: string) => checks.some((check) => check.name === name && check.state === "ok");
  let name = "exhibit";
  const say = (state: State, text: string) => {
    checks.push({ name, state, text });
  };
  let index = -1;
  let signed = "these facts";
  let witnessed: bigint | undefined;
  let undecided = false;
  let key: string | undefined;
  let found: Found | undefined;
  let isReceipt: boolean | undefined;
  // Loaded when something is checked: the list of event types is as large as this whole module.
  const { verifyKeys, verifyShape } = await import("./given.js");

  /** Whether a log that the policy trusts signed the checkpoint, with each kind of key that the policy gives it. */
  const checkLog = async ({ logs }: Policy) => {
    const { logKey, checkpoint } = found!;
    const { origin } = checkpoint;
    if (logs.length === 0) return say("not checked", "the policy names no log, so it trusts no key for this one");
    const keys = logs.filter((log) => log.name === origin);
    const plain = keys.filter(({ type }) => type !== ML_DSA);
    const unchecked = keys.filter(({ type }) => type === ML_DSA);
    const signer = (keys: Vkey[]) => `a good signature by ${origin} ${keys.map((key) => key.id).join(" or ")}`;
    if (!keys[0]) fail(`the policy trusts no log of the origin ${origin}`);
    const lack = `the policy names ${origin} with a key of type 0x06 (ML-DSA-44) alone: the log's Ed25519 key (type 0x01) is missing`;
    if (!plain[0]) return say("not checked", lack);
    let log;
    for (const key of plain) if (!log && (await isSignedBy(checkpoint, key))) log = key;
    if (!log) return refuse("", "", signer(plain));
    if (logKey && logKey.text !== log.text) fail(`entry 0 names another key than ${log.id}`);
    if (unchecked[0] && !hasMlDsaLines(checkpoint, unchecked)) refuse("", "", signer(unchecked));
    key = keyId(log);
    if (!policy) say("not checked", BROUGHT);
    else if (unchecked[0]) say("not checked", `${signer(unchecked)} is asked for: ML-DSA-44 can't be checked here`);
    else say("ok", `signed by ${key}, which the policy trusts`);
  };

  const run = async () => {
    const parts = take(say);
    ({ isReceipt } = parts);
    name = "entry";
    const main: Link = { entry: entryOf(parts.entry), proof: proofOf(parts.proof, "proof.tlog-proof") };
    const { entry, proof } = main;
    const { checkpoint } = proof;
    const { origin } = checkpoint;
    const { event } = entry;
    if (proof.index !== entry.index)
      refuse("", "proof.tlog-proof", `index ${entry.index}, as the entry says`);
    if (entry.origin !== origin) refuse("", "entry", `the origin ${origin}, as the checkpoint says`);
    index = entry.index;
    const named = /^exhibit-(\d+)\.zip$/.exec(fileName)?.[1];
    if (named && BigInt(named) !== BigInt(index)) refuse("", fileName, `index ${named}, found index ${index}`);
    const others = parts.chain.map(({ index, entry: bytes, proof: proofBytes }): Link => {
      const place = `chain/${index}`;
      const link = { entry: entryOf(bytes, place), proof: proofOf(proofBytes, place) };
      if (link.entry.index !== index || link.proof.index !== index) refuse("", place, `index ${index}`);
      if (link.entry.origin !== origin || link.proof.checkpointText !== proof.checkpointText) {
        refuse("", place, "the checkpoint of proof.tlog-proof, byte for byte");
      }
      return link;
    });
    const entries = others.map((link) => link.entry);
    for (const each of [entry, ...entries]) verifyShape(each.event, `entry ${each.index}`);
    const all = entries.some((other) => other.index === index) ? entries : [...entries, entry];
    const opening = all.find((each) => each.index === 0);
    const logKey = opening && partyKeyOf(opening.event.facts.checkpoint_key, "entry 0, facts/checkpoint_key");
    if (isReceipt) say("ok", `entry ${index} of ${origin}`);
    else if (logKey) say("ok", `entry ${index} of ${origin}, whose entry 0 names the log's key ${keyId(logKey)}`);
    else say("not checked", `entry ${index} of ${origin}; entry 0 is not enclosed, so it names no key`);

    found = { entry, checkpoint, checkpointText: proof.checkpointText, logKey };

    name = "event";
    for (const each of [entry, ...entries]) await verifySignatures(each.event, `entry ${each.index}`);
    // The keys that signed the other entries had to be good too. They are checked as far as their threads are enclosed.
    for (const each of entries) verifyKeys(each, all, `entry ${each.index}`);
    const party = verifyKeys(entry, all);
    const signers = `signed by ${event.by.map(keyId).join(", ")}`;
    if (isReceipt) say("ok", `${signers}; whose keys they were then an exhibit shows`);
    else if (party) say("not checked", `${signers}; the thread of ${party} is not enclosed whole`);
    else say("ok", `${signers}, keys of their parties then`);

    name = "content";
    const words = parts.content;
    let files: FileRef[] | undefined;
    if (isReceipt) {
      // A receipt has no place for words.
    } else if (!event.content) {
      if (words) fail("content.json: the event carries no words");
      say("ok", "the event carries no words");
    } else if (!words) {
      say("not enclosed", withholding(entry, entries) ?? "the event commits to words by their digest");
    } else {
      verifyContent(words, event.content, "content.json");
      say("ok", "the words that the event commits to");
      files = filesNamedBy(words);
    }
    if (event.content && !isReceipt) signed += " and the digest of these words";

    name = "files";
    for (const { name, bytes } of parts.files) {
      const file = files?.find((file) => name.startsWith(`files/${file.blake3}.`));
      if (!file) return fail(`${name}: the words name no such file`);
      const { blake3, size } = file;
      if (blake3Hex(bytes) !== blake3 || hexOf(sha256(bytes)) !== file.sha256 || bytes.length !== size) {
        refuse("", name, `${size} bytes with that BLAKE3 and SHA-256 ${file.sha256}`);
      }
    }
    if (files) {
      const there = files.filter(({ blake3 }) =>
        parts.files.some(({ name }) => name.startsWith(`files/${blake3}.`)),
      );
      if (files.length === 0) say("ok", "the words name none");
      else if (there.length === files.length) say("ok", `all ${files.length} that the words name`);
      else say("not enclosed", `${there.length} of ${files.length} are enclosed`);
    }

    name = "inclusion";
    const { size, root } = checkpoint;
    for (const { entry, proof } of [main, ...others]) {
      verifyInclusion(entry.index, size, leafHash(entry.bytes), proof.path, root, `entry ${entry.index}`);
    }
    const where = isReceipt ? `in the tree of ${size}` : `entry ${index} and ${others.length} others in the tree`;
    say("ok", `${where} whose root is ${toBase64(root)}`);

    name = "checkpoint";
    const trusted = policy ?? (parts.policy && policyOf(parts.policy, "trust.policy"));
    if (!trusted) {
      for (name of ["checkpoint", "witnesses"])
        say("not checked", "no policy was given, and none is enclosed");
      return;
    }
    await checkLog(trusted);

    name = "witnesses";
    const { met, undecided: isOpen, late, words: text } = await quorumOf(trusted, checkpoint, [entry, ...entries]);
    if (trusted.quorum === "none") say("not checked", "the policy asks for none");
    else if (!policy) say("not checked", BROUGHT);
    else if (late) fail(`entry ${late.index} is dated after its cosignature`);
    else if (met === undefined && !isOpen) refuse("", "", text);
    else {
      undecided = isOpen;
      say(isOpen ? "not checked" : "ok", text);
    }
    if (policy) witnessed = met;

    name = "timestamps";
    if (parts.timestamps > 0) say("not checked", `${parts.timestamps} enclosed`);
  };

  try {
    await run();
  } catch (error) {
    const text = reasonOf(error);
    say("FAILED", text);
    return { report: refused(checks, text, isReceipt ? "receipt" : "exhibit"), found };
  }
  const sealed = SEALED.every(isOk) && !undecided;
  // Without a policy of the reader's own, a key that is known is one that the exhibit's own policy trusts.
  const isBrought = !policy && key;
  const verdict = sealed && isOk("checkpoint") ? "valid" : sealed && isBrought ? "brought" : "incomplete";
  const sentences = sentencesOf({
    proved: [
      isOk("event") && `the holders of these keys signed ${signed}`,
      isOk("inclusion") && isOk("checkpoint") && `the ledger committed to them at index ${index}`,
    ],
    witnessed,
    ledgersWord:
      "its clock, its numbering, that its rules were followed" +
      (isReceipt ? ", and so that the keys were their parties' then" : ""),
    notShown: "that nothing later corrects, withdraws or revokes",
    knownAt:
      isOk("inclusion") && !isReceipt
        ? `${found!.checkpoint.size}; what other entries did to this one stands in the ledger`
        : undefined,
  });
  const { origin } = found!.checkpoint;
  const isUnknown = isReceipt && verdict !== "valid" && !isOk("checkpoint");
  const words = isUnknown
    ? "NOT DECIDED: whose log it is was not checked; give --key or --policy"
    : wordsOf(verdict, "the exhibit");
  return { report: { checks, verdict, words, sentences, origin, key }, found, witnessed };
}

interface Link {
  readonly entry: Entry;
  readonly proof: Proof;
}

function fail(text: string): never {
  throw new Fault("", "", text);
}

/** By whom the words of an entry are withheld, if an enclosed entry says so. */
function withholding({ event }: Entry, entries: Entry[]): string | undefined {
  const by = entries.find(
    ({ event: { type, refs, facts } }) =>
      type === "content.withheld" &&
      refs.entry === event.id &&
      Array.isArray(facts.blobs) &&
      facts.blobs.includes("content"),
  );
  return by && `withheld by entry ${by.index}, on the ground ${String(by.event.facts.ground)}`;
}

/** The files that words name, or undefined if the words can't be parsed: these were signed all the same, but name no file. */
function filesNamedBy(words: Bytes): FileRef[] | undefined {
  const content = contentOf(words);
  return content && hasSalt(content) ? filesOf(content) : undefined;
}

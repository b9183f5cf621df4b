import { type Bytes, hexOf } from "./bytes.ts";
import { isSignedBy } from "./checkpoint.ts";
import { contentOf, type FileRef, filesOf, hasSalt, verifyContent } from "./content.ts";
import { type Entry, entryOf } from "./entry.ts";
import { keyId, partyKeyOf, verifySignatures } from "./event.ts";
import { Fault, reasonOf, refuse } from "./fault.ts";
import { toBase64 } from "./base64.ts";
import { blake3Hex, sha256 } from "./hash.ts";
import { verifyKeys } from "./keys.ts";
import { MAX_LEAD, type Policy, policyOf, quorumOf } from "./policy.ts";
import { type Proof, proofOf } from "./proof.ts";
import { leafHash, verifyInclusion } from "./tree.ts";
import { membersOf, type Member } from "./zip.ts";

// Exhibits: one file that carries its own proof (formats.md section 8). What is said of one is said in the same
// words as the command `onrecord verify` has for it.

/** Members in their order. Those of one kind are in the order of their numbers or digests. */
const ORDER = [
  /^README\.txt$/,
  /^entry$/,
  /^proof\.tlog-proof$/,
  /^content\.json$/,
  /^files\/[0-9a-f]{64}\.[A-Za-z0-9]{1,8}$/,
  /^chain\/\d{1,16}(\.tlog-proof)?$/,
  /^timestamps\/\d+\.tsr$/,
  /^trust\.policy$/,
];

export type State = "ok" | "FAILED" | "not checked" | "not enclosed";

export interface Check {
  readonly name: string;
  readonly state: State;
  /** What was checked, or why not; for a failure the place and what was expected. */
  readonly text: string;
}

/** `brought`: valid only by trust that the exhibit itself brought. `incomplete`: too little to check. */
export type Verdict = "valid" | "brought" | "incomplete" | "refused";

export interface Report {
  readonly checks: Check[];
  readonly verdict: Verdict;
  /** The verdict in words, for a refusal with the place. */
  readonly words: string;
  /** What is proved, what stands on whose word, and what is not shown. */
  readonly sentences: [label: string, text: string][];
}

/** What is there to check. */
interface Parts {
  readonly entry: Bytes;
  readonly proof: Bytes;
  readonly content?: Bytes;
  readonly files: Member[];
  /** Other entries: the key history, and what withholds. */
  readonly chain: { index: number; entry: Bytes; proof: Bytes }[];
  readonly timestamps: number;
  readonly policy?: Bytes;
}

/**
 * Checks an exhibit. Without a policy of the reader's own, what it says is valid only by its own word. A file that is
 * named `exhibit-<n>.zip` must hold entry n. Never throws for what the bytes hold.
 */
export function verifyExhibit(zip: Bytes, policy?: Policy, fileName?: string): Promise<Report> {
  return reportOn(
    policy,
    (say) => {
      const parts = partsOf(membersOf(zip));
      say("ok", "members as an exhibit has them, nothing compressed, no other bytes");
      return parts;
    },
    fileName,
  );
}

/** Checks an entry and its proof alone. Nothing then says whose keys they are. */
export function verifyEntry(entry: Bytes, proof: Bytes, policy?: Policy): Promise<Report> {
  return reportOn(policy, () => ({ entry, proof, files: [], chain: [], timestamps: 0 }));
}

function partsOf(members: Member[]): Parts {
  let last = "";
  members.forEach(({ name }, i) => {
    const rank = ORDER.findIndex((pattern) => pattern.test(name));
    // A file by its digest alone.
    const key =
      rank +
      name
        .slice(0, 70)
        .replace(/^([ct]\w+\/)(\d+)/, (_, kind: string, n: string) => kind + n.padStart(16, "0"));
    if (rank < 0 || key <= last)
      refuse("", `member ${i + 1}`, "the members that exhibits have, in their order");
    last = key;
  });
  const byName = new Map(members.map(({ name, bytes }) => [name, bytes]));
  const need = (name: string) => byName.get(name) ?? refuse("", "members", name);
  const under = (folder: string) => members.filter(({ name }) => name.startsWith(folder));
  need("README.txt");
  under("timestamps/").forEach((_, i) => need(`timestamps/${i}.tsr`));
  const chain = under("chain/").flatMap(({ name }) => {
    // A number has one spelling.
    const index = Number(/\d+/.exec(name));
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

const BROUGHT = "trust brought by the exhibit";
const SEALED = ["entry", "event", "inclusion"];

/** Runs the checks in order. The first fault ends them: after it there is nothing to rely on. */
async function reportOn(
  policy: Policy | undefined,
  take: (say: (state: State, text: string) => void) => Parts,
  fileName = "",
): Promise<Report> {
  const checks: Check[] = [];
  const isOk = (name: string) => checks.some((check) => check.name === name && check.state === "ok");
  let name = "exhibit";
  const say = (state: State, text: string) => {
    checks.push({ name, state, text });
  };
  let index = -1;
  let signed = "these facts";
  let witnessed: bigint | undefined;

  const run = async () => {
    const parts = take(say);
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
    if (named && +named !== index) refuse("", fileName, `index ${named}, found index ${index}`);
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
    const all = entries.some((other) => other.index === index) ? entries : [...entries, entry];
    const opening = all.find((each) => each.index === 0);
    const logKey = opening && partyKeyOf(opening.event.facts.checkpoint_key, "entry 0, facts/checkpoint_key");
    if (logKey) say("ok", `entry ${index} of ${origin}, whose entry 0 names the log's key ${keyId(logKey)}`);
    else say("not checked", `entry ${index} of ${origin}; entry 0 is not enclosed, so it names no key`);

    name = "event";
    for (const each of [entry, ...entries]) await verifySignatures(each.event, `entry ${each.index}`);
    // Whoever added a key had to hold one himself, as far as his own thread is enclosed.
    for (const each of entries) verifyKeys(each, all, `entry ${each.index}`);
    const party = verifyKeys(entry, all);
    const signers = `signed by ${event.by.map(keyId).join(", ")}`;
    if (party) say("not checked", `${signers}; the thread of ${party} is not enclosed whole`);
    else say("ok", `${signers}, keys of their parties then`);

    name = "content";
    const words = parts.content;
    let files: FileRef[] | undefined;
    if (!event.content) {
      if (words) fail("content.json: the event carries no words");
      say("ok", "the event carries no words");
    } else if (!words) {
      say("not enclosed", withholding(entry, entries) ?? "the event commits to words by their digest");
    } else {
      verifyContent(words, event.content, "content.json");
      say("ok", "the words that the event commits to");
      files = filesNamedBy(words);
    }
    if (event.content) signed += " and the digest of these words";

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
    say("ok", `entry ${index} and ${others.length} others in the tree whose root is ${toBase64(root)}`);

    name = "checkpoint";
    const trusted = policy ?? (parts.policy && policyOf(parts.policy, "trust.policy"));
    if (!trusted) {
      for (name of ["checkpoint", "witnesses"])
        say("not checked", "no policy was given, and none is enclosed");
      return;
    }
    const keys = trusted.logs.filter((log) => log.name === origin);
    if (!keys[0]) fail(`the policy trusts no log of the origin ${origin}`);
    let log;
    for (const key of keys) if (!log && (await isSignedBy(checkpoint, key))) log = key;
    if (!log)
      return refuse("", "", `a good signature by ${origin} ${keys.map((key) => key.id).join(" or ")}`);
    if (logKey && logKey.text !== log.text) fail(`entry 0 names another key than ${log.id}`);
    if (policy) say("ok", `signed by ${keyId(log)}, which the policy trusts`);
    else say("not checked", BROUGHT);

    name = "witnesses";
    const { met, words: said, earliest } = await quorumOf(trusted, checkpoint);
    const late = [entry, ...entries].find(({ time }) => Date.parse(time) > earliest + MAX_LEAD);
    if (trusted.quorum === "none") say("not checked", "the policy asks for none");
    else if (!policy) say("not checked", BROUGHT);
    else if (met === undefined) refuse("", "", said);
    else if (late) fail(`entry ${late.index} is dated after its cosignature`);
    else say("ok", said);
    if (policy) witnessed = met;

    name = "timestamps";
    if (parts.timestamps > 0) say("not checked", `${parts.timestamps} enclosed`);
  };

  try {
    await run();
  } catch (error) {
    const text = reasonOf(error);
    say("FAILED", text);
    const words = `REFUSED  ${text}`;
    return { checks, verdict: "refused", words, sentences: [["Not valid", "do not rely on this exhibit"]] };
  }
  const sealed = SEALED.every(isOk);
  const verdict =
    sealed && isOk("checkpoint") ? "valid" : sealed && checks.some(isBrought) ? "brought" : "incomplete";
  return { checks, verdict, words: WORDS[verdict], sentences: sentencesOf(isOk, signed, index, witnessed) };
}

const WORDS = {
  valid: "valid",
  brought: "NOT DECIDED: valid only by the trust that the exhibit brought",
  incomplete: "NOT DECIDED: see what was not checked",
};

interface Link {
  readonly entry: Entry;
  readonly proof: Proof;
}

function fail(text: string): never {
  throw new Fault("", "", text);
}

function isBrought({ name, text }: Check): boolean {
  return name === "checkpoint" && text === BROUGHT;
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

/** Whoever signed words that can't be read committed to them all the same; but then no file is named. */
function filesNamedBy(words: Bytes): FileRef[] | undefined {
  const content = contentOf(words);
  return content && hasSalt(content) ? filesOf(content) : undefined;
}

/** Nothing that was not checked is among the proved. */
function sentencesOf(
  isOk: (name: string) => boolean,
  signed: string,
  index: number,
  witnessed: bigint | undefined,
): [string, string][] {
  const proved: string[] = [];
  if (isOk("event")) proved.push(`the holders of these keys signed ${signed}`);
  if (isOk("inclusion") && isOk("checkpoint")) proved.push(`the ledger committed to them at index ${index}`);
  if (witnessed !== undefined) {
    // Beyond the year 9999 a number says more.
    const time = witnessed < 253_402_300_800n ? new Date(Number(witnessed) * 1000).toISOString() : witnessed;
    proved.push(`the policy's witnesses saw that tree by ${time}`);
  }
  const said: [string, string][] = [
    ["On a registrar's or the operator's word", "that the keys are whose they are said to be"],
    ["On the ledger's word", "its clock, its numbering, that its rules were followed"],
    [
      "Not shown",
      "that the words are true, the author's date, that the words were publicly readable then, " +
        "that nothing later corrects, withdraws or revokes",
    ],
  ];
  if (proved.length > 0) said.unshift(["Proved", proved.join("; ")]);
  if (witnessed === undefined)
    said.push(["Without cosignatures", "other readers may have been shown another history"]);
  return said;
}

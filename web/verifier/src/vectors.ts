import { createHash } from "node:crypto";
import { fromBase64 } from "./base64.ts";
import { type Bytes, bytesOf, fromHex, hexOf } from "./bytes.ts";
import { type Checkpoint, checkpointOf, cosignedAt, isSignedBy } from "./checkpoint.ts";
import { verifyConsistency, rootsOf } from "./consistency.ts";
import { entryOf } from "./entry.ts";
import { eventOf } from "./event.ts";
import { asFault, refuse } from "./fault.ts";
import { blake3Hex, sha256, sha512 } from "./hash.ts";
import { proofOf } from "./proof.ts";
import { Ledger } from "./rules.ts";
import type { Schema } from "./schema.ts";
import { leafHash, verifyInclusion } from "./tree.ts";
import { type Vkey, vkeyOf } from "./vkey.ts";
import { verifyStrict } from "./signature.ts";

/** An entry of v1.json. */
interface Vector {
  text: string;
  blake3: string;
  leaf_hex: string;
  event_id: string;
  note: string;
  content: string | null;
}

/** The parts of v1.json that are read here. */
interface Vectors {
  origin: string;
  keys: Record<string, { vkey: string }>;
  files_b64: string[];
  entries: Vector[];
  roots_hex: string[];
  checkpoint: string;
  cosigned_checkpoint: string;
  inclusion: { index: number; size: number; path_hex: string[] }[];
  consistency: { old: number; size: number; path_hex: string[] }[];
  tlog_proof: string;
  refused: { code: string; why: string; note_b64: string; content_b64?: string | null }[];
  large: { roots_hex: Record<string, string> };
  later: { entries: Vector[]; root_hex: string };
}

export interface VectorVerdict {
  readonly vector: string;
  readonly verdict: "accepted" | "refused";
  readonly code?: string;
  readonly place?: string;
  readonly wanted?: string;
  /** Whether verdict and code are the ones that the vectors give. */
  readonly agrees: boolean;
}

/** One verdict for every vector, in the order of entries, trees, checkpoints, refused notes and later entries. */
export async function* vectorVerdicts(json: string, schema: Schema): AsyncGenerator<VectorVerdict> {
  const vectors = JSON.parse(json) as Vectors;
  const hex = (text: string): Bytes => fromHex(text) ?? refuse("VECTOR", "vectors", "hex");
  const base64 = (text: string): Bytes => fromBase64(text) ?? refuse("VECTOR", "vectors", "base64");
  const key = (name: string): Vkey => vkeyOf(vectors.keys[name]!.vkey) ?? refuse("VECTOR", name, "a vkey");
  const equal = (found: string, wanted: string | undefined) => {
    if (found !== wanted) refuse("VECTOR", "vectors", `${wanted}, not ${found}`);
  };
  const judge = async (
    vector: string,
    code: string | undefined,
    run: () => unknown,
  ): Promise<VectorVerdict> => {
    try {
      await run();
      return { vector, verdict: "accepted", agrees: code === undefined };
    } catch (error) {
      const fault = asFault(error);
      const { place, message: wanted } = fault;
      return { vector, verdict: "refused", code: fault.code, place, wanted, agrees: fault.code === code };
    }
  };
  const signedByLog = async (checkpoint: Checkpoint) => {
    if (!(await isSignedBy(checkpoint, key("log")))) refuse("VECTOR", "checkpoint", "a signature by the log");
  };
  const good = (vector: string, run: () => unknown) => judge(vector, undefined, run);

  const ledger = new Ledger(schema, vectors.files_b64.map(base64));
  const leaves: Bytes[] = [];
  const read = (vector: Vector) =>
    good(`entries/${leaves.length}`, async () => {
      const bytes = bytesOf(vector.text);
      leaves.push(leafHash(bytes));
      const entry = entryOf(bytes);
      equal(blake3Hex(bytes), vector.blake3);
      equal(hexOf(leafHash(bytes)), vector.leaf_hex);
      equal(entry.event.id, vector.event_id);
      equal(entry.event.id, eventOf(bytesOf(vector.note)).id);
      await ledger.append(entry, vector.content === null ? undefined : bytesOf(vector.content));
    });
  for (const vector of vectors.entries) yield await read(vector);
  // Compares the hashes with Node's, around the edges of their blocks. Node has no BLAKE3; ids and files test that.
  for (const edge of [0, 55, 63, 64, 111, 119, 127, 128, 65_536]) {
    for (const length of [edge, edge + 1]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * i + length) % 251);
      yield await good(`hashes/${length}`, () => {
        equal(hexOf(sha256(bytes)), createHash("sha256").update(bytes).digest("hex"));
        equal(hexOf(sha512(bytes)), createHash("sha512").update(bytes).digest("hex"));
      });
    }
  }
  const roots = [...rootsOf(leaves)];
  for (const [size, root] of vectors.roots_hex.entries()) {
    yield await good(`roots/${size}`, () => equal(hexOf(roots[size]!), root));
  }
  const wanted = vectors.large.roots_hex;
  const largest = Math.max(...Object.keys(wanted).map(Number));
  const numbers = Array.from({ length: largest }, (_, i) => leafHash(bytesOf(String(i))));
  let size = 0;
  for (const root of rootsOf(numbers)) {
    const expected = wanted[size];
    if (expected !== undefined) yield await good(`large/${size}`, () => equal(hexOf(root), expected));
    size++;
  }
  for (const { index, size, path_hex } of vectors.inclusion) {
    yield await good(`inclusion/${index}/${size}`, () =>
      verifyInclusion(index, size, leaves[index]!, path_hex.map(hex), roots[size]!),
    );
  }
  for (const { old, size, path_hex } of vectors.consistency) {
    yield await good(`consistency/${old}/${size}`, () =>
      verifyConsistency(old, size, path_hex.map(hex), roots[old]!, roots[size]!),
    );
  }
  for (const name of ["checkpoint", "cosigned_checkpoint"] as const) {
    yield await good(name, async () => {
      const checkpoint = checkpointOf(bytesOf(vectors[name]));
      await signedByLog(checkpoint);
      equal(hexOf(checkpoint.root), hexOf(roots[checkpoint.size]!));
      const time = await cosignedAt(checkpoint, key("witness"), () => true);
      if ((typeof time === "bigint") !== (name === "cosigned_checkpoint"))
        refuse("QUORUM", name, "a cosignature there only");
    });
  }
  yield await good("tlog_proof", async () => {
    const { index, path, checkpoint } = proofOf(bytesOf(vectors.tlog_proof));
    await signedByLog(checkpoint);
    verifyInclusion(index, checkpoint.size, leaves[index]!, path, checkpoint.root);
  });
  for (const [i, vector] of vectors.refused.entries()) {
    yield await judge(`refused/${i} ${vector.why}`, vector.code, async () => {
      const event = eventOf(base64(vector.note_b64), "event", vectors.origin);
      await ledger.admit(event, vector.content_b64 ? base64(vector.content_b64) : undefined, true);
    });
  }
  for (const vector of vectors.later.entries) yield await read(vector);
  yield await good(`roots/${leaves.length}`, () =>
    equal(hexOf([...rootsOf(leaves)].at(-1)!), vectors.later.root_hex),
  );
}

interface SpecCheck {
  cases: { number: number; message: string; pub_key: string; signature: string; strict?: string }[];
}

export interface SpecVerdict {
  readonly number: number;
  readonly strict: "accepted" | "refused";
}

/** The verdicts for the cases of ed25519-speccheck. */
export async function specVerdicts(json: string): Promise<{ verdicts: SpecVerdict[]; agree: boolean }> {
  const { cases } = JSON.parse(json) as SpecCheck;
  const verdicts: SpecVerdict[] = [];
  let agree = true;
  for (const { number, message, pub_key, signature, strict } of cases) {
    const [m, k, s] = [message, pub_key, signature].map((text) => fromHex(text) ?? new Uint8Array());
    const verdict = (await verifyStrict(s!, m!, k!)) ? "accepted" : "refused";
    verdicts.push({ number, strict: verdict });
    agree &&= strict === undefined || strict === verdict;
  }
  return { verdicts, agree };
}

import { fromBase64 } from "./base64.ts";
import { type Bytes, bytesOf, textOf } from "./bytes.ts";
import { type Checkpoint, CHECKPOINT_LIMIT, checkpointOf } from "./checkpoint.ts";
import { refuse } from "./fault.ts";
import { countOf } from "./grammar.ts";
import { HASHES_LIMIT } from "./tree.ts";

/** `extra` may stand in foreign proofs and is ignored; it gets as much room again as the checkpoint. */
export const PROOF_LIMIT = 2 * CHECKPOINT_LIMIT;

/** A tlog-proof (c2sp.org/tlog-proof), nothing verified yet. */
export interface Proof {
  readonly index: number;
  readonly path: Bytes[];
  readonly checkpoint: Checkpoint;
  /** The checkpoint's bytes as they stand. */
  readonly checkpointText: string;
}

export function proofOf(bytes: Uint8Array, place = "proof"): Proof {
  if (bytes.length > PROOF_LIMIT) refuse("PROOF", place, `at most ${PROOF_LIMIT} bytes`);
  const text = textOf(bytes);
  if (text === undefined) return refuse("PROOF", place, "well-formed UTF-8");
  const split = text.indexOf("\n\n");
  if (split < 0) refuse("PROOF", place, "an empty line before the checkpoint");
  const lines = text.slice(0, split).split("\n");
  if (lines.shift() !== "c2sp.org/tlog-proof@v1")
    refuse("PROOF", `${place}, line 1`, "c2sp.org/tlog-proof@v1");
  if (lines[0]?.startsWith("extra ")) {
    if (!fromBase64(lines.shift()!.slice(6))) refuse("PROOF", `${place}, extra`, "base64");
  }
  const [, indexText = ""] = /^index (.+)$/.exec(lines.shift() ?? "") ?? [];
  const index = countOf(indexText);
  if (index === undefined) return refuse("PROOF", `${place}, index`, "an index");
  if (lines.length > HASHES_LIMIT) refuse("PROOF", place, `at most ${HASHES_LIMIT} hashes`);
  const path = lines.map((line, i) => {
    const hash = fromBase64(line);
    return hash?.length === 32 ? hash : refuse("PROOF", `${place}, hash ${i + 1}`, "the base64 of 32 bytes");
  });
  const checkpointText = text.slice(split + 2);
  return {
    index,
    path,
    checkpointText,
    checkpoint: checkpointOf(bytesOf(checkpointText), `${place}, checkpoint`),
  };
}

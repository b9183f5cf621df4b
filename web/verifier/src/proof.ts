import { fromBase64 } from "./base64.ts";
import { type Bytes, bytesOf, textOf } from "./bytes.ts";
import { type Checkpoint, CHECKPOINT_LIMIT, checkpointOf } from "./checkpoint.ts";
import { refuse } from "./fault.ts";
import { countOf } from "./grammar.ts";

/** `extra` may stand in foreign proofs and is ignored; it gets as much room again as the checkpoint. */
export const PROOF_LIMIT = 2 * CHECKPOINT_LIMIT;
const HASHES_LIMIT = 63;

/** A tlog-proof (c2sp.org/tlog-proof), nothing verified yet. */
export interface Proof {
  readonly index: number;
  readonly path: Bytes[];
  readonly checkpoint: Checkpoint;
  /** The checkpoint's bytes as they stand. */
  readonly checkpointText: string;
}

export function proofOf(bytes: Uint8Array, place = "proof"): Proof {
  const text = bytes.length > PROOF_LIMIT ? undefined : textOf(bytes);
  const [, indexText = "", hashes = "", checkpointText = ""] =
    /^c2sp\.org\/tlog-proof@v1\n(?:extra [^\n]*\n)?index (\d+)\n((?:.+\n)*)\n([^]*)$/.exec(text ?? "") ?? [];
  const index = countOf(indexText);
  if (index === undefined) {
    return refuse("", place, "a proof of c2sp.org/tlog-proof");
  }
  const path = hashes
    .split("\n")
    .slice(0, -1)
    .map((line, i) => {
      const hash = fromBase64(line);
      if (hash?.length === 32 && i < HASHES_LIMIT) return hash;
      return refuse("", `${place}, hash ${i + 1}`, "32 bytes in base64");
    });
  const checkpoint = checkpointOf(bytesOf(checkpointText), `${place}, checkpoint`);
  return { index, path, checkpointText, checkpoint };
}

/** Onrecord's second verifier, written from formats.md: bytes in, verdicts out, no network and no trust. */
export { fromBase64, toBase64 } from "./base64.ts";
export { checkpointOf, cosignedAt, verifyCheckpoint } from "./checkpoint.ts";
export { contentOf, filesOf, verifyContent } from "./content.ts";
export { entryOf } from "./entry.ts";
export { eventOf, threadOf, verifySignatures } from "./event.ts";
export { type Check, type Report, type State, type Trust, type Verdict, verifyExhibit } from "./exhibit.ts";
export { asFault, describe, Fault } from "./fault.ts";
export { verifyKeys } from "./keys.ts";
export { noteOf, verifyLine } from "./note.ts";
export { type Policy, policyOf, quorumOf } from "./policy.ts";
export { type Proof, proofOf } from "./proof.ts";
export { backEnd, verifyStrict } from "./signature.ts";
export { leafHash, rootsOf, verifyConsistency, verifyInclusion } from "./tree.ts";
export { type Vkey, vkeyOf } from "./vkey.ts";
export { ZIP_LIMIT } from "./zip.ts";

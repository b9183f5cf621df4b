/** Onrecord's second verifier, written from formats.md: bytes in, verdicts out, no network and no trust. */
export { verifyEntry, verifyExhibit } from "./exhibit.ts";
export { reasonOf, refuse } from "./fault.ts";
export { type Policy, policyOf, POLICY_LIMIT } from "./policy.ts";
export type { Check, Report, Sentence, State, Verdict } from "./report.ts";
export { type BackEnd, backEnd } from "./signature.ts";
export { ZIP_LIMIT } from "./zip.ts";

// What given.js, which is loaded on use, takes from this module, so that it does not bundle it again.
export { partyKeyOf } from "./event.ts";
export { countOf } from "./grammar.ts";
export { blake3Hex } from "./hash.ts";
export { type Examined, examine, examineMembers, type Found, isMember } from "./exhibit.ts";
export { refused, sentencesOf, wordsOf } from "./report.ts";
export { crc32, type Member, membersOf, MEMBERS_LIMIT } from "./zip.ts";

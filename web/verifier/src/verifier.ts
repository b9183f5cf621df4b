/** Onrecord's second verifier, written from formats.md: bytes in, verdicts out, no network and no trust. */
export { type Check, type Report, type State, type Verdict, verifyEntry, verifyExhibit } from "./exhibit.ts";
export { reasonOf } from "./fault.ts";
export { type Policy, policyOf, POLICY_LIMIT } from "./policy.ts";
export { type BackEnd, backEnd } from "./signature.ts";
export { ZIP_LIMIT } from "./zip.ts";

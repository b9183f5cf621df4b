// Reports on what was checked, worded as by the command `onrecord verify`.

export type State = "ok" | "FAILED" | "not checked" | "not enclosed";

export interface Check {
  readonly name: string;
  readonly state: State;
  /** What was checked, or why not; for a failure the place and what was expected. */
  readonly text: string;
}

/** `brought`: valid only by trust that the exhibit itself brought. `incomplete`: too little to check. */
export type Verdict = "valid" | "brought" | "incomplete" | "refused";

export type Sentence = [label: string, text: string];

export interface Report {
  readonly checks: Check[];
  readonly verdict: Verdict;
  /** The verdict in words, for a refusal with the place. */
  readonly words: string;
  /** What is proved, what stands on whose word, and what is not shown. */
  readonly sentences: Sentence[];
  /** The log's origin, once it is known. */
  readonly origin?: string;
  /** Name and id of the log's key whose signature is good, by a policy that the reader gave or the exhibit brought. */
  readonly key?: string;
}

/** Why a check is left open: only the exhibit itself says whose log it is. */
export const BROUGHT = "trust brought by the exhibit";

export function refused(checks: Check[], text: string, what: string): Report {
  const sentences: Sentence[] = [["Not valid", `do not rely on this ${what}`]];
  return { checks, verdict: "refused", words: `REFUSED  ${text}`, sentences };
}

/** The verdict in words; `whose` brought the trust. */
export function wordsOf(verdict: Verdict, whose: string): string {
  if (verdict === "valid") return "valid";
  const why = verdict === "brought" ? `valid only by the trust that ${whose} brought` : "see what was not checked";
  return `NOT DECIDED: ${why}`;
}

/** What was checked, as far as it was. Nothing that was not checked is among the proved. */
export interface Conclusion {
  /** What keys signed, and where the ledger committed to it. */
  readonly proved: (string | false)[];
  readonly witnessed?: bigint;
  readonly ledgersWord: string;
  readonly notShown: string;
  /** The size of the tree that it is shown in, and what became of it as far as is known. */
  readonly knownAt?: string | undefined;
}

export function sentencesOf({ proved, witnessed, ledgersWord, notShown, knownAt }: Conclusion): Sentence[] {
  const all = proved.filter((what) => what !== false);
  if (witnessed !== undefined) {
    // Beyond the year 9999 the time is printed as seconds since 1970.
    const time = witnessed < 253_402_300_800n ? new Date(Number(witnessed) * 1000).toISOString() : witnessed;
    all.push(`the policy's witnesses saw that tree by ${time}`);
  }
  const unwitnessed: Sentence = ["Without cosignatures", "other readers may have been shown another history"];
  return [
    ...(all.length > 0 ? [["Proved", all.join("; ")] as Sentence] : []),
    ["On a registrar's or the operator's word", "that the keys are whose they are said to be"],
    ["On the ledger's word", ledgersWord],
    [
      "Not shown",
      `that the words are true, the author's date, that the words were publicly readable then, ${notShown}`,
    ],
    ...(knownAt === undefined ? [] : [["Known at size", knownAt] as Sentence]),
    ...(witnessed === undefined ? [unwitnessed] : []),
  ];
}

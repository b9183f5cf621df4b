import type { Event } from "./event.ts";
import { ID, isAt, isDay } from "./grammar.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import { partyKeyOf, refuse } from "./verifier.js";
import type { Vkey } from "./vkey.ts";

// The list of event types as data: schema/events.json. Callers pass it in: exhibits are checked by the one that is built in
// (types.ts), ledgers and vectors by that of a file.

export interface TypeRule {
  readonly who: string[];
  readonly case: "required" | "refused" | "optional";
  readonly refs: Record<string, RefRule>;
  readonly facts: Record<string, { readonly required: boolean; readonly is: string | string[] }>;
  readonly content: "required" | "optional" | "none";
  readonly subject?: string[];
}

export interface RefRule {
  readonly required: boolean;
  readonly many: boolean;
  readonly kind: "any" | string[];
  readonly cross?: boolean;
}

export interface Schema {
  readonly zones: string[];
  readonly types: Record<string, TypeRule>;
}

export function ruleOf(schema: Schema, event: Event, place = "event"): TypeRule {
  if (!Object.hasOwn(schema.types, event.type))
    refuse("UNKNOWN_TYPE", `${place}, type`, "a type of events.json");
  return schema.types[event.type]!;
}

/** Passes if refs, facts, content and case have the shape that the event's type asks for. */
export function verifyType(schema: Schema, event: Event, place = "event"): void {
  const rule = ruleOf(schema, event, place);
  members(event.refs, rule.refs, `${place}, refs`);
  for (const [role, value] of Object.entries(event.refs)) {
    if (Array.isArray(value) !== rule.refs[role]!.many) {
      refuse("BAD_REF", `${place}, refs/${role}`, rule.refs[role]!.many ? "an array of ids" : "one id");
    }
  }
  members(event.facts, rule.facts, `${place}, facts`);
  for (const [name, value] of Object.entries(event.facts)) {
    verifyFact(schema, rule.facts[name]!.is, value, `${place}, facts/${name}`);
  }
  if (event.type === "ledger.opened") {
    const log = partyKeyOf(event.facts.checkpoint_key, `${place}, facts/checkpoint_key`);
    if (log.name !== event.origin) refuse("BAD_FACT", `${place}, facts/checkpoint_key`, "a key named as the origin");
  }
  if (event.type === "party.registered" && isPseudonymous(event.facts.kind)) {
    const keys = isList(event.facts.keys) ? event.facts.keys : [];
    for (const key of keys)
      verifyPseudonym(partyKeyOf(key, `${place}, facts/keys`), event.origin, `${place}, facts/keys`);
  }
  if (rule.content === "required" && !event.content) refuse("MISSING_MEMBER", `${place}, content`, "the member");
  if (rule.content === "none" && event.content) refuse("UNKNOWN_MEMBER", `${place}, content`, "no words");
  if (rule.case === "required" && event.case === undefined) refuse("CASE_REQUIRED", `${place}, case`, "a case");
  if (rule.case === "refused" && event.case !== undefined) refuse("CASE_REFUSED", `${place}, case`, "no case");
}

/** Whether keys of a party of this kind bear names that say nothing. */
export function isPseudonymous(kind: Json | undefined): boolean {
  return kind === "person" || kind === "account";
}

export function verifyPseudonym({ name }: Vkey, origin: string, place: string): void {
  const good = name.startsWith(`${origin}/`) && /^[0-9a-f]{16}$/.test(name.slice(origin.length + 1));
  if (!good) refuse("BAD_FACT", place, "a key name of origin and 16 random hex digits");
}

function members(has: object, may: Record<string, { required: boolean }>, place: string): void {
  for (const name of Object.keys(has)) {
    if (!Object.hasOwn(may, name)) refuse("UNKNOWN_MEMBER", `${place}/${name}`, "only members of its type");
  }
  for (const [name, { required }] of Object.entries(may)) {
    if (required && !Object.hasOwn(has, name)) refuse("MISSING_MEMBER", `${place}/${name}`, "the member");
  }
}

const LANGUAGE = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;

/** The officially assigned codes of ISO 3166-1 alpha-2, which events.json does not list. */
const COUNTRIES =
  `AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW
BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI
FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN
IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME
MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF
PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV
SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE
YT ZA ZM ZW`.split(/\s/);

const isText = (value: Json | undefined, test: (text: string) => boolean) =>
  typeof value === "string" && test(value);
const isCount = (value: Json | undefined): value is number => typeof value === "number" && value >= 0;
const isList = (value: Json | undefined): value is Json[] => Array.isArray(value);
const hasNoRepeats = (list: Json[]) => new Set(list).size === list.length;

function verifyFact(schema: Schema, is: string | string[], value: Json, place: string): void {
  if (is === "vkey" || is === "vkeys") {
    const keys =
      is === "vkey" ? [value] : isList(value) ? value : refuse("BAD_FACT", place, "an array of vkeys");
    if (!hasNoRepeats(keys.map((key) => partyKeyOf(key, place).keyHex))) refuse("BAD_FACT", place, "no public key twice");
    return;
  }
  const good = Array.isArray(is)
    ? isText(value, (text) => is.includes(text))
    : (FACTS[is]?.(value, schema) ?? false);
  if (!good)
    refuse("BAD_FACT", place, Array.isArray(is) ? `one of ${is.join(", ")}` : `a fact of kind ${is}`);
}

const FACTS: Record<string, (value: Json, schema: Schema) => boolean> = {
  count: isCount,
  bool: (value) => typeof value === "boolean",
  at: (value) => isText(value, isAt),
  hash: (value) => isText(value, (text) => ID.test(text)),
  country: (value) => isText(value, (text) => COUNTRIES.includes(text)),
  zone: (value, { zones }) => isText(value, (text) => zones.includes(text)),
  language: (value) => isText(value, (text) => text.length <= 35 && LANGUAGE.test(text)),
  day: (value) => isText(value, isDay),
  deadline: isDeadline,
  outcomes: (value) => isItems(value, "outcome", ["answered", "partly", "refused", "not_held", "holding"]),
  verdicts: (value) => isItems(value, "verdict", ["satisfied", "partly", "unsatisfied"]),
  positions: (value) =>
    isList(value) &&
    hasNoRepeats(value) &&
    value.every((each) => isText(each, isPosition)),
};

/** `content`, or `files/<i>` with a number of 32 bits. */
function isPosition(text: string): boolean {
  return text === "content" || (/^files\/(0|[1-9][0-9]*)$/.test(text) && Number(text.slice(6)) < 2 ** 32);
}

function isDeadline(value: Json): boolean {
  if (!isObject(value)) return false;
  const { by, days, rule, from, weekly, holidays } = value;
  const has = Object.keys(value);
  if (by !== undefined) return has.length === 1 && isText(by, isDay);
  return (
    has.every((name) => ["days", "rule", "from", "weekly", "holidays"].includes(name)) &&
    isCount(days) &&
    days >= 1 &&
    days <= 3650 &&
    isText(rule, (text) => ["calendar", "working", "my-interpretation-act-54"].includes(text)) &&
    isText(from, (text) => ["issue", "relayed", "available", "handed_over", "accepted"].includes(text)) &&
    (weekly === undefined || isText(weekly, (text) => text === "sunday" || text === "friday")) &&
    (holidays === undefined ||
      (isList(holidays) &&
        holidays.every((day, i) => isText(day, isDay) && (i === 0 || holidays[i - 1]! < day!))))
  );
}

function isItems(value: Json, member: string, words: string[]): boolean {
  let last = 0;
  return (
    isList(value) &&
    value.every((each) => {
      if (!isObject(each) || Object.keys(each).length !== 2 || !isCount(each.item) || each.item <= last)
        return false;
      last = each.item;
      return isText(each[member], (text) => words.includes(text));
    })
  );
}

/** The items of a fact of kind outcomes or verdicts. */
export function itemsOf(facts: JsonObject): number[] {
  return isList(facts.items) ? facts.items.map((each) => (isObject(each) ? Number(each.item) : 0)) : [];
}

import { type Event, partyKeyOf } from "./event.ts";
import { refuse } from "./fault.ts";
import { ID, isAt, isDay } from "./grammar.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

// The list of event types as data: schema/events.json. It is given, not built in, for it is as large as
// the rest of the verifier.

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

export function ruleOf(schema: Schema, event: Event): TypeRule {
  if (!Object.hasOwn(schema.types, event.type))
    refuse("UNKNOWN_TYPE", "event, type", "a type of events.json");
  return schema.types[event.type]!;
}

/** Passes if refs, facts, content and case have the shape that the event's type asks for. */
export function verifyType(schema: Schema, event: Event): void {
  const rule = ruleOf(schema, event);
  members(event.refs, rule.refs, "event, refs");
  for (const [role, value] of Object.entries(event.refs)) {
    if (Array.isArray(value) !== rule.refs[role]!.many) {
      refuse("BAD_REF", `event, refs/${role}`, rule.refs[role]!.many ? "an array of ids" : "one id");
    }
  }
  members(event.facts, rule.facts, "event, facts");
  for (const [name, value] of Object.entries(event.facts)) {
    verifyFact(schema, rule.facts[name]!.is, value, `event, facts/${name}`);
  }
  if (event.type === "party.registered" && ["person", "account"].includes(String(event.facts.kind))) {
    for (const key of event.by.filter(
      (key) => Array.isArray(event.facts.keys) && event.facts.keys.includes(key.text),
    )) {
      if (
        !key.name.startsWith(event.origin + "/") ||
        !/^[0-9a-f]{16}$/.test(key.name.slice(event.origin.length + 1))
      ) {
        refuse("BAD_FACT", "event, facts/keys", "a key name of origin and 16 random hex digits");
      }
    }
  }
  if (rule.content === "required" && !event.content) refuse("MISSING_MEMBER", "event, content", "the member");
  if (rule.content === "none" && event.content) refuse("UNKNOWN_MEMBER", "event, content", "no words");
  if (rule.case === "required" && event.case === undefined) refuse("CASE_REQUIRED", "event, case", "a case");
  if (rule.case === "refused" && event.case !== undefined) refuse("CASE_REFUSED", "event, case", "no case");
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

const isText = (value: Json | undefined, test: (text: string) => boolean) =>
  typeof value === "string" && test(value);
const isCount = (value: Json | undefined): value is number => typeof value === "number" && value >= 0;
const isList = (value: Json | undefined): value is Json[] => Array.isArray(value);
const hasNoRepeats = (list: Json[]) => new Set(list).size === list.length;

function verifyFact(schema: Schema, is: string | string[], value: Json, place: string): void {
  if (is === "vkey" || is === "vkeys") {
    const keys =
      is === "vkey" ? [value] : isList(value) ? value : refuse("BAD_FACT", place, "an array of vkeys");
    keys.forEach((key) => partyKeyOf(key, place));
    if (!hasNoRepeats(keys)) refuse("BAD_FACT", place, "no vkey twice");
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
  // ISO 3166-1 is not listed in events.json; only the shape of a code is judged.
  country: (value) => isText(value, (text) => /^[A-Z]{2}$/.test(text)),
  zone: (value, { zones }) => isText(value, (text) => zones.includes(text)),
  language: (value) => isText(value, (text) => text.length <= 35 && LANGUAGE.test(text)),
  day: (value) => isText(value, isDay),
  deadline: isDeadline,
  outcomes: (value) => isItems(value, "outcome", ["answered", "partly", "refused", "not_held", "holding"]),
  verdicts: (value) => isItems(value, "verdict", ["satisfied", "partly", "unsatisfied"]),
  positions: (value) =>
    isList(value) &&
    hasNoRepeats(value) &&
    value.every((each) => isText(each, (text) => /^(content|files\/(0|[1-9][0-9]{0,5}))$/.test(text))),
};

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

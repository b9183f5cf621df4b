import { refuse } from "./fault.ts";
import { numberOf } from "./grammar.ts";

export type Json = string | number | boolean | null | Json[] | JsonObject;
/** Made without a prototype, so that a member named `__proto__` is a member like any other. */
export interface JsonObject {
  [name: string]: Json;
}

const DEPTH_LIMIT = 32;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Line 3 of an event (formats.md section 3): no white space, escapes, nulls or empty things. */
export function eventJsonOf(line: string, place: string): JsonObject {
  const bad = /[^\x21-\x7e]|\\/.exec(line);
  if (bad) refuse("JSON_BYTE", `${place}, byte ${bad.index + 1}`, "0x21 to 0x7E without backslash");
  return objectOf(line, place, false);
}

/** A content blob's text: I-JSON (RFC 7493), with the numbers of formats.md. */
export function contentJsonOf(text: string, place: string): JsonObject {
  return objectOf(text, place, true);
}

// A parser by hand: JSON.parse keeps the last of two members of one name, and forgets how a number was written.
function objectOf(text: string, place: string, words: boolean): JsonObject {
  let at = 0;
  const fail = (code: string, wanted: string): never =>
    refuse(`JSON_${code}`, `${place}, character ${at + 1}`, wanted);
  const space = () => {
    while (words && /^[ \t\n\r]$/.test(text.charAt(at))) at++;
  };
  /** Steps over the character if it comes next. */
  const take = (character: string): boolean => {
    space();
    if (text[at] !== character) return false;
    at++;
    return true;
  };
  const string = (): string => {
    const start = at++;
    for (; text[at] !== '"'; at++) {
      if (!(text.charAt(at) >= " ")) fail("SYNTAX", "a string to its end");
      if (text[at] === "\\" && !/^(["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(text.slice(++at, at + 5))) {
        fail("SYNTAX", "an escape that JSON has");
      }
    }
    const value = JSON.parse(text.slice(start, ++at)) as string;
    if (/\p{Surrogate}|\p{Noncharacter_Code_Point}/u.test(value)) fail("SYNTAX", "characters of RFC 7493");
    return value;
  };
  /** Items up to the closing character. */
  const list = (close: string, item: () => void) => {
    at++;
    if (take(close)) {
      if (!words) fail("EMPTY", "something in it");
      return;
    }
    do item();
    while (take(","));
    if (!take(close)) fail("SYNTAX", `a comma or ${close}`);
  };
  const value = (level: number): Json => {
    space();
    const next = text.charAt(at);
    if (/[{[]/.test(next) && level > DEPTH_LIMIT) fail("DEPTH", `at most ${DEPTH_LIMIT} levels`);
    if (next === "{") {
      const object = Object.create(null) as JsonObject;
      list("}", () => {
        space();
        if (text[at] !== '"') fail("SYNTAX", "a member name");
        const name = string();
        if (name in object) fail("DUPLICATE", "each member once");
        if (!take(":")) fail("SYNTAX", "a colon");
        object[name] = value(level + 1);
      });
      return object;
    }
    if (next === "[") {
      const array: Json[] = [];
      list("]", () => array.push(value(level + 1)));
      return array;
    }
    if (next === '"') return string();
    const [token = ""] = /^([-+0-9.eE]+|true|false|null)/.exec(text.slice(at, at + 400)) ?? [];
    if (/^[-+0-9]/.test(token)) {
      const number = numberOf(token) ?? fail("NUMBER", "a whole number of at most 2^53-1");
      at += token.length;
      return number;
    }
    if (!/^[tfn]/.test(token)) fail("SYNTAX", "a value");
    if (token === "null" && !words) fail("NULL", "the member left out");
    at += token.length;
    return token === "null" ? null : token === "true";
  };
  const whole = value(1);
  space();
  if (at !== text.length) fail("SYNTAX", "nothing after the object");
  return isObject(whole) ? whole : fail("NOT_OBJECT", "one object");
}

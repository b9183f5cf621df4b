import { types, zones } from "../../../schema/events.json";
import type { Event } from "./event.ts";
import { type Schema, verifyType } from "./schema.ts";

const SCHEMA = { types, zones } as unknown as Schema;

/** Passes if refs, facts, words and case of an event have the shape that its type asks for. */
export function verifyShape(event: Event, place: string): void {
  verifyType(SCHEMA, event, place);
}

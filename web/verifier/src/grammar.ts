// The small grammars of formats.md, section 2: names, numbers and dates.

export const ID = /^[0-9a-f]{64}$/;

export function isName(text: string): boolean {
  return text.length <= 128 && /^[a-z0-9.-]+(\/[a-z0-9._-]+)*$/.test(text);
}

export function isOrigin(text: string): boolean {
  return isName(text) && text.includes(".") && !text.startsWith("onrecord/");
}

/** A number of at most 2^53-1 in size, judged on its token; undefined for anything else. */
export function numberOf(token: string): number | undefined {
  const value = Number(token);
  return /^(0|-?[1-9][0-9]{0,15})$/.test(token) && Number.isSafeInteger(value) ? value : undefined;
}

/** A number from 0: an index, a size, a place in a thread. */
export function countOf(token: string): number | undefined {
  const value = numberOf(token);
  return value !== undefined && value >= 0 ? value : undefined;
}

/** Whether a text has that shape and is a real date: JavaScript prints another date, or none, if it is not. */
function isMoment(text: string, shape: RegExp): boolean {
  return shape.test(text) && JSON.stringify(new Date(text)).startsWith(`"${text}`);
}

export function isDay(text: string): boolean {
  return isMoment(text, /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/);
}

export function isTime(text: string): boolean {
  return isMoment(text, /^[0-9]{4}-[0-9]{2}-[0-9]{2}T([0-9]{2}:){2}[0-9]{2}\.[0-9]{3}Z$/);
}

export function isAt(text: string): boolean {
  const [, time, hour, minute] = /^(.{19})[+-]([0-9]{2}):([0-9]{2})$/.exec(text) ?? [];
  if (time === undefined) return isDay(text) || isDay(`${text}-01`);
  return isTime(`${time}.000Z`) && +hour! < 24 && +minute! < 60;
}

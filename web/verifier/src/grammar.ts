// The small words of formats.md, section 2.

export const ID = /^[0-9a-f]{64}$/;
const NAME = /^[a-z0-9.-]+(\/[a-z0-9._-]+)*$/;
const NUMBER = /^(0|-?[1-9][0-9]*)$/;
const DAY = /^([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?$/;
const TIME = /^([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.[0-9]{3}Z$/;
const AT_TIME = /^(.{10})T([0-9]{2}):([0-9]{2}):([0-9]{2})[+-]([0-9]{2}):([0-9]{2})$/;

export function isName(text: string): boolean {
  return text.length <= 128 && NAME.test(text);
}

export function isOrigin(text: string): boolean {
  return isName(text) && text.includes(".") && !text.startsWith("onrecord/");
}

/** A number of at most 2^53-1 in size, judged on its token; undefined for anything else. */
export function numberOf(token: string): number | undefined {
  if (token.length > 17 || !NUMBER.test(token)) return undefined;
  const value = Number(token);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A number that counts: an index, a size, a place in a thread. */
export function countOf(token: string): number | undefined {
  const value = numberOf(token);
  return value !== undefined && value >= 0 ? value : undefined;
}

function isDate(text: string): boolean {
  const [, year, month, day] = DAY.exec(text) ?? [];
  if (year === undefined || month === undefined || +month < 1 || +month > 12) return false;
  const leap = +year % 4 === 0 && (+year % 100 !== 0 || +year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][+month - 1] ?? 0;
  return day === undefined || (+day >= 1 && +day <= days);
}

export function isDay(text: string): boolean {
  return text.length === 10 && isDate(text);
}

export function isAt(text: string): boolean {
  if (text.length <= 10) return isDate(text);
  const [, day, hour, minute, second, zoneHour, zoneMinute] = AT_TIME.exec(text) ?? [];
  return (
    day !== undefined &&
    isDay(day) &&
    +hour! < 24 &&
    +minute! < 60 &&
    +second! < 60 &&
    +zoneHour! < 24 &&
    +zoneMinute! < 60
  );
}

export function isTime(text: string): boolean {
  const [, day, hour, minute, second] = TIME.exec(text) ?? [];
  return day !== undefined && isDay(day) && +hour! < 24 && +minute! < 60 && +second! < 60;
}

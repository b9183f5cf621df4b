/** Why bytes are refused: a code (of formats.md section 9 if it has one), the place, what was expected. */
export class Fault extends Error {
  readonly code: string;
  readonly place: string;

  constructor(code: string, place: string, wanted: string) {
    super(wanted);
    this.code = code;
    this.place = place;
  }
}

export function refuse(code: string, place: string, wanted: string): never {
  throw new Fault(code, place, wanted);
}

/** Anything caught becomes a fault: an error nobody foresaw must count as a failure, never as a pass. */
export function asFault(error: unknown, place: string): Fault {
  if (error instanceof Fault) return error;
  return new Fault("INTERNAL", place, error instanceof Error ? error.message : String(error));
}

export function describe(fault: Fault): string {
  return `${fault.code}: ${fault.place}: ${fault.message}`;
}

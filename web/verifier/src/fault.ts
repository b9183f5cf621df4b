/** Why bytes are refused: a code (of formats.md section 9, or empty), the place, what was expected. */
export class Fault extends Error {
  readonly code: string;
  readonly place: string;

  constructor(code: string, place: string, message: string) {
    super(message);
    this.code = code;
    this.place = place;
  }
}

export function refuse(code: string, place: string, wanted: string): never {
  throw new Fault(code, place, "expected " + wanted);
}

/** Anything caught becomes a fault: an error nobody foresaw must count as a failure, never as a pass. */
export function asFault(error: unknown): Fault {
  // Known by its member `place`, not its class, since each module that is loaded on use has a class of its own.
  return error instanceof Error && "place" in error ? (error as Fault) : new Fault("INTERNAL", "", String(error));
}

/** Why something is refused: place, code, what was expected. */
export function reasonOf(error: unknown): string {
  const { place, code, message } = asFault(error);
  return [place, code, message].filter(Boolean).join(": ");
}

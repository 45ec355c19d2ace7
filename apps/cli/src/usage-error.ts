/**
 * A mistake in how the command was called: exit code 2.
 * Speaks the same sentence as the library's errors: name, expected, got, remedy.
 */
export interface Mistake {
  readonly name: string;
  readonly expected: string;
  readonly got: string;
  /** An imperative without a full stop. */
  readonly remedy: string;
}

export class UsageError extends Error {
  override readonly name: string = "UsageError";

  constructor({ name, expected, got, remedy }: Mistake, options?: ErrorOptions) {
    super(`${name}: expected ${expected}, got ${got}; ${remedy}`, options);
  }
}

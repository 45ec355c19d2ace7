/** What a command-line option takes, means and defaults to: one value per option, read once. */
import { UsageError } from "./usage-error.ts";

/** One option of a command; its name is its key in the command's table. */
export interface Option<T> {
  readonly help: string;
  /** What stands for the value in the help, for example `n`; null for a flag. */
  readonly value: string | null;
  readonly fallback: T;
  /** Turns the text after the option into its value, or throws a `UsageError`. */
  read(text: string, name: string): T;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** The values of a table of options, by name. */
export type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

export const flag = (help: string): Option<boolean> => ({
  help,
  value: null,
  fallback: false,
  read: () => true,
});

export const text = <F extends string | null>(
  help: string,
  value: string,
  fallback: F,
): Option<string | F> => ({ help, value, fallback, read: (given) => given });

interface Range {
  readonly min: number;
  readonly max: number;
}

export function integer<F extends number | null>(
  help: string,
  { min, max }: Range,
  fallback: F,
): Option<number | F> {
  const read = (given: string, name: string): number => {
    const value = Number(given);
    if (/^\d+$/.test(given) && value >= min && value <= max) return value;
    throw new UsageError({
      name: `--${name}`,
      expected: `an integer from ${min} to ${max}`,
      got: JSON.stringify(given),
      remedy: `write for example --${name} ${Math.max(min, fallback ?? min)}`,
    });
  };
  return { help, value: "n", fallback, read };
}

export function choice<const C extends readonly string[], F extends C[number] | null>(
  help: string,
  choices: C,
  fallback: F,
): Option<C[number] | F> {
  const isChoice = (given: string): given is C[number] => choices.includes(given);
  const read = (given: string, name: string): C[number] => {
    if (isChoice(given)) return given;
    throw new UsageError({
      name: `--${name}`,
      expected: `one of ${choices.join(", ")}`,
      got: JSON.stringify(given),
      remedy: "choose one of them",
    });
  };
  return { help, value: choices.join("|"), fallback, read };
}

export interface Treatment {
  /**
   * `run`: runs, and must end with 0. `script`: too long to run here, must be a script of
   * package.json. `subcommand`: too long as well; the command line must know it. `shell`: nothing
   * of ours. `unknown`: an error in the README, or a row is missing.
   */
  readonly how: "run" | "script" | "subcommand" | "shell" | "unknown";
  /** What stands behind the pattern's first group: the script's or subcommand's name. */
  readonly name: string;
  readonly why: string;
}

/** The first row that fits a command decides. */
const treatments: readonly [RegExp, Treatment["how"], string][] = [
  [/^(?:git clone|cd)\b/, "shell", "this clone stands for it"],
  [/^npm (start|test)$/, "script", "CI runs it by itself"],
  [/^npm run (test:full|check|build|readme)$/, "script", "minutes long, or this very test"],
  [/^(?:npx|npm run) vigil (?:-- )?(bench|verify|demo)\b/, "subcommand", "takes a quiet machine"],
  [/^(?:npx|npm run) vigil\b/, "run", "seconds"],
  [/^npm run (types|lint|format|arrows)$/, "script", "its own stage in CI"],
  [
    /^npm (?:install|i) (@vigil\/\S+)$/,
    "shell",
    "the packed packages are installed in their own test",
  ],
];

export function treatmentOf(command: string): Treatment {
  for (const [pattern, how, why] of treatments) {
    const match = pattern.exec(command);
    if (match) return { how, name: match[1] ?? "", why };
  }
  return { how: "unknown", name: "", why: "no row fits" };
}

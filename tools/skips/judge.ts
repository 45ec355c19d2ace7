export interface Skip {
  readonly test: string;
  /**
   * `key: what is missing here`, as given to `skip(condition, reason)`; empty where a test gave
   * none.
   */
  readonly reason: string;
}

/** What to print about skipped tests, and whether one of them fails the run. */
export function judge(
  skips: readonly Skip[],
  mustRun: Readonly<Record<string, string>>,
  ci: boolean,
): { lines: string[]; failed: boolean } {
  const byReason = Map.groupBy(skips, ({ reason }) => reason);
  const lines: string[] = [];
  let failed = false;
  for (const [reason, group] of byReason) {
    const problem = reason === "" ? "a skip names its reason" : mustRun[keyOf(reason)];
    lines.push(`skipped ${group.length}: ${reason || "no reason given"}`);
    for (const { test } of group) lines.push(`  - ${test}`);
    if (!ci || problem === undefined) continue;
    failed = true;
    lines.push(`  a failure in CI: ${problem}`);
  }
  return { lines, failed };
}

const keyOf = (reason: string): string => reason.split(":", 1)[0] ?? "";

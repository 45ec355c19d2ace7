import { readFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from "vitest/node";
import { judge } from "./judge.ts";
import type { Skip } from "./judge.ts";

const mustRun = JSON.parse(
  readFileSync(new URL("../ci-must-run.json", import.meta.url), "utf8"),
) as Readonly<Record<string, string>>;

/**
 * Prints every skipped test with its reason. With CI=true the run fails when a test was skipped for
 * a reason that tools/ci-must-run.json lists, or for none.
 */
export default class SkipReporter implements Reporter {
  private filtered = false;

  onInit(vitest: Vitest): void {
    const { testNamePattern } = vitest.config;
    this.filtered = testNamePattern !== undefined;
    const thinned = process.env["VIGIL_TEST"] !== "full";
    console.log(
      thinned
        ? "tests: a pairwise choice of cases (npm run test:full runs every combination)"
        : "tests: every combination of cases",
    );
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    // With `-t`, most tests are skipped because someone asked for it.
    if (this.filtered) return;
    const skips = modules
      .flatMap((module) => [...module.children.allTests("skipped")])
      .filter((test) => !isUnderFailedHook(test))
      .map(skipOf);
    const { lines, failed } = judge(skips, mustRun, process.env["CI"] === "true");
    for (const line of lines) console.log(line);
    if (failed) process.exitCode = 1;
  }
}

/** Vitest skips the tests of a suite whose `beforeAll` failed; that failure is reported already. */
function isUnderFailedHook({ parent }: TestCase | TestSuite): boolean {
  if (parent.errors().length > 0) return true;
  return parent.type === "suite" && isUnderFailedHook(parent);
}

function skipOf(test: TestCase): Skip {
  const result = test.result();
  const note = result.state === "skipped" ? result.note : undefined;
  return { test: `${test.module.relativeModuleId} > ${test.fullName}`, reason: note ?? "" };
}

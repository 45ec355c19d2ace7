import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import type { ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["{packages,apps}/*/{src,test}/**/*.test.ts", "{tools,test}/**/*.test.ts"],
    // WebAssembly memories and worker threads of one test file never meet another's.
    pool: "forks",
    // The default leaves one core to nobody, which on two is half of the machine.
    maxWorkers: availableParallelism(),
    // Tests that name no device are not about one, and a compiler per kernel would take minutes.
    // Compiled kernels are kept for the next run here, not among the user's own.
    env: { VIGIL_DEVICE: "wasm", VIGIL_CACHE_DIR: join(import.meta.dirname, ".vitest", "cache") },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ["default", "./tools/skips/reporter.ts"],
  },
});

export default config;

import { join } from "node:path";
import { chromium as driver } from "playwright-core";
import { chromium, noChromium } from "./chromium.ts";
import { serve } from "./serve.ts";

export interface PageOptions {
  /** The folder to serve; the repository by default. */
  readonly root?: string;
  /** Module names that the page's code may import, and their paths under `root`. */
  readonly imports?: Readonly<Record<string, string>>;
  /** Further flags of Chromium. */
  readonly flags?: readonly string[];
}

export interface Page extends AsyncDisposable {
  /**
   * Calls the default export of a module (a path under `root`) in the page; arguments and result
   * travel as JSON.
   */
  run(module: string, args?: unknown): Promise<unknown>;
}

/** Chromium's software WebGPU: slow, and there on every machine. */
export const softwareWebGpu: readonly string[] = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
];

const repository = join(import.meta.dirname, "../..");
const sources = {
  "@vigil/attention": "/packages/attention/src/index.ts",
  "@vigil/attention/testing": "/packages/attention/src/testing/index.ts",
  acorn: "/node_modules/acorn/dist/acorn.mjs",
};

// A browser that looks nothing up by itself; Chromium's sandbox refuses to start for root.
const quiet = ["--disable-quic", "--no-first-run", "--disable-component-update", "--disable-sync"];
const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];

/** A cross-origin isolated page in a headless Chromium of its own. */
export async function openPage(options: PageOptions = {}): Promise<Page> {
  if (chromium === undefined) throw new Error(noChromium);
  const { root = repository, imports = sources, flags = [] } = options;
  await using stack = new AsyncDisposableStack();
  const { origin } = stack.use(await serve(root, imports));
  const browser = await driver.launch({
    executablePath: chromium,
    args: [...quiet, ...sandbox, ...flags],
  });
  stack.defer(() => browser.close());
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(`${origin}/`);

  const resources = stack.move();
  return {
    async run(module, args = null) {
      try {
        // Text, because a test runner rewrites the imports of functions.
        const [url, given] = [JSON.stringify(`${origin}/${module}`), JSON.stringify(args)];
        return await page.evaluate(`import(${url}).then((module) => module.default(${given}))`);
      } catch (error) {
        throw new Error([`in the page: ${String(error)}`, ...complaints].join("\n"), {
          cause: error,
        });
      }
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { transform } from "esbuild";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".ts": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const isolation = {
  // Together they make the page cross-origin isolated, which SharedArrayBuffer needs.
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cache-Control": "no-store",
};

export interface Server extends AsyncDisposable {
  readonly origin: string;
}

/**
 * Serves a folder to a page on this machine only. TypeScript loses its types on the way, file by
 * file, so that a page and its workers load the sources as they are. `/` is an empty page whose
 * import map names `imports`.
 */
export async function serve(
  root: string,
  imports: Readonly<Record<string, string>>,
): Promise<Server> {
  const importMap = JSON.stringify({ imports });
  const emptyPage =
    '<!doctype html><title>test</title><link rel="icon" href="data:,">' +
    `<script type="importmap">${importMap}</script>`;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const body = pathname === "/" ? Promise.resolve(emptyPage) : contents(root, pathname);
    body.then(
      (text) => {
        const type = types[pathname === "/" ? ".html" : extname(pathname)];
        response.writeHead(200, { ...isolation, "Content-Type": type ?? "text/plain" }).end(text);
      },
      () => response.writeHead(404, isolation).end(`no file ${pathname}`),
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

async function contents(root: string, pathname: string): Promise<string | Uint8Array> {
  const path = normalize(decodeURIComponent(pathname));
  const file = await readFile(join(root, path));
  if (extname(path) !== ".ts") return file;
  const { code } = await transform(file, {
    loader: "ts",
    target: "esnext",
    sourcefile: path,
    sourcemap: "inline",
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  return code;
}

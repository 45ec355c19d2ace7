import { existsSync } from "node:fs";
import { join } from "node:path";

const { env, platform } = process;

const usual: Readonly<Record<string, readonly string[]>> = {
  linux: [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/usr/bin/microsoft-edge",
    "/snap/bin/chromium",
  ],
  darwin: ["Google Chrome", "Chromium", "Microsoft Edge"].map(
    (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
  ),
  win32: [env["ProgramFiles"], env["ProgramFiles(x86)"], env["LOCALAPPDATA"]]
    .filter((folder) => folder !== undefined)
    .flatMap((folder) => [
      join(folder, "Google/Chrome/Application/chrome.exe"),
      join(folder, "Microsoft/Edge/Application/msedge.exe"),
    ]),
};

const places = env["CHROMIUM_PATH"] ? [env["CHROMIUM_PATH"]] : (usual[platform] ?? []);

/** Chromium or a browser made from it: `CHROMIUM_PATH`, or where installers usually put one. */
export const chromium: string | undefined = places.find((path) => existsSync(path));

/** The reason to skip a test where there is no browser. */
export const noChromium: string = `chromium: no browser among ${places.join(", ")}; install one, or set CHROMIUM_PATH`;

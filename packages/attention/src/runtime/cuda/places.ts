/** Where libcuda and NVRTC may lie on this machine, likeliest first. */

export interface Place {
  /** What to load: a path, or a name that the loader looks up. */
  readonly path: string;
  /** How it came to be looked at, for people. */
  readonly because: string;
  /** What it will look for by name and not find unless it is loaded before. */
  readonly needs: readonly string[];
}

/** What differs between systems. */
interface System {
  readonly driver: readonly string[];
  /** Names of NVRTC that the loader may find, newest first. */
  readonly nvrtc: readonly string[];
  readonly isNvrtc: RegExp;
  readonly isBuiltins: RegExp;
  /** Folders of libraries within a toolkit, and within a wheel's folder. */
  readonly folders: readonly string[];
  readonly toolkits: readonly string[];
}

const majors = [13, 12] as const;

const linux: System = {
  driver: ["libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"],
  nvrtc: majors.map((major) => `libnvrtc.so.${major}`),
  isNvrtc: /^libnvrtc\.so\.\d+$/,
  isBuiltins: /^libnvrtc-builtins\.so\.[\d.]+$/,
  folders: ["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"],
  toolkits: ["/usr/local/cuda", "/opt/cuda"],
};

const windows: System = {
  driver: ["nvcuda.dll"],
  nvrtc: majors.map((major) => `nvrtc64_${major}0_0.dll`),
  isNvrtc: /^nvrtc64_\d+_0\.dll$/,
  isBuiltins: /^nvrtc-builtins64_\d+\.dll$/,
  folders: ["bin/x64", "bin", "bin/x86_64"],
  toolkits: [],
};

const systems: Readonly<Partial<Record<NodeJS.Platform, System>>> = { linux, win32: windows };

/** What the search reads of the machine; the tests give their own. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names in a folder; none where it cannot be read. */
  list(folder: string): readonly string[];
  join(...parts: string[]): string;
  /** Folders of installed packages of the `python3` on PATH; none where there is no Python. */
  sitePackages(): Promise<readonly string[]>;
}

const PYTHON =
  "import json, site, sysconfig; p = sysconfig.get_paths(); print(json.dumps([p['purelib'], p['platlib'], site.getusersitepackages(), *site.getsitepackages()]))";
const PYTHON_MS = 5000;

async function askPython(): Promise<readonly string[]> {
  const { execFile } = process.getBuiltinModule("node:child_process");
  const program = process.platform === "win32" ? "python" : "python3";
  return new Promise((resolve) => {
    execFile(program, ["-c", PYTHON], { timeout: PYTHON_MS }, (error, stdout) => {
      try {
        const folders: unknown = error === null ? JSON.parse(stdout) : [];
        resolve(Array.isArray(folders) ? [...new Set(folders.map(String))] : []);
      } catch {
        resolve([]); // Another program called python3.
      }
    });
  });
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  const { readdirSync } = process.getBuiltinModule("node:fs");
  const { join } = process.getBuiltinModule("node:path");
  return {
    platform: process.platform,
    env: process.env,
    join,
    sitePackages: askPython,
    list(folder) {
      try {
        return readdirSync(folder);
      } catch {
        return [];
      }
    },
  };
}

/** Why there is no CUDA for this system at all, or null. */
export const noSystem = ({ platform }: Machine): string | null =>
  systems[platform] === undefined ? `NVIDIA has no driver for ${platform}` : null;

export function driverPlaces(machine: Machine, given?: string): readonly Place[] {
  if (given !== undefined) return [{ path: given, because: "the option driverPath", needs: [] }];
  const names = systems[machine.platform]?.driver ?? [];
  return names.map((path) => ({ path, because: "installed with the NVIDIA driver", needs: [] }));
}

const newestFirst = (names: readonly string[]): readonly string[] =>
  names.toSorted((a, b) => b.localeCompare(a, "en", { numeric: true }));

/** The toolkit's or a wheel's NVRTC below a folder, newest first. */
function* within(machine: Machine, root: string, because: string): Generator<Place> {
  const { folders, isNvrtc, isBuiltins } = systems[machine.platform] ?? linux;
  for (const folder of [...folders.map((name) => machine.join(root, name)), root]) {
    const names = newestFirst(machine.list(folder));
    const builtins = names.filter((name) => isBuiltins.test(name));
    const needs = builtins.map((name) => machine.join(folder, name));
    for (const name of names.filter((name) => isNvrtc.test(name))) {
      yield { path: machine.join(folder, name), because, needs };
    }
  }
}

/** Wheels lie in `nvidia/cu13/lib` or `nvidia/cuda_nvrtc/lib`. */
function* inWheels(machine: Machine, packages: string, because: string): Generator<Place> {
  const nvidia = machine.join(packages, "nvidia");
  for (const name of newestFirst(machine.list(nvidia)))
    yield* within(machine, machine.join(nvidia, name), because);
}

function builtinsBeside(machine: Machine, path: string): readonly string[] {
  const { isBuiltins } = systems[machine.platform] ?? linux;
  const folder = path.replace(/[\\/][^\\/]*$/, "");
  const names = folder === path ? [] : machine.list(folder);
  return newestFirst(names.filter((name) => isBuiltins.test(name))).map((name) =>
    machine.join(folder, name),
  );
}

function* inVirtualEnv(machine: Machine, root: string): Generator<Place> {
  const because = "pip's wheels in VIRTUAL_ENV";
  const pythons = machine
    .list(machine.join(root, "lib"))
    .filter((name) => name.startsWith("python3"));
  for (const name of pythons) {
    yield* inWheels(machine, machine.join(root, "lib", name, "site-packages"), because);
  }
  yield* inWheels(machine, machine.join(root, "Lib", "site-packages"), because);
}

/**
 * Where to look for NVRTC: the path given, alone; else the toolkit that the environment names, what the loader knows, the usual toolkits,
 * and the wheels of pip (Python is asked last, and only if it comes to that).
 */
export async function* nvrtcPlaces(machine: Machine, given?: string): AsyncGenerator<Place> {
  if (given !== undefined) {
    yield { path: given, because: "the option nvrtcPath", needs: builtinsBeside(machine, given) };
    return;
  }
  const system = systems[machine.platform] ?? linux;
  for (const name of ["CUDA_PATH", "CUDA_HOME"] as const) {
    const root = machine.env[name];
    if (root) yield* within(machine, root, name);
  }
  for (const path of system.nvrtc) yield { path, because: "the loader's own paths", needs: [] };
  for (const root of system.toolkits) yield* within(machine, root, root);
  const environment = machine.env["VIRTUAL_ENV"];
  if (environment) yield* inVirtualEnv(machine, environment);
  for (const packages of await machine.sitePackages()) {
    yield* inWheels(machine, packages, "pip's wheels of the python3 on PATH");
  }
}

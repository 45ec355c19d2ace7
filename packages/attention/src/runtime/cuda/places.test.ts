import { expect, test } from "vitest";
import { driverPlaces, type Machine, noSystem, nvrtcPlaces, type Place } from "./places.ts";

/** A machine of these files. */
function machine(files: readonly string[], more: Partial<Machine> = {}): Machine {
  return {
    platform: "linux",
    env: {},
    join: (...parts) => parts.join("/"),
    sitePackages: async () => [],
    list: (folder) => {
      const below = files.filter((file) => file.startsWith(`${folder}/`));
      return [...new Set(below.map((file) => file.slice(folder.length + 1).split("/")[0] ?? ""))];
    },
    ...more,
  };
}

async function found(from: Machine, given?: string): Promise<Place[]> {
  return Array.fromAsync(nvrtcPlaces(from, given));
}

const paths = (places: readonly Place[]): string[] => places.map(({ path }) => path);

test("a path that is given is the only place", async () => {
  const files = ["/usr/local/cuda/lib64/libnvrtc.so.13", "/x/libnvrtc-builtins.so.13.0"];
  const given = await found(machine(files), "/x/libnvrtc.so.13");
  expect(paths(given)).toEqual(["/x/libnvrtc.so.13"]);
  expect(given[0]?.needs).toEqual(["/x/libnvrtc-builtins.so.13.0"]);
  expect(paths([...driverPlaces(machine([]), "/d.so")])).toEqual(["/d.so"]);
});

test("CUDA_PATH comes before the loader's paths, which come before toolkits and wheels", async () => {
  const files = [
    "/opt/own/lib64/libnvrtc.so.12",
    "/opt/own/lib64/libnvrtc-builtins.so.12.9",
    "/usr/local/cuda/lib64/libnvrtc.so.13",
    "/venv/lib/python3.12/site-packages/nvidia/cu13/lib/libnvrtc.so.13",
    "/venv/lib/python3.12/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
    "/py/nvidia/cu13/lib/libnvrtc.so.13",
  ];
  const env = { CUDA_PATH: "/opt/own", VIRTUAL_ENV: "/venv" };
  const places = await found(machine(files, { env, sitePackages: async () => ["/py"] }));
  expect(paths(places)).toEqual([
    "/opt/own/lib64/libnvrtc.so.12",
    "libnvrtc.so.13",
    "libnvrtc.so.12",
    "/usr/local/cuda/lib64/libnvrtc.so.13",
    "/venv/lib/python3.12/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
    "/venv/lib/python3.12/site-packages/nvidia/cu13/lib/libnvrtc.so.13",
    "/py/nvidia/cu13/lib/libnvrtc.so.13",
  ]);
  expect(places[0]?.needs).toEqual(["/opt/own/lib64/libnvrtc-builtins.so.12.9"]);
  expect(places[0]?.because).toBe("CUDA_PATH");
});

test("of several versions in a folder the newest comes first, and static libraries are none", async () => {
  const files = ["9", "12", "13"].map((version) => `/c/lib/libnvrtc.so.${version}`);
  const others = ["/c/lib/libnvrtc_static.a", "/c/lib/libnvrtc.so", "/c/lib/libnvrtc.alt.so.13"];
  const env = { CUDA_HOME: "/c" };
  const places = await found(machine([...files, ...others], { env }));
  expect(paths(places).slice(0, 3)).toEqual([...files].toReversed());
});

test("Windows has names of its own", async () => {
  const folder = "/CUDA/bin/x64";
  const files = [`${folder}/nvrtc64_130_0.dll`, `${folder}/nvrtc-builtins64_130.dll`];
  const windows = machine(files, { platform: "win32", env: { CUDA_PATH: "/CUDA" } });
  const [first] = await found(windows);
  expect(first).toEqual({
    path: `${folder}/nvrtc64_130_0.dll`,
    because: "CUDA_PATH",
    needs: [`${folder}/nvrtc-builtins64_130.dll`],
  });
  expect(paths([...driverPlaces(windows)])).toEqual(["nvcuda.dll"]);
});

test("Python is asked only after everything else", async () => {
  let asked = 0;
  const sitePackages = async (): Promise<readonly string[]> => {
    asked++;
    return [];
  };
  const places = nvrtcPlaces(machine([], { sitePackages }));
  expect((await places.next()).value?.path).toBe("libnvrtc.so.13");
  expect(asked).toBe(0);
  for await (const _ of places);
  expect(asked).toBe(1);
});

test("a system without NVIDIA drivers is named", () => {
  expect(noSystem(machine([], { platform: "darwin" }))).toMatch(/darwin/);
  expect(noSystem(machine([]))).toBeNull();
});

import { afterEach, describe, expect, test, vi } from "vitest";
import { UnsupportedError } from "../errors.ts";
import { chooseDevice, openDevice, type DeviceOptions } from "./open-device.ts";

afterEach(() => vi.unstubAllEnvs());

/** No GPU, and a compiler that is not there, on whatever machine this is. */
const bare: DeviceOptions = { compiler: "/absent/gcc", driverPath: "/absent/libcuda.so" };

describe("auto", () => {
  test("tries the fastest targets first, and says of each why it was taken or refused", async () => {
    vi.stubEnv("VIGIL_DEVICE", "");
    const { device, considered } = await chooseDevice(bare);
    expect(considered.map(({ target }) => target)).toEqual(["cuda", "native", "wasm"]);
    const [cuda, native, wasm] = considered.map(({ verdict }) => verdict);
    expect(cuda).toMatch(/^cuda: /);
    expect(native).toMatch(/^native: .*(no \/absent\/gcc|written for x86-64)/);
    expect(wasm).toBe(`taken: ${device.name}`);
    expect(device.target).toBe("wasm");
    await device.close();
  });

  test("takes the target that VIGIL_DEVICE names, and says so", async () => {
    vi.stubEnv("VIGIL_DEVICE", "reference");
    const { device, considered } = await chooseDevice();
    expect(device.target).toBe("reference");
    const verdict = `taken, as VIGIL_DEVICE says: ${device.name}`;
    expect(considered).toEqual([{ target: "reference", verdict }]);
    await device.close();
  });

  test("does not take another target than VIGIL_DEVICE names", async () => {
    vi.stubEnv("VIGIL_DEVICE", "native");
    await expect(openDevice("auto", bare)).rejects.toThrow(UnsupportedError);
    vi.stubEnv("VIGIL_DEVICE", "fast");
    await expect(openDevice("auto")).rejects.toThrow(
      /^VIGIL_DEVICE: expected one of .*wasm.*, got "fast"; correct it, or unset it/,
    );
  });
});

test("a named target is opened or refused, whatever VIGIL_DEVICE says", async () => {
  vi.stubEnv("VIGIL_DEVICE", "reference");
  await expect(openDevice("native", bare)).rejects.toThrow(UnsupportedError);
  await using device = await openDevice("wasm");
  expect(device.target).toBe("wasm");
});

const wrong: readonly (readonly [options: object, message: RegExp])[] = [
  [{ compiler: 7 }, /^compiler: expected a program, got 7; name a program/],
  [{ compiler: " " }, /^compiler: expected a program, got " "/],
  [{ cacheFolder: "" }, /^cacheFolder: expected a folder's path or null, got ""/],
  [{ isa: "sse9" }, /^isa: expected one of auto, avx2, avx512, avx512-bf16, amx, got "sse9"/],
  [{ warm: true }, /^warm: expected "background", got boolean true; leave it out to wait/],
  [{ wram: "background" }, /^options: expected names among .*warm.*, got "wram"/],
];

test.for(wrong)(
  "%o is refused by auto too: a mistake is not a missing target",
  async ([options, message]) => {
    vi.stubEnv("VIGIL_DEVICE", "");
    await expect(openDevice("auto", options)).rejects.toThrow(message);
    await expect(openDevice("native", options)).rejects.toThrow(message);
  },
);

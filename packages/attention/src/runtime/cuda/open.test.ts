import { describe, expect, test } from "vitest";
import { UnsupportedError } from "../../errors.ts";
import { CudaError } from "./cuda-error.ts";
import { cudaFacts } from "./facts.ts";
import { type CudaOptions, openCudaOn } from "./open.ts";
import { FakeGpu, type FakeOptions, fakeMachine } from "./test-fake-driver.ts";

const open = (fake: FakeOptions, options: CudaOptions = {}, gpu: FakeGpu = new FakeGpu(fake)) =>
  openCudaOn(fakeMachine(), { cacheFolder: null, ...options }, gpu.load);

describe("a machine that cannot is refused, with the reason and what helps", () => {
  const refusals: readonly (readonly [string, FakeOptions, RegExp])[] = [
    ["no driver", { missing: /cuda/ }, /no NVIDIA driver .*install the driver/],
    ["no NVRTC", { missing: /nvrtc/ }, /no NVRTC.*pip install nvidia-cuda-nvrtc/],
    [
      "an NVRTC newer than the driver",
      { driverVersion: 12_080, nvrtcVersion: [13, 0] },
      /it is of CUDA 13\.0, the driver of 12\.8/,
    ],
    ["no GPU", { gpus: 0 }, /shows no GPU.*CUDA_VISIBLE_DEVICES/],
    ["an old GPU", { capability: 75 }, /compute capability 7\.5; kernels need 8\.0/],
  ];
  test.each(refusals)("%s", async (_what, fake, message) => {
    const opened = open(fake);
    await expect(opened).rejects.toThrow(UnsupportedError);
    await expect(opened).rejects.toThrow(message);
  });

  test("a driver that does not start", async () => {
    const gpu = new FakeGpu();
    gpu.failures = [{ call: "cuInit", nth: 0, code: 100 }];
    const opened = open({}, {}, gpu);
    await expect(opened).rejects.toThrow(UnsupportedError);
    await expect(opened).rejects.toThrow(/CUDA_ERROR_NO_DEVICE; this machine shows no NVIDIA GPU/);
  });

  test("a system that NVIDIA does not serve", async () => {
    const machine = { ...fakeMachine(), platform: "darwin" } as const;
    await expect(openCudaOn(machine, {}, new FakeGpu().load)).rejects.toThrow(/darwin/);
  });
});

test("a GPU that is not there is the caller's mistake", async () => {
  await expect(open({}, { gpu: 1 })).rejects.toThrow(/gpu: expected 0, the only GPU, got 1/);
  await expect(open({ gpus: 3 }, { gpu: -1 })).rejects.toThrow(/from 0 to 2, got -1/);
  await expect(open({}, { memoryLimitBytes: 5 })).rejects.toThrow(RangeError);
});

test("the name says what it runs on; older GPUs get the kernels of sm_80", async () => {
  const hopper = await open({});
  expect(hopper.name).toBe("cuda (Fake GPU, sm_90a, driver of CUDA 13.0, NVRTC 13.0)");
  expect((await open({ capability: 89 })).name).toMatch(/sm_80/);
  expect((await open({ capability: 120 })).name).toMatch(/sm_80/);
  await hopper.close();
});

test("an error names call, code and purpose, and says what helps where that is known", async () => {
  const gpu = new FakeGpu();
  gpu.failures = [{ call: "cuDevicePrimaryCtxRetain", nth: 0, code: 214 }];
  const error = await open({}, {}, gpu).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CudaError);
  expect(error).toMatchObject({
    code: 214,
    codeName: "CUDA_ERROR_ECC_UNCORRECTABLE",
    call: "cuDevicePrimaryCtxRetain",
    doing: "opening Fake GPU",
    isFatal: true,
  });
  expect(String(error)).toMatch(/have this one reset or replaced/);
});

describe("vigil doctor", () => {
  test("says what is there", async () => {
    const facts = await cudaFacts(fakeMachine(), new FakeGpu().load);
    const details = Object.fromEntries(facts.map(({ name, detail }) => [name, detail]));
    expect(details["NVIDIA driver"]).toBe("libcuda.so.1, CUDA 13.0");
    expect(details["NVIDIA GPU"]).toBe("Fake GPU (compute capability 9.0, 1 GiB)");
    expect(details["NVRTC"]).toBe("libnvrtc.so.13, 13.0");
  });

  test("says what is missing, each thing by itself", async () => {
    const facts = await cudaFacts(fakeMachine(), new FakeGpu({ missing: /cuda/ }).load);
    const found = Object.fromEntries(facts.map(({ name, available }) => [name, available]));
    expect(found).toMatchObject({ "NVIDIA driver": false, "NVIDIA GPU": false, NVRTC: true });
  });
});

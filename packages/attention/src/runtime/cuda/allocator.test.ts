import fc from "fast-check";
import { expect, test } from "vitest";
import { Allocator, type Block, sizeClass } from "./allocator.ts";
import { CudaError } from "./cuda-error.ts";

/** Memory of so many bytes, which knows what is out. */
class Source {
  readonly out = new Map<bigint, number>();
  readonly #bytes: number;
  #next = 256n;
  calls = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get bytes(): number {
    return [...this.out.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  allocate(bytes: number): bigint {
    this.calls++;
    if (this.bytes + bytes > this.#bytes) {
      const codeName = "CUDA_ERROR_OUT_OF_MEMORY";
      throw new CudaError({ code: 2, codeName, call: "cuMemAlloc_v2", doing: "testing" });
    }
    const address = this.#next;
    this.#next += BigInt(bytes);
    this.out.set(address, bytes);
    return address;
  }

  free(address: bigint): void {
    expect(this.out.delete(address)).toBe(true);
  }
}

test("a size class holds the request, wastes at most an eighth, and is a class of its own", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (bytes) => {
      const size = sizeClass(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size % 256).toBe(0);
      expect(size).toBeLessThanOrEqual(Math.max(bytes * 1.125, bytes + 256));
      expect(sizeClass(size)).toBe(size);
    }),
  );
});

type Step =
  | { readonly allocate: number }
  | { readonly release: number }
  | { readonly trim: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ allocate: fc.integer({ min: 1, max: 40_000 }) }),
  fc.record({ release: fc.nat(20) }),
  fc.record({ trim: fc.integer({ min: 0, max: 100_000 }) }),
);

test("whatever is asked for and given back: no block twice, never over the limit, and the statistics are true", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const limit = 200_000;
      const source = new Source(150_000);
      const allocator = new Allocator(source, limit);
      const held: Block[] = [];
      for (const each of steps) {
        if ("allocate" in each) {
          try {
            const block = allocator.allocate(each.allocate);
            expect(held.map(({ address }) => address)).not.toContain(block.address);
            expect(source.out.get(block.address)).toBe(block.bytes);
            held.push(block);
          } catch (error) {
            // Only where it is true: what is in use leaves no room.
            const used = held.reduce((sum, { bytes }) => sum + bytes, 0);
            expect(used + sizeClass(each.allocate)).toBeGreaterThan(150_000);
            expect(error).toSatisfy((e) => e instanceof RangeError || e instanceof CudaError);
          }
        } else if ("release" in each) {
          const [block] = held.splice(each.release % Math.max(held.length, 1), 1);
          if (block !== undefined) allocator.release(block);
        } else {
          allocator.trim(each.trim);
          expect(allocator.statistics.cachedBytes).toBeLessThanOrEqual(each.trim);
        }
        const { usedBytes, cachedBytes, usedBlocks, peakBytes } = allocator.statistics;
        expect(usedBytes).toBe(held.reduce((sum, { bytes }) => sum + bytes, 0));
        expect(usedBytes + cachedBytes).toBe(source.bytes);
        expect(usedBytes + cachedBytes).toBeLessThanOrEqual(limit);
        expect(usedBlocks).toBe(held.length);
        expect(peakBytes).toBeGreaterThanOrEqual(usedBytes);
      }
      allocator.close();
      expect(source.out.size).toBe(0);
    }),
  );
});

test("a block that came back serves the next request of its class, without the driver", () => {
  const source = new Source(2 ** 20);
  const allocator = new Allocator(source, Infinity);
  const first = allocator.allocate(5000);
  allocator.release(first);
  expect(allocator.allocate(5001)).toBe(first);
  expect(source.calls).toBe(1);
  expect(allocator.statistics).toMatchObject({ allocations: 1, reuses: 1 });
});

test("a block given back twice is a mistake of ours, and says so", () => {
  const allocator = new Allocator(new Source(2 ** 20), Infinity);
  const block = allocator.allocate(1);
  allocator.release(block);
  expect(() => allocator.release(block)).toThrow(/^internal: .*given back twice/);
});

test("closing gives back everything, though freeing one block fails", () => {
  const freed: bigint[] = [];
  const source = {
    allocate: (bytes: number) => BigInt(bytes),
    free: (address: bigint) => {
      freed.push(address);
      if (address === 512n) throw new Error("no");
    },
  };
  const allocator = new Allocator(source, Infinity);
  for (const bytes of [256, 512, 768]) allocator.allocate(bytes);
  expect(() => allocator.close()).toThrow("no");
  expect(freed.toSorted((a, b) => Number(a - b))).toEqual([256n, 512n, 768n]);
});

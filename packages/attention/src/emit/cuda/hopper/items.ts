/**
 * Items, one after another, in two ways. Members of `Consumer`.
 *
 * Joined, the products of an item's first queries and keys run together with those of the last weights and values of the item
 * before, whose end is so under the start of the next: 1 to 2 % where products fill the time (D = 128). Apart, groups come
 * out of step at the ends of items and fill each other's gaps: 6 % where exponentials do (D = 64, soft-cap).
 */
import type { KernelSpec } from "../../../runtime/device.ts";
import { placeValues } from "./softmax.ts";

const beginItem = (spec: KernelSpec, exact: boolean): string => `\
  __device__ __forceinline__ void beginItem(int place) {
${placeValues(spec, exact)}\
    for (int r = 0; r < 2; r++) {
      reference[r] = largest[r] = -INFINITY_F;
      sum[r] = 0.f;
    }
  }
`;

/** Kernels without a mask have at most one masked step, the first. */
const maskedLoop = ({ mask, maskBits }: KernelSpec): string =>
  mask !== null || maskBits
    ? "        for (int i = maskedSteps - 1; i > 0; i--) step<true>();\n"
    : "";

export const separateItems = (spec: KernelSpec, exact: boolean): string => `\
${beginItem(spec, exact)}\
  __device__ __forceinline__ void run() {
    for (int place = 0;; place = (place + 1) % PLACES) {
      barrierWait(shared.queryFull(queries.at), queries.parity);
      const int4 work = loadWords(shared.item(place) + 16);
      const int maskedSteps = uniform(work.x), wholeSteps = uniform(work.y);
      left = maskedSteps + wholeSteps;
      if (left < 0) return;
      beginItem(place);
      clearResult();
      if (left > 0) {
        firstStep();
${maskedLoop(spec)}\
#pragma unroll 1
        while (left > 0) step<false>();
        lastValues();
      } else {
        release(shared.queryEmpty(queries.at));
      }
      queries.next();
      finishSums(place);
      storeResult(place);
    }
  }
`;

export const joinedItems = (spec: KernelSpec, exact: boolean): string => `\
${beginItem(spec, exact)}\
  __device__ __forceinline__ void run() {
    bool pending = false;  // the values of the last step of the item before
    clearResult();
    for (int place = 0, before = 0;; before = place, place = (place + 1) % PLACES) {
      barrierWait(shared.queryFull(queries.at), queries.parity);
      const int4 work = loadWords(shared.item(place) + 16);
      const int maskedSteps = uniform(work.x), wholeSteps = uniform(work.y);
      left = maskedSteps + wholeSteps;
      if (left <= 0 && pending) {
        lastValues();
        storeResult(before);
        clearResult();
        pending = false;
      }
      if (left < 0) return;
      beginItem(place);
      if (left > 0) {
        bool first = true;
#pragma unroll 1
        for (int i = max(maskedSteps, 1); i > 0; i--) {
          boundaryStep(pending, first, before);
          pending = true;
          first = false;
        }
#pragma unroll 1
        while (left > 0) step<false>();
        finishSums(place);
      } else {
        release(shared.queryEmpty(queries.at));
        finishSums(place);
        storeResult(place);
      }
      queries.next();
    }
  }
`;

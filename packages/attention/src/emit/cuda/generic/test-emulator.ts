/**
 * A multiprocessor in C++, to run the kernels for sm_80 on a machine without a GPU: threads are fibers, warps meet wherever CUDA
 * makes them meet, and asynchronous copies arrive as late as they may, so that a wait that is missing shows.
 *
 * It stands in for the functions that are PTX, by their names, and for the built-in functions that the kernels use.
 */

/** Kernels' functions that the emulator has its own of. */
const REPLACED: readonly string[] = [
  ...["copy16", "copyCommit", "copyWait", "loadMatrices", "loadTransposed", "multiply", "pack"],
  ...["exp2Approximate", "larger", "load4", "load2", "minimum", "maximum", "fastTanh", "fastExp2"],
];

const machine = `#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>
#include <ucontext.h>
using std::min; using std::max;
#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n)
#define __shared__ static
struct int4 { int x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
static int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
static float2 make_float2(float x, float y) { return {x, y}; }
static float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
template <typename T> T __ldg(const T* at) { return *at; }
static float __int_as_float(int x) { float y; memcpy(&y, &x, 4); return y; }
static unsigned __float_as_uint(float x) { unsigned y; memcpy(&y, &x, 4); return y; }
static float __fmul_rn(float a, float b) { return a * b; }
static float __fdividef(float a, float b) { return a / b; }
static float __int2float_rn(int a) { return (float)a; }
static int __popc(unsigned x) { return __builtin_popcount(x); }
static int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static int __ffsll(long long x) { return __builtin_ffsll(x); }

// ---- threads
struct Index { unsigned x; };
struct Copy { unsigned to; const void* from; int bytes; };
struct Thread {
  ucontext_t context;
  std::vector<char> stack;
  std::vector<std::vector<Copy>> groups{1};
  int at, meetings[2];
  bool done;
};
static Index threadIdx, blockIdx, gridDim;
alignas(16) unsigned char memory[1 << 18];
static std::vector<Thread> threads;
static Thread* current;
static ucontext_t scheduler;
static void yield() { swapcontext(&current->context, &scheduler); }
// Waits until all threads from first on have come here as often as this one.
static void meet(int kind, int first, int count) {
  const int mine = ++current->meetings[kind];
  for (;;) {
    bool all = true;
    for (int i = first; i < first + count; i++) all = all && (threads[i].done || threads[i].meetings[kind] >= mine);
    if (all) return;
    yield();
  }
}
static void __syncthreads() { meet(0, 0, (int)threads.size()); }
static void __syncwarp() { meet(1, current->at & ~31, 32); }
static unsigned char board[32][32][64];
// What all lanes of the warp put on the board.
template <typename T> static void exchange(const T& mine, T (&all)[32]) {
  auto& rows = board[current->at >> 5];
  __syncwarp();
  memcpy(rows[current->at & 31], &mine, sizeof(T));
  __syncwarp();
  for (int i = 0; i < 32; i++) memcpy(&all[i], rows[i], sizeof(T));
  __syncwarp();
}
template <typename T> T __shfl_xor_sync(unsigned, T x, int mask) { T all[32]; exchange(x, all); return all[(current->at & 31) ^ mask]; }
template <typename T> T __shfl_sync(unsigned, T x, int from) { T all[32]; exchange(x, all); return all[from & 31]; }
static unsigned __ballot_sync(unsigned, bool x) { bool all[32]; exchange(x, all); unsigned bits = 0; for (int i = 0; i < 32; i++) bits |= (unsigned)all[i] << i; return bits; }
static bool __any_sync(unsigned mask, bool x) { return __ballot_sync(mask, x) != 0; }
static unsigned __reduce_or_sync(unsigned, unsigned x) { unsigned all[32]; exchange(x, all); for (unsigned y : all) x |= y; return x; }
static unsigned __reduce_and_sync(unsigned, unsigned x) { unsigned all[32]; exchange(x, all); for (unsigned y : all) x &= y; return x; }

// ---- copies: none arrives before it is waited for
static unsigned long long __cvta_generic_to_shared(const void* at) { return (const unsigned char*)at - memory; }
static void copy16(unsigned to, const void* from, int bytes) { current->groups.back().push_back({to, from, bytes}); }
static void copyCommit() { current->groups.emplace_back(); }
template <int LEFT> void copyWait() {
  auto& groups = current->groups;
  while ((int)groups.size() - 1 > LEFT) {
    for (const Copy& copy : groups.front()) {
      memset(memory + copy.to, 0, 16);
      if (copy.bytes > 0) memcpy(memory + copy.to, copy.from, copy.bytes);
    }
    groups.erase(groups.begin());
  }
}
static void store16(unsigned to, const unsigned* words) { memcpy(memory + to, words, 16); }

// ---- arithmetic
static float exp2Approximate(float x) { return exp2f(x); }
static float fastExp2(float x) { return exp2f(x); }
static float fastTanh(float x) { return tanhf(x); }
static float larger(float a, float b) { return a != a ? a : b != b ? b : a < b ? b : a; }
static float maximum(float a, float b) { return larger(a, b); }
static float minimum(float a, float b) { return -larger(-a, -b); }
static float4 load4(unsigned at) { float4 x; memcpy(&x, memory + at, 16); return x; }
static float2 load2(unsigned at) { float2 x; memcpy(&x, memory + at, 8); return x; }
`;

const HALF: { readonly [K in "bf16" | "f16"]: string } = {
  bf16: `static float widen(uint16_t x) { return __int_as_float(x << 16); }
static uint16_t narrow(float x) {
  const unsigned bits = __float_as_uint(x);
  return x != x ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
`,
  f16: `static float widen(uint16_t x) { _Float16 y; memcpy(&y, &x, 2); return (float)y; }
static uint16_t narrow(float x) { const _Float16 y = (_Float16)x; uint16_t z; memcpy(&z, &y, 2); return z; }
`,
};

const tensorCores = `static unsigned pack(float low, float high) { return narrow(low) | (unsigned)narrow(high) << 16; }
struct Four { unsigned x[4]; };
// Lane 8 i + k gives the address of row k of matrix i; lane l gets elements 2 (l % 4) and the next of row l / 4, or of that column.
static Four matrices(unsigned from, bool transposed) {
  unsigned all[32];
  exchange(from, all);
  const int lane = current->at & 31;
  Four result;
  for (int i = 0; i < 4; i++) {
    uint16_t pair[2];
    for (int e = 0; e < 2; e++) {
      const int row = transposed ? 2 * (lane & 3) + e : lane >> 2, column = transposed ? lane >> 2 : 2 * (lane & 3) + e;
      memcpy(&pair[e], memory + all[8 * i + row] + 2 * column, 2);
    }
    result.x[i] = pair[0] | (unsigned)pair[1] << 16;
  }
  return result;
}
static void loadMatrices(unsigned (&to)[4], unsigned from) { memcpy(to, matrices(from, false).x, 16); }
static void loadTransposed(unsigned (&to)[4], unsigned from) { memcpy(to, matrices(from, true).x, 16); }
// As tensor cores do: terms are cut off at 26 bits below the largest, and so is the result at 24.
static float truncatedSum(const double (&terms)[17]) {
  double largest = 0, sum = 0;
  for (double x : terms) largest = max(largest, fabs(x));
  if (!(largest > 0 && largest < INFINITY)) {
    for (double x : terms) sum += x;
    return (float)sum;
  }
  int exponent;
  frexp(largest, &exponent);
  for (double x : terms) sum += ldexp(trunc(ldexp(x, 26 - exponent)), exponent - 26);
  const float result = (float)sum;
  return fabs(result) > fabs(sum) ? nextafterf(result, 0.f) : result;
}
struct Operands { unsigned a[4], b[2]; };
static float half(unsigned word, int e) { return widen((uint16_t)(word >> 16 * e)); }
static void multiply(float* sum, const unsigned (&a)[4], unsigned b0, unsigned b1) {
  Operands all[32];
  exchange(Operands{{a[0], a[1], a[2], a[3]}, {b0, b1}}, all);
  const int lane = current->at & 31;
  for (int r = 0; r < 2; r++) for (int e = 0; e < 2; e++) {
    const int row = lane >> 2, column = 2 * (lane & 3) + e;
    double terms[17] = {sum[2 * r + e]};
    for (int k = 0; k < 16; k++)
      terms[k + 1] = (double)half(all[4 * row + (k & 7) / 2].a[r + 2 * (k >> 3)], k & 1) * half(all[4 * column + (k & 7) / 2].b[k >> 3], k & 1);
    sum[2 * r + e] = truncatedSum(terms);
  }
}
`;

const launcher = `
static std::function<void()> body;
static void start() { body(); current->done = true; swapcontext(&current->context, &scheduler); }
static void launch(int blocks, int count, const std::function<void()>& kernel) {
  body = kernel;
  gridDim.x = blocks;
  for (int block = 0; block < blocks; block++) {
    memset(memory, 0xFF, sizeof memory);
    threads = std::vector<Thread>(count);
    for (int i = 0; i < count; i++) {
      Thread& thread = threads[i];
      thread.at = i, thread.meetings[0] = thread.meetings[1] = 0, thread.done = false;
      thread.stack.resize(1 << 17);
      getcontext(&thread.context);
      thread.context.uc_stack.ss_sp = thread.stack.data();
      thread.context.uc_stack.ss_size = thread.stack.size();
      thread.context.uc_link = &scheduler;
      makecontext(&thread.context, start, 0);
    }
    for (bool any = true; any;) {
      any = false;
      for (Thread& thread : threads) {
        if (thread.done) continue;
        any = true, current = &thread, threadIdx.x = thread.at, blockIdx.x = block;
        swapcontext(&scheduler, &thread.context);
      }
    }
  }
}
// From the file: Params, then buffers, each with its offset in Params and its bytes; to stdout: those that can be written.
int main(int, char** arguments) {
  FILE* file = fopen(arguments[1], "rb");
  auto word = [&]() { int x = 0; if (fread(&x, 4, 1, file) != 1) exit(2); return x; };
  Params params;
  if (fread(&params, sizeof params, 1, file) != 1) return 2;
  std::vector<std::pair<void*, int>> results;
  for (int count = word(); count > 0; count--) {
    const int offset = word(), bytes = word(), written = word();
    void* data = aligned_alloc(256, (bytes + 511) / 256 * 256);
    memset(data, 0xFF, (bytes + 511) / 256 * 256);
    if (bytes > 0 && fread(data, 1, bytes, file) != (size_t)bytes) return 2;
    memcpy((char*)&params + offset, &data, 8);
    if (written) results.push_back({data, bytes});
  }
  LAUNCHES
  for (auto& [data, bytes] : results) fwrite(data, 1, bytes, stdout);
}
`;

/** The text without the function of this name. */
function without(text: string, name: string): string {
  const definition = new RegExp(
    `(?:template <int LEFT> )?__device__ __forceinline__ \\w+ ${name}\\([^]*?\\n?\\}\\n`,
  );
  return text.replace(definition, "");
}

export interface EmulatedEntry {
  readonly name: string;
  readonly blocks: number;
  readonly threads: number;
}

/** A C++ program that runs a kernel's entries one after another. */
export function emulatorText(
  text: string,
  dtype: "bf16" | "f16" | "f32",
  entries: readonly EmulatedEntry[],
): string {
  const kernel = REPLACED.reduce(without, text)
    .replaceAll("extern __shared__", "extern")
    .replaceAll(/asm volatile\("st\.shared\.v4[^;]*;[^;]*;/g, "store16(to, words);");
  const products = dtype === "f32" ? "" : HALF[dtype] + tensorCores;
  const launches = entries.map(
    ({ name, blocks, threads }) => `launch(${blocks}, ${threads}, [&]() { ${name}(params); });`,
  );
  return [machine, products, kernel, launcher.replace("LAUNCHES", launches.join("\n  "))].join(
    "\n",
  );
}

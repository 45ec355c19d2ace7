/** What the kernel says in PTX: barriers, copies, fences, approximations. */

/** The instruction that packs two floats into one register of 16-bit elements. */
const PACK = { bf16: "cvt.rn.bf16x2.f32", f16: "cvt.rn.f16x2.f32" } as const;

export const primitives = (dtype: keyof typeof PACK): string => `\
// ---- barriers in shared memory: addresses are 32 bits
__device__ __forceinline__ void barrierInit(unsigned at, unsigned arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(at), "r"(arrivals) : "memory");
}
__device__ __forceinline__ void barrierExpect(unsigned at, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(at), "r"(bytes) : "memory");
}
__device__ __forceinline__ void barrierArrive(unsigned at) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(at) : "memory");
}
// Returns once the phase of this parity is complete; a fresh barrier passes parity 1.
__device__ __forceinline__ void barrierWait(unsigned at, unsigned parity) {
  asm volatile(
    "{\\n.reg .pred P;\\nWAIT_%=:\\n"
    "mbarrier.try_wait.parity.shared::cta.b64 P, [%0], %1;\\n"
    "@P bra DONE_%=;\\nbra WAIT_%=;\\nDONE_%=:\\n}\\n" ::"r"(at), "r"(parity) : "memory");
}

// ---- one box of a tensor into shared memory; the barrier counts its bytes
__device__ __forceinline__ void copyBox(
    unsigned to, const TensorMap* map, unsigned barrier, int row, int head, int batch) {
  asm volatile(
    "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes "
    "[%0], [%1, {%3, %4, %3, %5, %6}], [%2];"
    ::"r"(to), "l"(map), "r"(barrier), "r"(0), "r"(row), "r"(head), "r"(batch) : "memory");
}

// ---- wgmma: groups of asynchronous products
__device__ __forceinline__ void productsBegin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void productsCommit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int LEFT> __device__ __forceinline__ void productsWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(LEFT) : "memory");
}
// Keeps reads and writes of fragment registers on their side of this point.
template <int N> __device__ __forceinline__ void pin(float (&fragment)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+f"(fragment[i])::"memory");
}

__device__ __forceinline__ float exp2Approximate(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ unsigned pack(float low, float high) {
  unsigned pair;
  asm("${PACK[dtype]} %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
// What all lanes of the warp agree on; the compiler then keeps it in uniform registers.
__device__ __forceinline__ int uniform(int x) { return __shfl_sync(~0u, x, 0); }
`;

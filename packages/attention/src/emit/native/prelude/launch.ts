/** The launch as a C struct, tickets, phases and threads. */
import { CAPTURE_WORD, LAUNCH } from "../abi.ts";
import type { NativeTarget } from "../abi.ts";

type Word = keyof typeof LAUNCH;

/** Types other than a 64-bit integer. */
const types: { readonly [K in Word]?: string } = {
  packs: "const int32_t *",
  items: "const int32_t *",
  combines: "const int32_t *",
  packedKeys: "uint16_t *",
  packedValues: "uint16_t *",
  partials: "char *",
  query: "const void *",
  key: "const void *",
  value: "const void *",
  out: "void *",
  lse: "float *",
  max: "float *",
  sinks: "const float *",
  scale: "float ",
  queryOffset: "const int32_t *",
  kvLength: "const int32_t *",
  rowStart: "const int32_t *",
  runs: "const int32_t *",
  bits: "const uint8_t *",
};

function member([name]: readonly [string, number]): string {
  const type = types[name as Word] ?? "int64_t ";
  return `  ${type}${name};${type === "float " ? " float scalePadding;" : ""}`;
}

const struct = [
  "/* Words of 8 bytes, as abi.ts numbers them. */",
  "struct vigil_launch {",
  ...Object.entries(LAUNCH)
    .toSorted(([, a], [, b]) => a - b)
    .map(member),
  "  int64_t captures[];",
  "};",
  `_Static_assert(offsetof(struct vigil_launch, captures) == 8 * ${CAPTURE_WORD}, "layout");`,
].join("\n");

const tickets = `\
typedef int32_t vigil_kernel(struct vigil_launch *);
#define EXPORT __attribute__((visibility("default")))

INLINE int is_aborted(struct vigil_launch *L) { return __atomic_load_n(&L->abort, __ATOMIC_ACQUIRE) != 0; }
/* The next of \`count\` tickets, or -1. */
INLINE int64_t next_ticket(struct vigil_launch *L, int64_t *ticket, int64_t count) {
  int64_t own = is_aborted(L) ? count : __atomic_fetch_add(ticket, 1, __ATOMIC_RELAXED);
  return own < count ? own : -1;
}
INLINE void count_done(int64_t *done) { __atomic_fetch_add(done, 1, __ATOMIC_ACQ_REL); }
/* Until all \`count\` are done, by whomever; whether they are. */
static UNUSED int wait_done(struct vigil_launch *L, int64_t *done, int64_t count) {
  for (int turns = 0; __atomic_load_n(done, __ATOMIC_ACQUIRE) < count; turns++) {
    if (is_aborted(L)) return 0;
    if (turns < 2000) _mm_pause(); else sched_yield();
  }
  return 1;
}
/* Results below 2^-126 become 0: weights and products that small would cost a hundred times as much. */
INLINE unsigned flush_begin(void) { unsigned before = _mm_getcsr(); _mm_setcsr(before | _MM_FLUSH_ZERO_ON); return before; }
INLINE void flush_end(unsigned before) { _mm_setcsr(before); }
static UNUSED void *scratch_of(struct vigil_launch *L, size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (memory == NULL) __atomic_store_n(&L->abort, 1, __ATOMIC_RELEASE);
  return memory;
}
`;

const threads = `\
struct vigil_thread { pthread_t id; vigil_kernel *kernel; struct vigil_launch *launch; int32_t result; };
static void *vigil_thread_main(void *given) {
  struct vigil_thread *own = given;
  own->result = own->kernel(own->launch);
  return NULL;
}
/* Threads that the system does not give are done without. */
EXPORT int32_t vigil_run(vigil_kernel *kernel, struct vigil_launch *launch, int32_t threads) {
  struct vigil_thread all[256];
  int32_t started = 0, result;
  for (; started < threads - 1 && started < 256; started++) {
    all[started] = (struct vigil_thread){ .kernel = kernel, .launch = launch };
    if (pthread_create(&all[started].id, NULL, vigil_thread_main, &all[started]) != 0) break;
  }
  result = kernel(launch);
  while (started-- > 0) {
    pthread_join(all[started].id, NULL);
    result |= all[started].result;
  }
  return result;
}
EXPORT uint64_t vigil_address(const void *pointer) { return (uint64_t)(uintptr_t)pointer; }
/* Multiply-adds that wait for nothing; returns how many operations they were, two each. */
EXPORT double vigil_peak(int64_t rounds) {
  f32x sum[16];
  for (int n = 0; n < 12; n++) sum[n] = v_set((float)n);
  for (int64_t round = 0; round < rounds; round++) {
    UNROLL(12) for (int n = 0; n < 12; n++) sum[n] = v_fma(sum[n], v_set(0.999f), v_set(0.5f));
  }
  for (int n = 1; n < 12; n++) sum[0] += sum[n];
  return v_sum(sum[0]) == 0.125f ? 0.0 : 2.0 * 12 * LANES * (double)rounds;
}
`;

/** Linux asks a process to ask for tile registers, once; threads started later have them too. */
const permission = `\
EXPORT int32_t vigil_init(void) { return syscall(SYS_arch_prctl, 0x1023, 18) == 0 ? 0 : errno; }`;
const noPermission = `EXPORT int32_t vigil_init(void) { return 0; }`;

const includes = (needsTiles: boolean): string =>
  [
    ...["immintrin", "math", "pthread", "sched", "stddef", "stdint", "stdlib", "string"],
    ...(needsTiles ? ["errno", "unistd", "sys/syscall"] : []),
  ]
    .map((name) => `#include <${name}.h>`)
    .join("\n");

const hasTiles = ({ isa, emulate }: NativeTarget): boolean => isa === "amx" && emulate !== true;

export const headers = (target: NativeTarget): string =>
  ["#define _GNU_SOURCE", includes(hasTiles(target))].join("\n");

export const launch: string = [struct, tickets].join("\n");

export const exported = (target: NativeTarget): string =>
  [threads, hasTiles(target) ? permission : noPermission].join("\n");

// The machine's own 128-bit multiply-add rate on one core, in GFLOP/s: what the WebAssembly peak loop is held against.
//
//     cc -O3 -march=native -ffp-contract=fast fma.c -o fma && ./fma 200
//
// 12 independent sums of 4 floats, so that latency does not count; the argument is how many milliseconds to measure, the
// result the best of samples of about a millisecond, because other work on the machine can only slow one down.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef float lanes __attribute__((vector_size(16)));

#define SUMS 12
#define STEPS 20000
#define FLOPS (SUMS * 4.0 * 2.0 * STEPS)

#define EACH(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

// Separate, and given its numbers, so that nothing is known when it is compiled.
__attribute__((noinline)) static float sample(float factor, float term) {
  const lanes a = {factor, factor, factor, factor};
  const lanes b = {term, term, term, term};
#define DECLARE(n) lanes s##n = b * n;
#define STEP(n) s##n = s##n * a + b;
#define ADD(n) +s##n
  EACH(DECLARE)
  for (int step = 0; step < STEPS; step++) {
    EACH(STEP)
  }
  const lanes total = EACH(ADD);
  return total[0] + total[1] + total[2] + total[3];
}

int main(int argc, char **argv) {
  const double seconds = (argc > 1 ? atof(argv[1]) : 200.0) * 1e-3;
  const double end = now() + seconds;
  double best = 1e9;
  volatile float keep = 0;
  while (now() < end) {
    const double start = now();
    keep += sample(0.999f, 0.5f);
    const double took = now() - start;
    if (took < best) best = took;
  }
  printf("%.3f\n", FLOPS / best * 1e-9);
  return 0;
}

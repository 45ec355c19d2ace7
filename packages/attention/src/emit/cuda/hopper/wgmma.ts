/** The two matrix products as PTX, their operand lists written out. */
const registers = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `%${from + i}`).join(",");

const accumulators = (count: number): string =>
  Array.from({ length: count }, (_, i) => `"+f"(d[${i}])`).join(",");

const instruction = (columns: number, dtype: string): string =>
  `wgmma.mma_async.sync.aligned.m64n${columns}k16.f32.${dtype}.${dtype}`;

/** 16 columns of queries and keys, both in shared memory: d = or += A B^T. */
export function scoresProduct(keys: number, dtype: string): string {
  const count = keys / 2;
  return `// d[64 rows][${keys} keys] (+)= 16 columns of queries times keys
__device__ __forceinline__ void scoresProduct(float (&d)[${count}], u64 queries, u64 keys, int add) {
  asm volatile("{\\n.reg .pred p;\\nsetp.ne.b32 p, %${count + 2}, 0;\\n"
    "${instruction(keys, dtype)} "
    "{${registers(0, count)}}, %${count}, %${count + 1}, p, 1, 1, 0, 0;\\n}\\n"
    : ${accumulators(count)}
    : "l"(queries), "l"(keys), "r"(add));
}
`;
}

/** 16 keys: weights in registers, values in shared memory with columns side by side: d += A B. */
export function valuesProduct(columns: number, dtype: string): string {
  const count = columns / 2;
  return `// d[64 rows][${columns} columns] += weights of 16 keys times values
__device__ __forceinline__ void valuesProduct(
    float (&d)[${count}], unsigned a0, unsigned a1, unsigned a2, unsigned a3, u64 values) {
  asm volatile("${instruction(columns, dtype)} "
    "{${registers(0, count)}}, {${registers(count, 4)}}, %${count + 4}, 1, 1, 1, 1;\\n"
    : ${accumulators(count)}
    : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(values));
}
`;
}

/** Reading properties and elements: captures, the position, `Math`, arrays and captured tensors. */
import { dimensions, distribute, fullyIndexed, toIndex, toNumber } from "./coerce.ts";
import type { Tracer } from "./context.ts";
import { lengthName } from "./captures.ts";
import { insteadOfArray, insteadOfMethod } from "./instead.ts";
import { fail } from "./site.ts";
import type { Operand } from "./operators.ts";
import type { Site } from "./site.ts";
import { describeValue, scalarValue, staticValue } from "./values.ts";
import type {
  CallableValue,
  ListValue,
  RecordValue,
  ScalarValue,
  TensorValue,
  TextValue,
  Value,
} from "./values.ts";

function propertyOf(record: RecordValue, key: Operand): Value {
  if (key.value.kind !== "text") {
    const remedy = "Name the property, or capture an array and index that.";
    return fail(
      key.site,
      `A property of ${record.title} is not known before the kernel runs`,
      remedy,
    );
  }
  const name = key.value.value;
  const value = record.get(name);
  if (value !== null) return value;
  const has = record.names.length > 0 ? `It has: ${record.names.join(", ")}.` : "It is empty.";
  const hint = record.hint?.(name) ?? "";
  return fail(key.site, `${record.title} has no \`${name}\``, `${has}${hint && ` ${hint}`}`);
}

/** One more index; the last one makes it a number, clamped to its dimension. */
function elementOf(t: Tracer, tensor: TensorValue, key: Operand, site: Site): Value {
  const { name, rank, type } = tensor;
  if (key.value.kind === "text" && key.value.value === "length") {
    return scalarValue(t.builder.uniform(lengthName(name, tensor.indices.length), "i32"));
  }
  if (key.value.kind === "text") {
    const remedy = "Index it with numbers, or compute what you need outside and capture that.";
    return fail(site, `A captured tensor has no \`${key.value.value}\``, remedy);
  }
  const indices = [...tensor.indices, toIndex(t.builder, key.value, key.site)];
  if (indices.length < rank) return { ...tensor, indices };
  return scalarValue(t.builder.load(name, type, indices));
}

function itemOf(t: Tracer, list: ListValue, key: Operand, site: Site): Value {
  const { value } = key;
  if (value.kind === "text" && value.value === "length") return staticValue(list.items.length);
  if (value.kind === "text") {
    const remedy = insteadOfArray.get(value.value) ?? "Use its elements and its length.";
    return fail(key.site, `An array has no \`${value.value}\` in a kernel`, remedy);
  }
  const index = toNumber(t.builder, value, key.site);
  if (index.kind !== "static") {
    const remedy = "Capture the array, and index the captured one.";
    return fail(key.site, "This index of an array is not known before the kernel runs", remedy);
  }
  const item = list.items[index.value];
  if (item !== undefined) return item;
  return fail(
    site,
    `An array of ${list.items.length} has no element ${index.value}`,
    "Correct the index.",
  );
}

function memberOf(callable: CallableValue, key: Operand, site: Site): Value {
  const name = key.value.kind === "text" ? key.value.value : "";
  const value = callable.member?.(name) ?? null;
  if (value !== null) return value;
  const what = name === "" ? "such property" : `\`${name}\``;
  const remedy = callable.hint?.(name) ?? "Call it directly.";
  return fail(site, `${callable.title} has no ${what} in a kernel`, remedy);
}

/** A number has no members; one that was read from a tensor had an index too many. */
function failNumber(value: ScalarValue, key: Operand, site: Site): never {
  const { op, attr, args } = value.node;
  const method = key.value.kind === "text" ? key.value.value : null;
  const instead = method === null ? undefined : insteadOfMethod.get(method);
  if (op !== "load" || instead !== undefined) {
    const remedy = instead ?? "Use the number itself.";
    fail(site, "A number has no properties in a kernel", remedy);
  }
  const name = String(attr);
  const problem = `\`${name}\` has ${dimensions(args.length)} and gets one index too many`;
  return fail(site, problem, `Write ${fullyIndexed(name, args.length)}.`);
}

/** `object[key]`, and `object.key` with the key as text. */
export function readMember(t: Tracer, object: Value, key: Operand, site: Site): Value {
  return distribute(t.builder, object, (value) => {
    switch (value.kind) {
      case "record":
        return propertyOf(value, key);
      case "tensor":
        return elementOf(t, value, key, site);
      case "list":
        return itemOf(t, value, key, site);
      case "callable":
        return memberOf(value, key, site);
      case "scalar":
        return failNumber(value, key, site);
      default: {
        const remedy = "Read properties of the captures and of the position only.";
        return fail(site, `This is ${describeValue(value)}, which has no properties`, remedy);
      }
    }
  });
}

export const textValue = (value: string): TextValue => ({ kind: "text", value });

/** Reading properties and elements: captures, the position, `Math`, arrays and captured tensors. */
import { distribute, toIndex, toNumber } from "./coerce.ts";
import type { Tracer } from "./context.ts";
import { lengthName } from "./captures.ts";
import { fail } from "./site.ts";
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

function propertyOf(record: RecordValue, key: Value, site: Site): Value {
  if (key.kind !== "text") {
    const remedy = "Name the property, or capture an array and index that.";
    return fail(site, `A property of ${record.title} is not known before the kernel runs`, remedy);
  }
  const value = record.get(key.value);
  if (value !== null) return value;
  const has = record.names.length > 0 ? `It has: ${record.names.join(", ")}.` : "It is empty.";
  return fail(site, `${record.title} has no \`${key.value}\``, has);
}

/** One more index; the last one makes it a number, clamped to its dimension. */
function elementOf(t: Tracer, tensor: TensorValue, key: Value, site: Site): Value {
  const { name, rank, type } = tensor;
  if (key.kind === "text" && key.value === "length") {
    return scalarValue(t.builder.uniform(lengthName(name, tensor.indices.length), "i32"));
  }
  if (key.kind === "text") {
    const remedy = "Index it with numbers, or compute what you need outside and capture that.";
    return fail(site, `A captured tensor has no \`${key.value}\``, remedy);
  }
  const indices = [...tensor.indices, toIndex(t.builder, key, site)];
  if (indices.length < rank) return { ...tensor, indices };
  return scalarValue(t.builder.load(name, type, indices));
}

function itemOf(t: Tracer, list: ListValue, key: Value, site: Site): Value {
  if (key.kind === "text" && key.value === "length") return staticValue(list.items.length);
  const index = key.kind === "text" ? null : toNumber(t.builder, key, site);
  if (index?.kind !== "static") {
    const remedy = "Capture the array, and index the captured one.";
    return fail(site, "This index of an array is not known before the kernel runs", remedy);
  }
  const item = list.items[index.value];
  if (item !== undefined) return item;
  return fail(site, `An array of ${list.items.length} has no element ${index.value}`, "Correct the index.");
}

function memberOf(callable: CallableValue, key: Value, site: Site): Value {
  const value = key.kind === "text" ? (callable.member?.(key.value) ?? null) : null;
  return value ?? fail(site, `${callable.title} has no properties in a kernel`, "Call it directly.");
}

/** A number has no members; one that was read from a tensor had an index too many. */
function failNumber(value: ScalarValue, site: Site): never {
  const { op, attr, args } = value.node;
  if (op !== "load") fail(site, "A number has no properties in a kernel", "Use the number itself.");
  const dimensions = `${args.length} dimension${args.length === 1 ? "" : "s"}`;
  const remedy = `Write ${String(attr)}${"[i]".repeat(args.length)}.`;
  return fail(site, `\`${String(attr)}\` has ${dimensions} and gets one index too many`, remedy);
}

/** `object[key]`, and `object.key` with the key as text. */
export function readMember(t: Tracer, object: Value, key: Value, site: Site): Value {
  return distribute(t.builder, object, (value) => {
    switch (value.kind) {
      case "record":
        return propertyOf(value, key, site);
      case "tensor":
        return elementOf(t, value, key, site);
      case "list":
        return itemOf(t, value, key, site);
      case "callable":
        return memberOf(value, key, site);
      case "scalar":
        return failNumber(value, site);
      default: {
        const remedy = "Read properties of the captures and of the position only.";
        return fail(site, `This is ${describeValue(value)}, which has no properties`, remedy);
      }
    }
  });
}

export const textValue = (value: string): TextValue => ({ kind: "text", value });

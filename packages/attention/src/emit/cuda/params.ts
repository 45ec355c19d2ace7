/** `Params` as C text, and how expressions name what they captured in it. */
import { internalError } from "../../errors.ts";
import type { Field, ParamsLayout } from "./abi.ts";
import type { CaptureAccess } from "./lower/lowering.ts";

const C_TYPE = { i64: "long long", i32: "int", f32: "float" } as const;

const declaration = ({ name, type, to }: Field): string =>
  type === "pointer" ? `${to ?? "void"}* ${name};` : `${C_TYPE[type]} ${name};`;

/** Members in the order of their offsets; C lays them out at the same ones. */
export function paramsText(layout: ParamsLayout): string {
  const captured = new Map<Field, string>();
  for (const { name, field } of layout.uniforms) captured.set(field, name);
  for (const { name, data } of layout.tensors) captured.set(data, name);
  const lines = layout.fields.map((field) => {
    const name = captured.get(field);
    return `  ${declaration(field)}${name === undefined ? "" : `  // ${name}`}`;
  });
  return `struct Params {\n${lines.join("\n")}\n};\n`;
}

/** How lowered expressions reach captures; `params` is what the struct is called where they stand. */
export function captureAccess(layout: ParamsLayout, params: string): CaptureAccess {
  return {
    uniform(name) {
      const found = layout.uniforms.find((uniform) => uniform.name === name);
      if (found === undefined) throw internalError(`no captured number ${name}`);
      return `${params}.${found.field.name}`;
    },
    tensor(name) {
      const found = layout.tensors.find((tensor) => tensor.name === name);
      if (found === undefined) throw internalError(`no captured tensor ${name}`);
      return {
        data: `${params}.${found.data.name}`,
        lengths: found.lengths.map((field) => `${params}.${field.name}`),
      };
    },
  };
}

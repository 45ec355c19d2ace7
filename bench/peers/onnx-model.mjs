// Writes the few ONNX models that the peers run, as protobuf bytes: field numbers from onnx/onnx.proto3 (IR version 10).

const VARINT = 0;
const BYTES = 2;
const FLOAT_TYPE = 1; // TensorProto.DataType and AttributeProto.AttributeType alike
const INT_ATTRIBUTE = 2;

function varint(value) {
  const bytes = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

const integer = (field, value) => [...varint(field * 8 + VARINT), ...varint(value)];
const bytes = (field, content) => [
  ...varint(field * 8 + BYTES),
  ...varint(content.length),
  ...content,
];
const string = (field, text) => bytes(field, new TextEncoder().encode(text));
const floatBytes = (value) => [...new Uint8Array(new Float32Array([value]).buffer)];

const dimension = (length) => bytes(1, integer(1, length));
const tensorType = (shape) =>
  bytes(1, [...integer(1, FLOAT_TYPE), ...bytes(2, shape.flatMap(dimension))]);
const valueInfo = (name, shape) => [...string(1, name), ...bytes(2, tensorType(shape))];

const attribute = ([name, value]) =>
  bytes(5, [...string(1, name), ...integer(3, value), ...integer(20, INT_ATTRIBUTE)]);

/** One operation: `{ op, inputs, outputs, attributes?, domain? }`; attributes are integers. */
const node = ({ op, inputs, outputs, attributes = {}, domain = "" }) => [
  ...inputs.flatMap((name) => string(1, name)),
  ...outputs.flatMap((name) => string(2, name)),
  ...string(4, op),
  ...Object.entries(attributes).flatMap(attribute),
  ...string(7, domain),
];

/** A scalar constant. */
const scalar = ([name, value]) =>
  bytes(5, [...integer(2, FLOAT_TYPE), ...string(8, name), ...bytes(9, floatBytes(value))]);

/** A model of named f32 inputs and outputs (name to shape), scalars, and operations in order. */
export function onnxModel({ nodes, inputs, outputs, scalars = {}, opset = 23 }) {
  const graph = [
    ...nodes.flatMap((each) => bytes(1, node(each))),
    ...string(2, "attention"),
    ...Object.entries(scalars).flatMap(scalar),
    ...Object.entries(inputs).flatMap(([name, shape]) => bytes(11, valueInfo(name, shape))),
    ...Object.entries(outputs).flatMap(([name, shape]) => bytes(12, valueInfo(name, shape))),
  ];
  const opsets = [
    ...bytes(8, integer(2, opset)),
    ...bytes(8, [...string(1, "com.microsoft"), ...integer(2, 1)]),
  ];
  return new Uint8Array([...integer(1, 10), ...bytes(7, graph), ...opsets]);
}

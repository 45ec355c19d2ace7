/** The public API of `@vigil/attention`; nothing inside the package imports this file. */
export {
  Tensor,
  type DType,
  type FloatType,
  type TensorData,
  type TensorOptions,
} from "./tensor.ts";
export { UnsupportedError } from "./errors.ts";

/** Syntax that has no meaning in a kernel: what to say, and what to write instead. */

type Refusal = readonly [problem: string, remedy: string];

const noClasses: Refusal = ["Classes are not traced", "Use helper functions and captures."];
const noStrings: Refusal = [
  "Strings have no meaning in a kernel",
  "Write the number itself: `x` in place of `${x}`; compare and index with numbers.",
];
const notPure: Refusal = [
  "A score or mask function is evaluated at once, in any order",
  "Use an ordinary function without `async` and `*`.",
];
const noExceptions: Refusal = [
  "A kernel cannot throw or catch",
  "Return a number (-Infinity masks) or a boolean.",
];
const useFor: Refusal = [
  "This loop is not traced",
  "Write `for (let i = 0; i < 4; i++)` with bounds known before the kernel runs.",
];

/** By the type of the syntax node. */
export const refusals: Readonly<Record<string, Refusal>> = {
  ThisExpression: ["`this` has no meaning in a kernel", "Capture what you need by name."],
  Super: noClasses,
  ClassExpression: noClasses,
  ClassDeclaration: noClasses,
  NewExpression: [
    "Objects cannot be created in a kernel",
    "Create it outside, and capture its numbers: a typed array, a Tensor, or constant([...]).",
  ],
  TemplateLiteral: noStrings,
  TaggedTemplateExpression: noStrings,
  AwaitExpression: notPure,
  YieldExpression: notPure,
  ImportExpression: ["Modules cannot be loaded in a kernel", "Import outside, and capture it."],
  MetaProperty: ["This has no meaning in a kernel", "Capture what you need by name."],
  ThrowStatement: noExceptions,
  TryStatement: noExceptions,
  SwitchStatement: ["`switch` is not traced", "Write `if` and `else`, or `condition ? a : b`."],
  ForInStatement: useFor,
  LabeledStatement: ["Labels are not traced", "Use `break` and `continue` without a label."],
  WithStatement: ["`with` is not traced", "Name what you use."],
  DebuggerStatement: ["`debugger` has no meaning in a kernel", "Leave it out."],
};

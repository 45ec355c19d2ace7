/** What must not outlive the process: compilers, and the folders that they write to. */
const undone = new Set<() => void>();

const undoAll = (): void => {
  for (const undo of undone) undo();
};

/**
 * Calls `undo` if the process ends first. One listener for all: Node warns of many.
 *
 * @returns takes that back
 */
export function atExit(undo: () => void): () => void {
  if (undone.size === 0) process.on("exit", undoAll);
  undone.add(undo);
  return () => {
    undone.delete(undo);
    if (undone.size === 0) process.off("exit", undoAll);
  };
}

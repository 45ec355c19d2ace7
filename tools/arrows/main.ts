// `npm run arrows`: imports point the way ARCHITECTURE.md says, none go in a circle, and no file is
// too long.
import { findings } from "./check.ts";

const { files, problems } = await findings(process.cwd());
for (const problem of problems) console.error(problem);
console.log(`arrows: ${files} files, ${problems.length} problems`);
process.exitCode = problems.length > 0 || files === 0 ? 1 : 0;

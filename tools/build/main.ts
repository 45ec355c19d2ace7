// `npm run build`: ES modules and type declarations of each package in its dist/, and tarballs in
// out/packed.
import { relative } from "node:path";
import { build, packages, root } from "./build.ts";
import { complaintsAbout } from "./check.ts";

try {
  for (const home of packages) {
    console.log(`build: ${home}`);
    const built = await build(home);
    console.log(`  -> ${relative(root, built.folder)}, packed as ${relative(root, built.tarball)}`);
    const complaints = await complaintsAbout(built);
    for (const complaint of complaints) console.error(`  ${complaint}`);
    if (complaints.length > 0) process.exitCode = 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

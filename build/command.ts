import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from './bundle.ts';
import { jsonFile, type ArchiveFile } from './files.ts';
import { lateModules } from './late-modules.ts';
import type { FunctionFiles } from './functions.ts';

/**
 * The `converge` command as a package of npm that depends on none: `converge.mjs`, and in `command/` what it loads
 * late. Its first lines need no particular Node, and say so where it is too old.
 */
export async function bundleCommand({ root, version }: { root: string; version: string }): Promise<FunctionFiles> {
  const late = lateModules();
  const { files, packages } = await bundle({
    root,
    format: 'esm',
    splitting: true,
    entryPoints: [{ in: 'cli/converge.js', out: 'converge' }],
    chunkNames: 'command/[name]-[hash]',
    plugins: [late.plugin],
  });
  const all = new Map<string, ArchiveFile>(files);
  const main = all.get('converge.mjs');
  if (main === undefined) throw new Error('the command was bundled to another name');
  all.set('converge.mjs', { ...main, executable: true });
  for (const [name, file] of late.files) all.set(`command/late/${name}`, file);
  all.set('README.md', { content: await readFile(join(root, 'README.md')) });
  all.set(
    'package.json',
    jsonFile({
      name: 'converge',
      version,
      description: 'Uploads to Converge, and tells what became of it.',
      license: 'Apache-2.0',
      type: 'module',
      engines: { node: '>=24' },
      bin: { converge: 'converge.mjs' },
      imports: { '#late/*': './command/late/*' },
    }),
  );
  return { files: all, packages };
}

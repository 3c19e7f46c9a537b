import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from './bundle.ts';
import { jsonFile, textFile, type ArchiveFile, type ArchiveFiles } from './files.ts';
import { lateModules } from './late-modules.ts';
import type { FunctionFiles } from './functions.ts';
import { schemaTypes } from './schema-types.ts';

/**
 * The `converge` command as a package of npm that depends on none: `converge.mjs`, and in `command/` what it loads
 * late. Its first lines need no particular Node, and say so where it is too old. `schemas/` describes what it prints and
 * what the pipeline sends.
 */
export async function bundleCommand({
  root,
  name,
  version,
}: {
  root: string;
  name: string;
  version: string;
}): Promise<FunctionFiles> {
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
  for (const [name, file] of await publishedSchemas(root)) all.set(`schemas/${name}`, file);
  all.set('README.md', { content: await readFile(join(root, 'README.md')) });
  all.set(
    'package.json',
    jsonFile({
      name,
      version,
      description: 'Uploads to Converge, and tells what became of it.',
      license: 'Apache-2.0',
      type: 'module',
      engines: { node: '>=24' },
      bin: { converge: 'converge.mjs' },
      imports: { '#late/*': './command/late/*' },
      exports: {
        './schemas': { types: './schemas/index.d.ts' },
        './schemas/*.json': './schemas/*.json',
        './package.json': './package.json',
      },
    }),
  );
  return { files: all, packages };
}

/** The schemas of docs/schemas as they are, and their types. */
export async function publishedSchemas(root: string): Promise<ArchiveFiles> {
  const folder = join(root, 'docs', 'schemas');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
  );
  const schemas = new Map(texts.map(([name, text]) => [name.slice(0, -'.json'.length), JSON.parse(text) as unknown]));
  return new Map([
    ...texts.map(([name, text]) => [name, textFile(text)] as const),
    ['index.d.ts', textFile(schemaTypes(schemas))],
  ]);
}

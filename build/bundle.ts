import { relative, sep } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import type { ArchiveFile } from './files.ts';

export interface Bundle {
  /** By their path below the folder that the bundle is for. */
  readonly files: Map<string, ArchiveFile>;
  /** The packages whose code is inside, as the lock file names them: `node_modules/a/node_modules/b`. */
  readonly packages: ReadonlySet<string>;
}

/** Libraries written as CommonJS use these three, and a module has none of them. */
const commonJs =
  "import{createRequire as converge_require}from'node:module';" +
  'const require=converge_require(import.meta.url),' +
  '__filename=import.meta.filename,__dirname=import.meta.dirname;';

/**
 * Bundles with esbuild, in memory. Names are kept, so that a stack in a log says something and a library that looks at
 * `constructor.name` sees what it always sees; what is gained by shorter ones is a few milliseconds.
 *
 * @param root the project's folder; the result is the same wherever it lies
 */
export async function bundle({
  root,
  ...options
}: { root: string } & Omit<BuildOptions, 'write' | 'metafile'>): Promise<Bundle> {
  const out = `${root}${sep}dist`;
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    outdir: out,
    bundle: true,
    platform: 'node',
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    charset: 'utf8',
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
    preserveSymlinks: true,
    ...(options.format === 'esm'
      ? { banner: { js: commonJs }, outExtension: { '.js': '.mjs' } }
      : { outExtension: { '.js': '.cjs' } }),
    ...options,
    write: false,
    metafile: true,
  });
  const files = new Map(
    outputFiles.map(({ path, contents }) => [relative(out, path).replaceAll(sep, '/'), { content: contents }]),
  );
  const inside = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
  return { files, packages: new Set(inside.flatMap((input) => packageOf(input) ?? [])) };
}

/** `node_modules/a/node_modules/@b/c` of a path in it. */
function packageOf(input: string): string | undefined {
  return /^(?:.*:)?((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
}

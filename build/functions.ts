import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { z } from 'zod';
import { bundle } from './bundle.ts';
import { jsonFile, type ArchiveFile } from './files.ts';
import { lateModules } from './late-modules.ts';

const framework = '@google-cloud/functions-framework';
const packageSchema = z.object({ version: z.string(), license: z.string() });

export interface FunctionFiles {
  readonly files: Map<string, ArchiveFile>;
  readonly packages: ReadonlySet<string>;
}

/**
 * The JavaScript of the functions' archive:
 *
 *     index.mjs            loads the function that FUNCTION_TARGET names; all of them where it names none
 *     functions/*.mjs      the functions, and what they share and load late
 *  framework/ the functions framework as a package of one file, which package.json depends on as `file:framework`
 *     package.json, package-lock.json
 */
export async function bundleFunctions({ root, version }: { root: string; version: string }): Promise<FunctionFiles> {
  const late = lateModules();
  const functions = await bundle({
    root,
    format: 'esm',
    splitting: true,
    entryPoints: [{ in: 'functions/index.ts', out: 'index' }],
    chunkNames: 'functions/[name]-[hash]',
    plugins: [
      entry(),
      {
        name: 'framework',
        setup: ({ onResolve }) =>
          onResolve({ filter: new RegExp(`^${framework}$`) }, () => ({ path: '#framework', external: true })),
      },
      late.plugin,
    ],
  });
  const server = await bundle({
    root,
    format: 'cjs',
    entryPoints: [{ in: 'build/archive/framework.ts', out: 'framework/framework' }],
    alias: { domain: './build/archive/request-domain.ts' },
  });
  const programs = await bundle({
    root,
    format: 'esm',
    entryPoints: ['start', 'prime'].map((name) => ({ in: `build/archive/${name}.ts`, out: `framework/${name}` })),
    plugins: [
      {
        name: 'framework',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\.\/framework\.ts$/ }, () => ({ path: './framework.cjs', external: true })),
      },
    ],
  });
  const used = packageSchema.parse(
    JSON.parse(await readFile(join(root, 'node_modules', framework, 'package.json'), 'utf8')),
  );
  const files = new Map([...functions.files, ...server.files, ...packageFiles({ version, used })]);
  for (const [name, file] of late.files) files.set(`functions/late/${name}`, file);
  for (const [path, file] of programs.files) files.set(path, { ...file, executable: path.endsWith('/start.mjs') });
  return { files, packages: new Set([...functions.packages, ...server.packages]) };
}

/** Makes of the list in `functions/index.ts` one that loads by name. */
function entry(): Plugin {
  return {
    name: 'entry',
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]functions[\\/]index\.ts$/ }, async ({ path }) => {
        const files = [...(await readFile(path, 'utf8')).matchAll(/^import '\.\/([a-z-]+)\.ts';$/gm)].flatMap(
          ([, name]) => name ?? [],
        );
        const load = files.map((name) => `${JSON.stringify(targetOf(name))}: () => import('./${name}.ts')`);
        return {
          contents: `const load = { ${load.join(', ')} };
            const one = load[process.env.FUNCTION_TARGET];
            await (one === undefined ? Promise.all(Object.values(load).map((each) => each())) : one());`,
          loader: 'ts',
        };
      });
    },
  };
}

/** The name under which a file of `functions/` registers its function: `copyArtifact` in `copy-artifact.ts`. */
function targetOf(file: string): string {
  return file.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * What Google's builder reads (cmd/nodejs/npm and cmd/nodejs/functions_framework of GoogleCloudPlatform/buildpacks). It
 * deletes a `node_modules` that is uploaded, runs `npm ci` and the script `gcp-build`, and starts the framework from
 * `node_modules/.bin` where `dependencies` names it. With a package of a folder all that needs no registry.
 */
function packageFiles({
  version,
  used,
}: {
  version: string;
  used: z.infer<typeof packageSchema>;
}): Map<string, ArchiveFile> {
  const engines = { node: '24.x' };
  const dependencies = { [framework]: 'file:framework' };
  const bin = { 'functions-framework': 'start.mjs' };
  const name = 'converge-functions';
  return new Map([
    [
      'package.json',
      jsonFile({
        name,
        version,
        private: true,
        license: 'Apache-2.0',
        type: 'module',
        main: 'index.mjs',
        engines,
        imports: { '#framework': './framework/framework.cjs', '#late/*': './functions/late/*' },
        scripts: { 'gcp-build': 'node framework/prime.mjs' },
        dependencies,
      }),
    ],
    [
      'package-lock.json',
      jsonFile({
        name,
        version,
        lockfileVersion: 3,
        requires: true,
        packages: {
          '': { name, version, license: 'Apache-2.0', dependencies, engines },
          framework: { name: framework, ...used, bin },
          [`node_modules/${framework}`]: { resolved: 'framework', link: true },
        },
      }),
    ],
    ['framework/package.json', jsonFile({ name: framework, ...used, main: 'framework.cjs', bin })],
  ]);
}

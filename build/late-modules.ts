import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { transform, type Plugin } from 'esbuild';
import { textFile, type ArchiveFile } from './files.ts';

/*
 * Classes that protobuf's compiler wrote, 1.9 MB of JavaScript: two thirds of what `@google-cloud/pubsub` loads. Its
 * clients read the messages' descriptions (JSON) instead, and hand these classes on to whoever asks for them, which is
 * nobody here. Each becomes a file of its own, loaded by the first look at it, so that a cold start does not read what
 * it does not need.
 */
const generated =
  /[\\/](@google-cloud[\\/]pubsub(-api)?[\\/]build[\\/]protos[\\/]protos|google-gax[\\/]build[\\/]protos[\\/](iam_service|locations|operations))\.js$/;
const required = /\brequire\("([^"]+)"\)/g;

export interface LateModules {
  readonly plugin: Plugin;
  /** By name, once the bundle is built. */
  readonly files: ReadonlyMap<string, ArchiveFile>;
}

/** The bundle finds them as `#late/NAME`: the `imports` of its package.json must say where. */
export function lateModules(): LateModules {
  const files = new Map<string, ArchiveFile>();
  const plugin: Plugin = {
    name: 'late modules',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^#late\// }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: generated }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        const name = `${nameOf(path)}.cjs`;
        const { code } = await transform(
          `module.exports = (require) => { const module = { exports: {} };\n${source}\nreturn module.exports; };`,
          {
            minifySyntax: true,
            minifyWhitespace: true,
            legalComments: 'none',
            target: 'node24',
          },
        );
        files.set(name, textFile(code));
        return {
          contents: standIn({
            name,
            requires: new Set([...source.matchAll(required)].flatMap(([, module]) => module ?? [])),
          }),
          resolveDir: dirname(path),
          loader: 'js',
        };
      });
    },
  };
  return { plugin, files };
}

function nameOf(path: string): string {
  const folder = /([^\\/]+)[\\/]build[\\/]protos[\\/]/.exec(path)?.[1];
  return `${folder}-${basename(path, '.js')}`;
}

/**
 * Behaves as the module's exports do, and is asked for `__esModule` by those who import all of it before they use any.
 */
function standIn({ name, requires }: { name: string; requires: ReadonlySet<string> }): string {
  const modules = [...requires]
    .sort()
    .map((module) => `${JSON.stringify(module)}: () => require(${JSON.stringify(module)})`);
  return `
    const modules = { ${modules.join(', ')} };
    let loaded;
    const load = () => (loaded ??= require(${JSON.stringify(`#late/${name}`)})((module) => modules[module]()));
    module.exports = new Proxy({}, {
      get: (_, key) => (key === '__esModule' ? true : key === 'default' ? load() : Reflect.get(load(), key)),
      set: (_, key, value) => Reflect.set(load(), key, value),
      has: (_, key) => Reflect.has(load(), key),
      ownKeys: () => Reflect.ownKeys(load()),
      getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(load(), key),
    });
  `;
}

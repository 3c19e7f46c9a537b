import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import packageFile from '../../package.json' with { type: 'json' };
import type { Config } from '../../shared/config/config.ts';
import type { Context } from '../context.ts';
import { failed, lookInto, notAsked, ok, type Finding } from './finding.ts';

/** What is on this machine: the configuration, which could be read, versions, and files of secrets. */
export async function lookHere(context: Context): Promise<readonly Finding[]> {
  const { config } = context;
  const count = (things: object): number => Object.keys(things).length;
  const about = { check: 'configuration', subject: context.file ?? 'configuration' };
  return [
    ok(
      about,
      `valid: project ${config.project}, ${count(config.repositories)} repositories, ${count(config.clusters)} clusters`,
    ),
    ok({ check: 'version', subject: 'converge' }, `${packageFile.version} on Node ${process.versions.node}`),
    ...(await lookAtRenderer(context)),
    ...(await Promise.all([...filesOf(config)].map(async ([file, key]) => lookAtFile({ file, key, context })))),
  ];
}

async function lookAtRenderer(context: Context): Promise<readonly Finding[]> {
  const about = { check: 'version', subject: 'renderer' };
  const found = await lookInto(about, async () =>
    ok(about, (await (await context.open.renderer()).version()).slice(0, 64)),
  );
  return found.map((one) =>
    one.state === 'failed'
      ? notAsked(about, one.message, 'render, validate and rbac need it: npm run build makes it, or npm start')
      : one,
  );
}

/** Files that the configuration names, each with the key that does. */
function filesOf(config: Config): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const walk = (value: unknown, path: readonly string[]): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, below] of Object.entries(value)) {
      const at = [...path, key];
      if (typeof below === 'string' && (key === 'file' || key.endsWith('File'))) found.set(below, at.join('.'));
      else walk(below, at);
    }
  };
  walk(config, []);
  return found;
}

/** Whether it can be read and holds something; nothing of it is kept. On Google Cloud, the functions alone have it. */
async function lookAtFile({ file, key, context }: { file: string; key: string; context: Context }): Promise<Finding> {
  const about = { check: 'secret file', subject: file };
  const remedy = `see that ${key} of the configuration names the file, and who may read it`;
  try {
    const { length } = await readFile(file);
    return length > 0
      ? ok(about, `can be read (${key})`)
      : failed(about, `is empty (${key})`, `put what ${key} is for into it`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const isOfFunctions = code === 'ENOENT' && !isLocal(context);
    return isOfFunctions
      ? notAsked(
          about,
          `is not on this machine (${key})`,
          'where it is mounted, the functions tell in their log what they cannot read (SecretUnavailable)',
        )
      : failed(about, `cannot be read (${key}): ${code}`, remedy);
  }
}

/** Whether the whole pipeline runs on this machine. */
export function isLocal({ pubsub }: Pick<Context, 'pubsub'>): boolean {
  return pubsub !== undefined && isIP(pubsub.replace(/:\d+$/, '')) !== 0;
}

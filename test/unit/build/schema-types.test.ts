import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { publishedSchemas } from '../../../build/command.ts';
import { schemaTypes, typeName } from '../../../build/schema-types.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const execute = promisify(execFile);

describe('the types of schemas', () => {
  it('say what is there, what may be, and what it is', () => {
    const schema = {
      title: 'A thing',
      type: 'object',
      properties: {
        name: { type: 'string', description: 'What it is called */ `x`' },
        kind: { type: 'string', enum: ['one', 'two'] },
        size: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
        tags: { type: 'array', items: { type: ['string', 'null'] } },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        any: {},
        value: { $ref: '#/$defs/__schema0' },
      },
      required: ['name', 'size'],
      $defs: { __schema0: { anyOf: [{ type: 'boolean' }, { type: 'array', items: { $ref: '#/$defs/__schema0' } }] } },
    };
    expect(
      schemaTypes(new Map([['dead-letter', schema]]))
        .split('\n')
        .slice(2)
        .join('\n'),
    ).toBe(`type DeadLetterSchema0 = boolean | readonly (DeadLetterSchema0)[];

/** A thing */
export type DeadLetter = {
  /** What it is called *\\/ \`x\` */
  readonly "name": string;
  readonly "kind"?: "one" | "two";
  readonly "size": number | null;
  readonly "tags"?: readonly (string | null)[];
  readonly "labels"?: { readonly [key: string]: string };
  readonly "any"?: unknown;
  readonly "value"?: DeadLetterSchema0;
};
`);
  });

  it('are named as the schemas are', () => {
    expect(['diff', 'dead-letter', 'commit-status'].map(typeName)).toEqual(['Diff', 'DeadLetter', 'CommitStatus']);
  });

  it('refuse what they cannot say', () => {
    expect(() => schemaTypes(new Map([['x', { type: 'date' }]]))).toThrow('date is no type of JSON');
    expect(() => schemaTypes(new Map([['x', { $ref: 'https://other' }]]))).toThrow('is in another schema');
  });

  it('of all published schemas are TypeScript, and take what readers do with them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'converge-types-'));
    try {
      for (const [name, { content }] of await publishedSchemas(root)) await writeFile(join(folder, name), content);
      await writeFile(
        join(folder, 'reader.ts'),
        `import type { CommandError, Config, Diff, Environment, History, Report, Status } from './index.d.ts';
export const first = (report: Report): string | undefined => report.differing[0]?.changes[0]?.by ?? undefined;
export const reason = (diff: Diff): 'Drifted' | 'Failed' | 'Unhealthy' | 'Blocked' | 'Guarded' | 'Suspended' => diff.reason;
export const states = (status: Status): string[] => status.environments.map(({ state }) => state);
export const commits = ({ entries }: History): string[] => entries.map(({ commit }) => commit);
export const exit = ({ error }: CommandError): number => error.exit;
export type Written = [Config, Environment];
// @ts-expect-error: there is no such reason
export const wrong = (diff: Diff): boolean => diff.reason === 'Gone';
`,
      );
      const settings = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--allowImportingTsExtensions'];
      const tsc = join(root, 'node_modules', '.bin', 'tsc');
      await execute(tsc, [...settings, '--target', 'esnext', '--module', 'nodenext', join(folder, 'reader.ts')], {
        cwd: folder,
      }).catch((error: unknown) =>
        expect.unreachable(String(error instanceof Error && 'stdout' in error ? error.stdout : error)),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';

const root = join(import.meta.dirname, '../../..');
const guard = join(root, 'cli/needed-node.cjs');

/** What a Node of that version says of it. */
const under = (version: string) =>
  spawnSync(
    process.execPath,
    [
      '--eval',
      `Object.defineProperty(process.versions, 'node', { value: ${JSON.stringify(version)} }); require(${JSON.stringify(guard)})`,
    ],
    { encoding: 'utf8' },
  );

it.each(['20.20.2', '22.23.0', '23.11.1'])('Node %s is told in a sentence which one is needed', (version) => {
  const { status, stderr } = under(version);
  expect([status, stderr.split('\n')[0]]).toEqual([
    2,
    `error: converge needs Node 24 or newer, and this is ${version}`,
  ]);
  expect(stderr).not.toMatch(/\n\s+at /);
});

it.each(['24.0.0', '26.1.0'])('Node %s is taken', (version) => {
  expect(under(version)).toMatchObject({ status: 0, stderr: '' });
});

it('every script of the package that is a program of ours asks for it first', () => {
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  const programs = Object.values(scripts).filter((script) => script.startsWith('node '));
  expect(programs.filter((script) => !script.startsWith('node --require ./cli/needed-node.cjs '))).toEqual([]);
  expect(programs.length).toBeGreaterThan(5);
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { makeProgram } from '../../../cli/program.ts';

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const filesOf = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(md|ya?ml|tf|sh)$|^Jenkinsfile$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));

const packageSchema = z.object({ name: z.string(), private: z.boolean(), bin: z.record(z.string(), z.string()).optional() });
const packageAt = (path: string) => packageSchema.parse(JSON.parse(read(path)));

it('the package has a scope, so that its name is nobody else’s, and is published by nobody by mistake', () => {
  expect(packageAt('package.json')).toMatchObject({ name: expect.stringMatching(/^@[a-z-]+\/converge$/), private: true });
});

it('the checkout has the command in its node_modules/.bin, by a workspace that is never published', () => {
  const { workspaces } = z.object({ workspaces: z.array(z.string()) }).parse(JSON.parse(read('package.json')));
  expect(workspaces).toEqual(['cli']);
  expect(packageAt('cli/package.json')).toMatchObject({ private: true, bin: { converge: './converge.js' } });
  const { packages } = z
    .object({ packages: z.record(z.string(), z.looseObject({ link: z.boolean().optional(), resolved: z.string().optional() })) })
    .parse(JSON.parse(read('package-lock.json')));
  expect(packages[`node_modules/${packageAt('cli/package.json').name}`]).toMatchObject({ link: true, resolved: 'cli' });
});

it.each(['README.md', 'CONTRIBUTING.md', ...filesOf('docs'), ...filesOf('examples')])(
  '%s has nobody ask a registry for a package called converge',
  (path) => {
    expect(read(path)).not.toMatch(/npx (?!--no )(-\S+ )*@?converge|npm (exec|install|i) (-\S+ )*converge\b/);
  },
);

it('each verb shows an example of itself', () => {
  const program = makeProgram({
    open: () => {
      throw new Error('the command line was taken');
    },
    answer: () => undefined,
  });
  expect(program.commands.length).toBeGreaterThan(10);
  for (const command of program.commands) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    const [, example = ''] = /^Example:\n {2}\$ (.+)$/m.exec(help) ?? [];
    expect(example, command.name()).toMatch(new RegExp(`\\bconverge ${command.name()}\\b`));
  }
});

it.each([
  ['statsu', 'status'],
  ['uplaod', 'upload'],
  ['docter', 'doctor'],
])('a verb that nobody knows is told with what was meant: %s', async (typed, meant) => {
  const program = makeProgram({
    open: () => {
      throw new Error('the command line was taken');
    },
    answer: () => undefined,
  });
  let said = '';
  program.configureOutput({ writeErr: (text) => (said += text) });
  await expect(program.parseAsync([typed], { from: 'user' })).rejects.toThrow();
  expect(said).toContain(`Did you mean ${meant}?`);
  // Behind `npx --no`, `converge --help` is npm's own help.
  expect(said).toContain('(converge help says more)');
});

import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../../../cli/command-result.ts';
import type { Context } from '../../../cli/context.ts';
import { openerOf } from '../../../cli/open-file.ts';
import { makeProgram } from '../../../cli/program.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import { reportSchema } from '../../../shared/events/report.ts';
import { emptyMemory } from '../../../shared/memory/memory.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import { report } from '../../../shared/pipeline/report.ts';
import { eventually } from '../../eventually.ts';
import {
  clockAt,
  commitId,
  environmentText,
  recordingTopics,
  repositories,
  repositoryWith,
  stateInMemory,
} from '../pipeline/ports.ts';
import { incidentOf } from '../report/reported.ts';

const config = parseConfig({
  file: 'converge.yaml',
  text: `project: family
state: { bucket: family-state }
repositories:
  master: { url: https://git.example.com/family/master.git, bucket: family-master }
clusters: {}
reports: [{ name: weekly, schedule: 0 6 * * 1, environments: [acme] }]
`,
});
const unused = async (): Promise<never> => {
  throw new Error('a report asks for no such thing');
};
const files = {
  'environments/acme.yaml': environmentText('acme').replace('{ name', '{ labels: { customer: acme }, name'),
  'environments/beta.yaml': environmentText('beta'),
};

async function world({ environment = {} }: { environment?: Readonly<Record<string, string>> } = {}) {
  const clock = clockAt('2026-11-22T06:00:01Z');
  const state = stateInMemory(clock.now);
  const attempted = { commit: commitId('0'), revision: 'r', at: '2026-11-20T00:00:00.000Z', inputs: {} };
  const { memory: path } = statePaths({ repository: 'master', environment: 'acme' });
  const value = { ...emptyMemory(new Date(attempted.at)), attempted, incident: incidentOf() };
  await state.write({ path, value, ifGeneration: 'absent' });
  const repository = repositories(repositoryWith({ files }));
  const progress: string[] = [];
  const context: Context = {
    ...{ config, statusUrl: undefined, pubsub: undefined, environment, folder: '/' },
    ports: { now: clock.now, sleep: async () => {} },
    open: {
      ...{ uploads: unused, buckets: unused, topics: unused, deadLetters: unused, renderer: unused },
      state: async () => state,
      repository: async () => repository,
    },
    progress: (line) => void progress.push(line),
  };
  const run = async (...argv: string[]): Promise<CommandResult> => {
    const answers: CommandResult[] = [];
    const program = makeProgram({ open: () => context, answer: (answer) => void answers.push(answer) });
    for (const each of [program, ...program.commands])
      each.configureOutput({ writeErr: () => {}, writeOut: () => {} }).exitOverride();
    await program.parseAsync(['node', 'converge', 'report', ...argv]);
    const [answer] = answers;
    if (answer === undefined) throw new Error('the command answered nothing');
    return answer;
  };
  return { run, state, clock, repository, progress };
}

const textOf = ({ lines }: CommandResult): string => lines.map(({ text }) => text).join('\n');

describe('converge report', () => {
  it('says what differs, and ends with 1', async () => {
    const { run, progress } = await world();
    const answer = await run();
    expect(answer.exit).toBe(1);
    expect(textOf(answer)).toContain('1 of 2 environments differs from Git');
    expect(textOf(answer)).toContain('kubectl-set');
    expect(reportSchema.parse(answer.json)).toMatchObject({ name: '', kept: null, from: '2026-11-15T06:00:01.000Z' });
    expect(progress).toEqual(['reading Git and what is remembered of each environment']);
  });

  it('is of those that are chosen, and of the time that is said', async () => {
    const { run } = await world();
    expect((await run('--environment', 'acme', '--since', '12h')).json).toMatchObject({
      ...{ counts: { environments: 1, differing: 1 }, from: '2026-11-21T18:00:01.000Z' },
    });
    expect((await run('--label', 'customer=acme')).json).toMatchObject({ counts: { environments: 1 } });
    expect((await run('--class', 'staging')).json).toMatchObject({ counts: { environments: 0 } });
  });

  it('is of none that there is not: it says which there are', async () => {
    const { run } = await world();
    for (const more of [[], ['--environment', 'acme']])
      await expect(run('--environment', 'nobody', ...more)).rejects.toMatchObject({
        ...{ exit: 2, subject: '--environment nobody', remedy: 'there are master/acme, master/beta' },
      });
    expect((await run('--environment', 'master/be*')).json).toMatchObject({ counts: { environments: 1 } });
  });

  it('of a name is that of the configuration, against the last one that was kept', async () => {
    const { run, state, clock, repository } = await world();
    const kept = { write: async ({ path }: { path: string }) => `gs://family-state/${path}` };
    const chosen = { classes: [], environments: ['acme'], labels: {} };
    await report(
      { name: 'weekly', chosen, repositories: ['master'], interval: 300_000, due: clock.now() },
      { now: clock.now, state, repository, topics: recordingTopics(), documents: kept },
    );
    clock.forward(3_600);
    const { json } = await run('weekly');
    expect(json).toMatchObject({
      counts: { environments: 1 },
      differing: [{ news: 'still' }],
      before: expect.any(String),
    });
    await expect(run('monthly')).rejects.toMatchObject({ code: 'BadRequest', remedy: 'there are weekly' });
  });

  it.each([
    ['html', /^<!doctype html>\n/],
    ['markdown', /^# Drift report\n/],
    ['text', /^Drift report\n/],
  ])('is written as %s', async (form, begins) => {
    const { run } = await world();
    expect(textOf(await run('--output', form))).toMatch(begins);
  });

  it('refuses what is no label, duration or form', async () => {
    const { run } = await world();
    for (const wrong of [
      ['--label', 'acme'],
      ['--since', 'week'],
      ['--output', 'pdf'],
    ])
      await expect(run(...wrong)).rejects.toThrow('invalid');
  });

  it('opens a page of its own', async () => {
    expect(openerOf('linux', '/tmp/a.html')).toEqual(['xdg-open', '/tmp/a.html']);
    expect(openerOf('darwin', '/tmp/a.html')).toEqual(['open', '/tmp/a.html']);
    expect(openerOf('win32', 'a.html')).toEqual(['rundll32', 'url.dll,FileProtocolHandler', 'a.html']);
    if (process.platform !== 'linux') return;
    const folder = await mkdtemp(join(tmpdir(), 'converge-opener-'));
    try {
      await writeFile(
        join(folder, 'xdg-open'),
        `#!/bin/sh\necho "$1" > "${folder}/part"\nmv "${folder}/part" "${folder}/opened"\n`,
      );
      await chmod(join(folder, 'xdg-open'), 0o755);
      const { run } = await world({ environment: { PATH: `${folder}:/bin:/usr/bin` } });
      await run('--open');
      const opened = await eventually('the page is opened', async () =>
        readFile(join(folder, 'opened'), 'utf8').catch(() => undefined),
      );
      expect(await readFile(opened.trim(), 'utf8')).toMatch(/^<!doctype html>/);
      await rm(join(opened.trim(), '..'), { recursive: true });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('writes nothing but the page to who asked for one, also where nothing opens it', async () => {
    const { run, progress } = await world({ environment: { PATH: '/nowhere' } });
    for (const form of ['html', 'markdown']) {
      const said = textOf(await run('--open', '--output', form));
      expect(said).not.toContain('nothing here opens pages');
      const file = progress.at(-1)?.split(' ').at(-1) ?? '';
      expect(progress.at(-1)).toBe(`nothing here opens pages: see ${file}`);
      await rm(join(file, '..'), { recursive: true });
    }
  });

  it('names the page where nothing opens it', async () => {
    const { run } = await world({ environment: { PATH: '/nowhere' } });
    const said = textOf(await run('--open'));
    const [, file = ''] = /nothing here opens pages: see (\S+)$/.exec(said) ?? [];
    expect(await readFile(file, 'utf8')).toContain('Drift report');
    await rm(join(file, '..'), { recursive: true });
  });
});

describe('any other command', () => {
  it('has no HTML and no Markdown', async () => {
    const open = (): never => {
      throw new Error('it goes on');
    };
    const program = makeProgram({ open, answer: () => {} });
    for (const each of [program, ...program.commands]) each.configureOutput({ writeErr: () => {} }).exitOverride();
    await expect(program.parseAsync(['node', 'converge', 'status', '--output', 'html'])).rejects.toMatchObject({
      exitCode: 2,
    });
    await expect(program.parseAsync(['node', 'converge', 'status', '--output', 'json'])).rejects.toThrow('it goes on');
  });
});

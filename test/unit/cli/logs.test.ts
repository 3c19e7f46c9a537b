import { describe, expect, it } from 'vitest';
import { liveOutput } from '../../../cli/live-output.ts';
import { followLogs, showLogs, subjectOf } from '../../../cli/logs.ts';
import { logsOutputSchema } from '../../../cli/output-schemas.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import type { LogEntry, Logs } from '../../../shared/ports/logs.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';
import { Interrupted, screen, stepping } from './stepping.ts';

const context = contextOf(createWorld());
const hour = 3_600_000;
const done: LogEntry = {
  ...{ id: '1', time: '2026-11-21T01:02:03.456Z', severity: 'INFO', message: 'reconcile done' },
  fields: { stage: 'reconcile', subject: 'master/acme', result: { outcome: 'converged' } },
};
const failed: LogEntry = {
  ...{ id: '2', time: '2026-11-21T01:02:04.000Z', severity: 'ERROR', message: 'reconcile failed' },
  fields: { stage: 'reconcile', subject: 'master/acme', error: 'Deployment acme/web: \u001b[31mis wrong\nstack' },
};
const bare: LogEntry = {
  ...{ id: '3', time: '2026-11-21T01:02:05.000Z', severity: 'DEFAULT', message: 'master/acme' },
  fields: { service: 'converge-reconcile' },
};

const of = (...entries: readonly LogEntry[]): Logs => ({ read: async () => ({ entries, mayBeMore: false }) });
const asked = { asked: 'acme', since: hour, limit: 100 };

describe('what converge logs is asked for', () => {
  it.each([
    ['acme', { kind: 'environment', name: 'acme', repositories: ['master'] }],
    ['master/acme', { kind: 'environment', name: 'acme', repositories: ['master'] }],
    ['gs://b/charts/shop.tgz', { kind: 'upload', bucket: 'b', name: 'charts/shop.tgz', generation: undefined }],
    ['gs://b/charts/shop.tgz#17', { kind: 'upload', bucket: 'b', name: 'charts/shop.tgz', generation: '17' }],
    ['9f2c6a1', { kind: 'commit', id: '9f2c6a1' }],
    ['master/9f2c6a1', { kind: 'environment', name: '9f2c6a1', repositories: ['master'] }],
  ])('is understood: %s', (text, subject) => {
    expect(subjectOf(text, context)).toEqual(subject);
  });

  it.each(['gs://b', 'nobody/acme', 'Acme', '', 'a/b/c', 'gs://b/n#x'])('is refused with 2: %s', (text) => {
    expect(() => subjectOf(text, context)).toThrow(expect.objectContaining({ exit: 2, subject: text }));
  });
});

describe('converge logs', () => {
  it('shows a line for each, in characters that show, and all of it to programs', async () => {
    const { exit, json, lines } = await showLogs(context, of(done, failed, bare), asked);
    expect(exit).toBe(0);
    expect(lines).toEqual([
      { text: '2026-11-21 01:02:03  INFO     reconcile      reconcile done: converged', tone: 'plain' },
      {
        text: String.raw`2026-11-21 01:02:04  ERROR    reconcile      reconcile failed: Deployment acme/web: \u001b[31mis wrong stack`,
        tone: 'bad',
      },
      { text: '2026-11-21 01:02:05  DEFAULT  converge-reconcile  master/acme', tone: 'plain' },
    ]);
    const { entries } = logsOutputSchema.parse(JSON.parse(JSON.stringify(json)));
    expect(entries.map((entry) => entry.function)).toEqual(['reconcile', 'reconcile', 'converge-reconcile']);
    expect(entries[1]?.fields).toEqual(failed.fields);
  });

  it('says that there is nothing, since when, and that there are more', async () => {
    const { lines } = await showLogs(context, of(), asked);
    expect(lines).toEqual([
      { text: expect.stringMatching(/^nothing since 20\d\d-.*: --since goes further back$/), tone: 'detail' },
    ]);
    const many: Logs = { read: async () => ({ entries: [done], mayBeMore: true }) };
    expect((await showLogs(context, many, asked)).lines[0]?.text).toMatch(/^There are more, older ones/);
  });

  it('with --follow tells each line once, goes on after a look that fails, and says so', async () => {
    const answers: (readonly LogEntry[] | 'away')[] = [[done], [done, failed], 'away', 'away', [failed, bare]];
    const since: Date[] = [];
    const logs: Logs = {
      async read(wanted) {
        since.push(wanted.since);
        const answer = answers.shift() ?? [];
        if (answer !== 'away') return { entries: answer, mayBeMore: false };
        throw new ConvergeError({ code: 'LogsUnavailable', subject: 'p', message: 'is away', disposition: 'retry' });
      },
    };
    const { stream, written } = screen();
    const output = liveOutput({ form: 'text', stream });
    const steps = Array.from({ length: 4 }, () => () => {});
    await expect(followLogs(stepping(context, steps), logs, { ...asked, output })).rejects.toThrow(Interrupted);
    expect(
      written()
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(21, 40)),
    ).toEqual(['INFO     reconcile ', 'ERROR    reconcile ', 'cannot be read: p: ', 'DEFAULT  converge-r']);
    const now = context.ports.now().getTime();
    expect(since.map((one) => now - one.getTime())).toEqual([hour, 60_000, 60_000, 60_000, 60_000]);
  });

  it('with --follow ends where the first look fails', async () => {
    const logs: Logs = {
      read: async () => {
        throw new ConvergeError({ code: 'LogsUnavailable', subject: 'p', message: 'is away', disposition: 'retry' });
      },
    };
    const output = liveOutput({ form: 'json', stream: screen().stream });
    await expect(followLogs(context, logs, { ...asked, output })).rejects.toMatchObject({ code: 'LogsUnavailable' });
  });
});

import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../../../cli/command-result.ts';
import type { Context } from '../../../cli/context.ts';
import { liveOutput } from '../../../cli/live-output.ts';
import { watchStatus } from '../../../cli/watch-status.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { configMap, shop } from '../pipeline/reconcile/runs/files.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';
import { Interrupted, screen, stepping } from './stepping.ts';

async function world() {
  const made = createWorld();
  made.git.add(shop([configMap('colors')]));
  await made.run();
  return made;
}

async function watched(
  context: Context,
  options: Omit<Parameters<typeof watchStatus>[1], 'names'> & { names?: readonly string[]; form?: string } = {},
): Promise<string> {
  const { form = 'text', ...rest } = options;
  const { stream, written } = screen();
  await expect(watchStatus(context, { names: [], ...rest }, liveOutput({ form, stream }))).rejects.toThrow(Interrupted);
  return written();
}

describe('converge status --watch', () => {
  it('tells a row where there is no terminal once, and again when it changes', async () => {
    const made = await world();
    const told = await watched(
      stepping(contextOf(made), [
        () => made.wait(10),
        async () => {
          made.git.add({ 'environments/shop.yaml': 'cluster: [\n' });
          await made.run();
        },
        () => made.wait(10),
      ]),
    );
    const lines = told.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}master\/shop {2}Converged {2}main@[0-9a-f]{12} {2}Healthy$/,
    );
    expect(lines[1]).toMatch(/ {2}master\/shop {2}Failed {2}.*environments\/shop\.yaml/);
  });

  it('with --problems is silent while nothing is wrong, and says how what is left out stands then', async () => {
    const made = await world();
    const told = await watched(
      stepping(contextOf(made), [
        async () => {
          made.git.add({ 'environments/shop.yaml': 'cluster: [\n' });
          await made.run();
        },
        async () => {
          made.git.add(shop([configMap('colors')]));
          await made.run();
        },
      ]),
      { problems: true },
    );
    expect(
      told
        .trimEnd()
        .split('\n')
        .map((line) => line.split('  ')[2]),
    ).toEqual(['Failed', 'Converged']);
  });

  it('tells programs the whole status, a line each time that anything changed', async () => {
    const made = await world();
    const told = await watched(
      stepping(contextOf(made), [
        () => made.wait(10),
        async () => {
          made.git.add({ 'environments/shop.yaml': 'cluster: [\n' });
          await made.run();
        },
      ]),
      { form: 'json' },
    );
    const values = told
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(values).toMatchObject([
      { environments: [{ name: 'shop', state: 'Converged' }], uploads: [], unreadable: [] },
      { environments: [{ name: 'shop', state: 'Failed' }] },
    ]);
  });

  it('goes on after a look that fails, which it tells once, and ends where the first one does', async () => {
    const made = await world();
    const context = contextOf(made);
    let isAway = false;
    const state = async () => {
      if (!isAway) return made.ports.state;
      throw new ConvergeError({
        code: 'StorageUnavailable',
        subject: 'state',
        message: 'is away',
        disposition: 'retry',
      });
    };
    const open = { ...context.open, state };
    const steps = [() => void (isAway = true), () => {}, () => void (isAway = false), () => {}];
    const told = await watched(stepping({ ...context, open }, steps));
    expect(
      told
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(21)),
    ).toEqual([expect.stringContaining('Converged'), 'cannot be asked: state: is away']);
    isAway = true;
    const { stream } = screen();
    const first = watchStatus(stepping({ ...context, open }, []), { names: [] }, liveOutput({ form: 'text', stream }));
    await expect(first).rejects.toMatchObject({ code: 'StorageUnavailable' });
  });

  it('ends at once where a name is none', async () => {
    const { stream } = screen();
    const context = stepping(contextOf(await world()), []);
    const ended = watchStatus(context, { names: ['nobody'] }, liveOutput({ form: 'text', stream }));
    await expect(ended).rejects.toMatchObject({ exit: 2, subject: 'nobody' });
  });

  it('draws as on a usual terminal where one does not tell its size', () => {
    const { stream, written } = screen({ isTTY: true, rows: 0, columns: 0 });
    const lines = Array.from({ length: 20 }, (_, index) => ({ text: `line ${index}`, tone: 'plain' as const }));
    liveOutput({ form: 'text', stream }).redraw(lines);
    expect(stripVTControlCharacters(written()).trim().split('\n')).toEqual(lines.map(({ text }) => text));
  });

  it('draws a terminal anew, no wider and no longer than it is', async () => {
    const made = await world();
    const { stream, written } = screen({ isTTY: true, rows: 3, columns: 20 });
    const context = stepping(contextOf(made), [() => made.wait(10)]);
    await expect(watchStatus(context, { names: [] }, liveOutput({ form: 'text', stream }))).rejects.toThrow(
      Interrupted,
    );
    const drawn = written().split('\u001b[H');
    expect(drawn).toHaveLength(3);
    for (const one of drawn.slice(1)) {
      const lines = stripVTControlCharacters(one).trimEnd().split('\n');
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(20);
    }
  });
});

describe('what a command that goes on tells', () => {
  const part: Pick<CommandResult, 'json' | 'lines'> = {
    json: { a: [1, 2] },
    lines: [{ text: 'seen\u001b[31m', tone: 'plain' }],
  };

  it.each([
    ['text', 'seen [31m\n'],
    ['json', '{"a":[1,2]}\n'],
    ['yaml', '---\na:\n  - 1\n  - 2\n'],
  ])('is written as %s', (form, expected) => {
    const { stream, written } = screen();
    const output = liveOutput({ form, stream });
    output.tell(part);
    expect(written()).toBe(expected);
    expect(output.canRedraw).toBe(false);
  });

  it('is no drawing where programs read a terminal', () => {
    expect(liveOutput({ form: 'json', stream: screen({ isTTY: true }).stream }).canRedraw).toBe(false);
    expect(liveOutput({ form: 'text', stream: screen({ isTTY: true }).stream }).canRedraw).toBe(true);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../../cli/program.ts';
import { errorCodes } from '../../shared/base/errors.ts';
import { diffReasons } from '../../shared/base/diff-reasons.ts';
import { dependencyKinds } from '../../shared/events/dependency-alert.ts';
import { uploadAcceptedSchema } from '../../shared/events/upload-alert.ts';
import { environmentStates } from '../../shared/pipeline/common/environment-status.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const runbook = read('docs/runbook.md');

/** What a letter that was given up has for a reason, and a command that fails for a code, beside the error codes. */
const others = ['GivenUp', 'Usage', 'Internal'];
const unused = uploadAcceptedSchema.shape.unused.unwrap().element.shape.reason.options;
const names = [
  ...new Set<string>([
    ...[...diffReasons, ...environmentStates.options, ...errorCodes, ...unused, ...others],
    ...dependencyKinds.map((kind) => `Unreachable ${kind}`),
  ]),
].toSorted();

const sections = new Map(
  runbook
    .split(/^### /m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n')).split('\n## ')[0] ?? '']),
);

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

const headings = [...runbook.matchAll(/^#{1,4} (.*)$/gm)].flatMap(([, heading]) => heading ?? []);

/** The lines of `converge` that are shown, as words: a text in quotes is one. */
const commandLines = [...runbook.matchAll(/(?:^\$ |`)(converge [^`\n]*)/gm)].flatMap(([, line]) => line ?? []);

async function reach(line: string): Promise<void> {
  const program = makeProgram({
    open: () => {
      throw new Error('the command line was taken');
    },
    answer: () => undefined,
  });
  for (const command of [program, ...program.commands]) command.configureOutput({ writeErr: () => undefined });
  const words = (line.match(/"[^"]*"|[^\s"]+/g) ?? []).slice(1).map((word) => word.replaceAll('"', ''));
  await program.parseAsync(words, { from: 'user' });
}

describe('the runbook', () => {
  it('has a section for each reason, state and code that a person may meet, and of nothing else', () => {
    expect([...sections.keys()].toSorted()).toEqual(names);
  });

  it.each(names)('says of %s what it means, how to find out, how to mend it, and what happens meanwhile', (name) => {
    const labels = [...(sections.get(name) ?? '').matchAll(/^\*\*(.+?)\*\*/gm)].map(([, label]) => label);
    expect(labels).toEqual(['Means.', 'Find out.', 'Mend.', 'Meanwhile.']);
  });

  it('leads from its table to each section', () => {
    const [table = ''] = runbook.split('\n## How to look');
    const linked = new Set([...table.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor));
    expect(names.map(anchorOf).filter((anchor) => !linked.has(anchor))).toEqual([]);
  });

  it('has no link that leads nowhere, and no anchor twice', () => {
    const anchors = headings.map(anchorOf);
    expect(new Set(anchors).size).toBe(anchors.length);
    const linked = [...runbook.matchAll(/\]\(#([^)]*)\)/g)].flatMap(([, anchor]) => anchor ?? []);
    expect(linked.filter((anchor) => !anchors.includes(anchor))).toEqual([]);
  });

  it.each([...new Set(commandLines)])('shows a command line that is one: %s', async (line) => {
    await expect(reach(line)).rejects.toThrow('the command line was taken');
  });

  it('would not pass with an option that is none', async () => {
    expect(commandLines.length).toBeGreaterThan(10);
    await expect(reach('converge status --brunch')).rejects.toThrow('unknown option');
  });

  it.each(['README.md', 'docs/architecture.md'])('is linked by %s', (file) => {
    expect(read(file)).toContain('runbook.md');
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../../../cli/program.ts';
import { parseEnvironmentFile } from '../../../shared/environment/environment-file.ts';

const guide = readFileSync(join(import.meta.dirname, '../../../docs/guide.md'), 'utf8');
const scripts = [...guide.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, script = '']) => script);
const lines = scripts.flatMap((script) => script.split('\n')).filter((line) => line.startsWith('converge '));

async function reach(line: string): Promise<void> {
  const unopened = () => {
    throw new Error('the command line was taken');
  };
  const program = makeProgram({ open: unopened, answer: () => undefined });
  for (const command of [program, ...program.commands]) command.configureOutput({ writeErr: () => undefined });
  const words = (line.match(/"[^"]*"|\S+/g) ?? []).slice(1).map((word) => word.replaceAll('"', ''));
  await program.parseAsync(words, { from: 'user' });
}

describe('the guide', () => {
  it.each(lines)('says a command line that the command takes: %s', async (line) => {
    await expect(reach(line)).rejects.toThrow('the command line was taken');
  });

  it('goes from an upload by plan and drift to a roll-back and a suspension, and shows what each printed', () => {
    const verbs = lines.map((line) => line.split(' ')[1]);
    const looks = ['upload', 'status', 'history', 'trace', 'report', 'plan'];
    for (const verb of [...looks, 'accept', 'revert', 'rollback', 'suspend', 'resume', 'reconcile']) expect(verbs).toContain(verb);
    const shown = [...guide.matchAll(/^\$ (converge .*)$/gm)].map(([, line = '']) => line);
    expect(shown.toSorted()).toEqual(lines.toSorted());
    expect(guide).not.toMatch(/npx converge|^@\d/m);
  });

  it('writes an environment that is taken', () => {
    const [, text = ''] = /environments\/hello\.yaml <<'END'\n([^]*?)^END$/m.exec(guide) ?? [];
    expect(parseEnvironmentFile({ file: 'environments/hello.yaml', text })).toMatchObject({ name: 'hello' });
  });
});

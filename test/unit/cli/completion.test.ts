import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { completionScript, shells } from '../../../cli/completion.ts';
import { makeProgram } from '../../../cli/program.ts';

const program = makeProgram({
  open: () => {
    throw new Error('completion opens nothing');
  },
  answer: () => {},
});

/** What bash completes the last of these words to. */
function completed(...words: readonly string[]): string[] {
  const script = `${completionScript('bash', program)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _converge; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], { encoding: 'utf8' });
  return out.split('\n').filter((line) => line !== '');
}

describe('what bash completes', () => {
  it('is the verbs', () => {
    expect(completed('converge', 'retr')).toEqual(['retry-upload']);
    expect(completed('converge', '')).toEqual(expect.arrayContaining(program.commands.map((verb) => verb.name())));
  });

  it('is the options of a verb, also behind those of the command', () => {
    expect(completed('converge', '--config', 'status', 'upload', '--br')).toEqual(['--branch']);
    expect(completed('converge', 'status', '--br')).toEqual([]);
  });

  it('is what an option may be', () => {
    expect(completed('converge', 'status', '--output', 'y')).toEqual(['yaml']);
  });

  it('is left to the shell where it may be a file', () => {
    expect(completed('converge', 'upload', './dep')).toEqual([]);
  });
});

it.each(shells)('the script of %s names each verb, and each of its options', (shell) => {
  const script = completionScript(shell, program);
  for (const verb of program.commands) {
    expect(script).toContain(verb.name());
    for (const { long } of verb.options) expect(script).toContain(`${long?.replace(/^--/, '')}`);
  }
});

import { spawn } from 'node:child_process';
import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import { totalsLine, type Totals } from './reporter.ts';

/**
 * `npm test`: format, type check, lint, all tests, and some of them again in gVisor. Each check counts as a test; the
 * last line adds all up. Ends with code 1 if anything failed, or if no test ran. What is said behind `--` chooses among
 * the tests, and leaves gVisor out.
 */
const root = resolve(import.meta.dirname, '..');
const environment = {
  ...process.env,
  PATH: [join(root, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter),
};
const totalsSchema = z.object({ passed: z.int(), failed: z.int(), skipped: z.int() });

interface Ended {
  readonly code: number;
  readonly totals: Totals | undefined;
}

function run(command: string, parameters: readonly string[]): Promise<Ended> {
  console.log(`\n> ${[command, ...parameters].join(' ')}`);
  return new Promise((done, fail) => {
    const child = spawn(command, parameters, {
      cwd: root,
      env: environment,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    });
    let totals: Totals | undefined;
    child.on('message', (message) => {
      const parsed = totalsSchema.safeParse(message);
      if (parsed.success) totals = parsed.data;
    });
    child.once('error', fail);
    child.once('close', (code) => done({ code: code ?? 1, totals }));
  });
}

async function check(command: string, parameters: readonly string[] = []): Promise<Totals> {
  const { code } = await run(command, parameters);
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

async function tests(command: string, parameters: readonly string[]): Promise<Totals> {
  const { code, totals = { passed: 0, failed: 0, skipped: 0 } } = await run(command, parameters);
  const noneRan = totals.passed + totals.failed === 0;
  const hidden = code !== 0 && totals.failed === 0;
  return noneRan || hidden ? { ...totals, failed: totals.failed + 1 } : totals;
}

const chosen = process.argv.slice(2);
const parts = [
  await check('oxfmt', ['--check']),
  await check('tsc'),
  await check('oxlint', ['--type-aware', '--deny-warnings']),
  await tests('vitest', ['run', ...chosen]),
  ...(chosen.length === 0 ? [await tests('node', ['test/gvisor/main.ts'])] : []),
];
const sum = (of: (totals: Totals) => number): number => parts.reduce((all, part) => all + of(part), 0);
const all: Totals = {
  passed: sum((part) => part.passed),
  failed: sum((part) => part.failed),
  skipped: sum((part) => part.skipped),
};
console.log(`\n${totalsLine(all)}`);
process.exitCode = all.failed === 0 ? 0 : 1;

import { resolve } from 'node:path';
import { deployed } from '../../build/build.ts';
import { ensureProgram, ensurePrograms } from '../../local/programs.ts';
import { reportTo } from '../../local/say.ts';
import { ensureBuilt } from '../built.ts';
import { totalsLine, type Totals } from '../reporter.ts';
import { createSandbox, type Sandbox } from './sandbox.ts';

/**
 * `npm run test:gvisor`: tests that ran natively run once more in gVisor, in which Cloud Run may start a function. The
 * whole runner is inside, with all that it starts. Ends with code 1 where a test fails, or gVisor does not start.
 */
const root = resolve(import.meta.dirname, '..', '..');

/** Each is a run of its own: of a file whose tests are chosen by name, the others count as skipped. */
const runs: readonly (readonly string[])[] = [
  ['cage', 'memory-cage', 'render-process', 'published-manifests'].map((name) => `test/golden/${name}.test.ts`),
  // gVisor does not tell the most memory that a process held.
  ['test/parts/bundle.test.ts', '--testNamePattern', 'from the archive alone (?!.*outlives strangers)'],
];

/** What is written inside is lost with the sandbox, so all that tests build is built here. */
async function prepare(): Promise<Sandbox> {
  const report = reportTo(process.stderr);
  await ensurePrograms({ report });
  await ensureProgram('render', { target: deployed, report });
  await ensureProgram('render', { tags: ['bombs'], report });
  await ensureBuilt();
  return createSandbox({ program: await ensureProgram('gvisor', { report }), folder: root });
}

async function test(sandbox: Sandbox, parameters: readonly string[]): Promise<Totals> {
  console.log(`\n> in gVisor: vitest run ${parameters.join(' ')}`);
  const runner = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'parts', '--maxWorkers', '2', ...parameters];
  const { code, lastLine } = await sandbox.run([process.execPath, ...runner], process.stdout);
  const [, passed, failed] = /^(\d+) passed, (\d+) failed/.exec(lastLine) ?? [];
  const totals = { passed: Number(passed ?? 0), failed: Number(failed ?? 0), skipped: 0 };
  const isHidden = code !== 0 && totals.failed === 0;
  return totals.passed + totals.failed === 0 || isHidden ? { ...totals, failed: totals.failed + 1 } : totals;
}

async function testAll(): Promise<Totals> {
  const sandbox = await prepare();
  const refusal = await sandbox.refusal();
  if (refusal !== undefined) {
    console.error(`gVisor does not start on this machine: ${refusal}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  let all: Totals = { passed: 0, failed: 0, skipped: 0 };
  for (const parameters of runs) {
    const { passed, failed } = await test(sandbox, parameters);
    all = { passed: all.passed + passed, failed: all.failed + failed, skipped: 0 };
  }
  return all;
}

const totals = await testAll();
process.exitCode = totals.failed === 0 ? 0 : 1;
if (process.send === undefined) console.log(totalsLine(totals));
else process.send(totals, () => process.disconnect());

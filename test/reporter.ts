import type { Reporter, TestModule } from 'vitest/node';

/** How many tests ended how. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** `12 passed, 0 failed`, with `, 1 skipped` only where some were. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}

/**
 * The last line of a test run. A test file that could not be read, and an error outside of any test, count as one
 * failed test each. Under `run.ts`, which has checks of its own to add, the totals go there instead.
 */
export default class TotalsReporter implements Reporter {
  totals: Totals = { passed: 0, failed: 0, skipped: 0 };

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const count = (state: string): number => states.filter((each) => each === state).length;
    const broken = modules.reduce((sum, module) => sum + module.errors().length, 0);
    const suites = modules
      .flatMap((module) => [...module.children.allSuites()])
      .reduce((sum, suite) => sum + suite.errors().length, 0);
    this.totals = {
      passed: count('passed'),
      failed: count('failed') + broken + suites + unhandledErrors.length,
      skipped: count('skipped') + count('pending'),
    };
    if (process.send === undefined) process.once('exit', () => console.log(totalsLine(this.totals)));
    else process.send(this.totals);
  }
}

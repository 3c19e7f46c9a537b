import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

export default defineConfig({
  test: {
    reporters: ['default', './test/reporter.ts'],
    teardownTimeout: 60_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          isolate: false,
          // A guard, and no measure: the machine may be busy with something else.
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'model',
          include: ['test/model/**/*.test.ts'],
          sequence: { groupOrder: 0 },
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'parts',
          include: ['test/{golden,functions,parts,e2e}/**/*.test.ts'],
          globalSetup: ['test/programs.ts'],
          // Each file may bring up a control plane of its own, 0.5 GB with its fellows. Most wait for others most of the
          // time: for a second between two writes of one object, say.
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'terraform',
          include: ['test/terraform/**/*.test.ts'],
          globalSetup: ['test/terraform/programs.ts'],
          // Google's provider takes half a gigabyte, and half a minute to begin where everybody is busy.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});

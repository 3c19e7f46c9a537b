import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const command = join(import.meta.dirname, '..', '..', '..', 'cli', 'converge.js');

it.each([
  ['json', 'status --output json --config /nowhere/converge.yaml', 2],
  ['text', 'completion bash', 0],
])('the exit code is what became of it, though nobody reads the answer: %s', (_form, parameters, code) => {
  const script = `"$0" "$1" ${parameters} 2>/dev/null | true; exit "\${PIPESTATUS[0]}"`;
  const { status } = spawnSync('bash', ['-c', script, process.execPath, command]);
  expect(status).toBe(code);
});

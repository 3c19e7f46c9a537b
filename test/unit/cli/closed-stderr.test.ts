import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

it('ends as it would, where nobody reads what it says on standard error', async () => {
  const script = `
    process.argv = [process.argv[0], 'converge', 'validate', '/nowhere'];
    process.once('exit', (code) => require('node:fs').writeSync(3, String(code)));
    setTimeout(() => import('./cli/main.ts').then(({ main }) => main()), 200);`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  child.stderr?.destroy();
  let said = '';
  child.stdio[3]?.on('data', (data: Buffer) => (said += data.toString()));
  await once(child, 'close');
  expect(said).toBe('2');
});

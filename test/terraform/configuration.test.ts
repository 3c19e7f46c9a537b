import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examples, moduleFolder, root, startTofu, type Tofu } from './tofu.ts';

let tofu: Tofu;
beforeAll(async () => {
  tofu = await startTofu();
});
afterAll(async () => tofu.stop());

/** Nothing of the coloured, framed output but its words. */
async function succeeds(at: string, ...parameters: readonly string[]): Promise<void> {
  const { code, output } = await tofu.run(at, ...parameters);
  expect(code, output).toBe(0);
}

describe('the Terraform configuration', () => {
  it.each(['terraform', 'examples/terraform'])('is formatted: %s', async (folder) => {
    await succeeds(join(root, folder), 'fmt', '-check', '-recursive', '-diff');
  });

  it.each([
    moduleFolder,
    join(moduleFolder, 'function'),
    ...examples.map((example) => join(root, 'examples', 'terraform', example)),
  ])("validates against Google's provider: %s", async (folder) => {
    await succeeds(folder, 'get');
    await succeeds(folder, 'validate', '-no-color');
  });

  it.each(['pipeline', 'refusals'])('passes its own tests: %s', async (name) => {
    await succeeds(moduleFolder, 'get', '-test-directory=tests');
    await succeeds(moduleFolder, 'test', '-no-color', `-filter=tests/${name}.tftest.hcl`);
  });
});

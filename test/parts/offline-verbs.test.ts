import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { renderOutputSchema } from '../../cli/output-schemas.ts';
import { ensureProgram } from '../../local/programs.ts';
import { runConverge, type Ended } from '../e2e/command.ts';

/* The verbs that work on files alone, as their users run them: no configuration, no pipeline, the real renderer. */

const repository = join(import.meta.dirname, '../../examples/family-insurance/repository');
let renderer: string;
beforeAll(async () => {
  renderer = await ensureProgram('render');
});

async function checkout(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-checkout-'));
  await cp(repository, folder, { recursive: true });
  return folder;
}

async function converge(folder: string, ...parameters: readonly string[]): Promise<Ended> {
  return await runConverge([...parameters, '--renderer', renderer], { folder });
}

describe('converge render', () => {
  it('prints what the story applies for a customer, as YAML, as JSON, and as one YAML document', async () => {
    const folder = await checkout();
    const parameters = ['render', 'acme-production', '--working-tree', '.', '--kube-version', 'v1.36.3'];
    const { code, out, err } = await converge(folder, ...parameters, '--show-sources');
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('note: the class') as string });
    expect(out).toMatch(/# Source: charts\/shop\/templates\/web-deployment\.yaml(:\d+)?\n/);
    expect(out).toMatch(/# Source: manifests\/network\/policies\.yaml:\d+\n/);
    const documents = loadAll(out);
    const json = renderOutputSchema.parse(JSON.parse((await converge(folder, '--output', 'json', ...parameters)).out));
    expect(json.manifests.map(({ object }) => object)).toEqual(documents);
    expect(load((await converge(folder, '--output', 'yaml', ...parameters)).out)).toEqual(json);
  });

  it.each([
    [
      'an environment that is misspelt',
      ['render', 'acme-prod', '--working-tree', '.'],
      2,
      'did you mean acme-production?',
    ],
    ['another folder', ['render', 'platform', '--working-tree', 'charts'], 2, 'holds no folder environments/'],
    ['no folder, and no configuration', ['render', 'platform'], 2, '--working-tree DIR'],
  ])('refuses %s', async (_what, parameters, code, words) => {
    const ended = await converge(await checkout(), ...parameters);
    expect(ended).toMatchObject({ code, out: '', err: expect.stringContaining(words) as string });
  });

  it('names the template that fails, and ends with 1', async () => {
    const folder = await checkout();
    await writeFile(join(folder, 'charts/shop/templates/web-service.yaml'), 'kind: {{ .Values.a.b.c }}\n');
    expect(await converge(folder, 'render', 'acme-production', '--working-tree', '.')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('charts/shop/templates/web-service.yaml:1') as string,
    });
    await rm(folder, { recursive: true });
  });
});

import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { renderOutputSchema, validateOutputSchema } from '../../cli/output-schemas.ts';
import { ensureProgram } from '../../local/programs.ts';
import { cacheFolder } from '../../shared/adapters/cache-folder.ts';
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

describe('converge validate', () => {
  it('finds nothing in the repository of the story', async () => {
    const { code, out, err } = await converge(await checkout(), 'validate');
    expect({ code, out }).toEqual({ code: 0, out: 'nothing was found in 3 environments, 40 objects\n' });
    expect(err).toContain('note: the fields of built-in kinds are those of Kubernetes v1.36.3');
  });

  it('names file and template of a typo in a kind, for people and for a CI', async () => {
    const folder = await checkout();
    const template = 'charts/shop/templates/web-deployment.yaml';
    const text = await readFile(join(folder, template), 'utf8');
    await writeFile(join(folder, template), text.replace('kind: Deployment', 'kind: Deploymnet'));
    await writeFile(join(folder, 'manifests/network/broken.yaml'), 'a: [\n');
    const { code, out } = await converge(folder, 'validate', '.');
    expect(code).toBe(1);
    expect(out).toMatch(/^manifests\/network\/broken\.yaml:\d+: .*\[render\] \(acme-production, globex-production\)$/m);
    await rm(join(folder, 'manifests/network/broken.yaml'));
    const told = await converge(folder, 'validate', '.');
    expect(told.out).toMatch(
      /^charts\/shop\/templates\/web-deployment\.yaml(:\d+)?: Deploymnet web: .*did you mean Deployment \(apps\/v1\)\? \[unknown-kind\] \(acme-production, globex-production\)$/m,
    );
    const sarif = await converge(folder, '--output', 'sarif', 'validate');
    expect(sarif.code).toBe(1);
    expect(JSON.parse(sarif.out)).toMatchObject({
      version: '2.1.0',
      runs: [{ results: [{ ruleId: 'unknown-kind' }] }],
    });
    const junit = await converge(folder, '--output', 'junit', 'validate');
    expect(junit.out).toContain('<testsuites name="converge validate" tests="3" failures="2" errors="0">');
    const json = validateOutputSchema.parse(JSON.parse((await converge(folder, '--output', 'json', 'validate')).out));
    expect(json.findings).toHaveLength(1);
  });

  it('asks a real API server where it is told to, which knows the fields of built-in kinds', async () => {
    const folder = await checkout();
    const variables = { CONVERGE_CACHE: cacheFolder() };
    const parameters = ['validate', '--api', '--renderer', renderer];
    expect(await runConverge(parameters, { folder, variables })).toMatchObject({
      ...{ code: 0, out: 'nothing was found in 3 environments, 40 objects\n' },
    });
    const template = join(folder, 'charts/shop/templates/web-deployment.yaml');
    await writeFile(template, (await readFile(template, 'utf8')).replace('replicas:', 'replcas:'));
    const { code, out } = await runConverge(parameters, { folder, variables });
    expect(code).toBe(1);
    expect(out).toMatch(
      /^charts\/shop\/templates\/web-deployment\.yaml(:\d+)?: Deployment web: .*replcas.*\[api\] \(acme-production/m,
    );
  });

  it('says of a chart that is too large for the limits which it is', async () => {
    const folder = await checkout();
    // A file with a hole in it: 200 MB, and no disk.
    await writeFile(join(folder, 'charts/shop/templates/large.yaml'), '');
    await truncate(join(folder, 'charts/shop/templates/large.yaml'), 200_000_000);
    const { code, out } = await converge(folder, 'validate');
    expect(code).toBe(1);
    expect(out).toMatch(/charts\/shop.*\[render\] \(acme-production, globex-production\)/);
  });

  it.each([
    ['a folder without environments', ['validate', 'charts'], 'holds no folder environments/'],
    ['a folder that is not there', ['validate', 'nowhere'], 'is not there'],
    ['a form that is for another verb', ['--output', 'html', 'validate'], 'validate has no --output html'],
  ])('refuses %s', async (_what, parameters, words) => {
    expect(await converge(await checkout(), ...parameters)).toMatchObject({
      ...{ code: 2, out: '' },
      err: expect.stringContaining(words) as string,
    });
  });
});

describe('converge new customer', () => {
  it('writes what validates and renders, and refuses to do it twice', async () => {
    const folder = await checkout();
    const parameters = ['new', 'customer', 'initech', '--from', 'acme-production'];
    const { code, out } = await runConverge(parameters, { folder });
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringContaining('wrote environments/initech-production.yaml') as string,
    });
    expect((await converge(folder, 'validate')).out).toMatch(/^nothing was found in 4 environments/);
    expect((await converge(folder, 'render', 'initech-production', '--working-tree', '.')).out).toContain(
      'tenant: initech',
    );
    expect(await runConverge(parameters, { folder })).toMatchObject({
      code: 2,
      err: expect.stringContaining('nothing is overwritten') as string,
    });
  });
});

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import { canonicalJson } from '../../shared/objects/canonical-json.ts';
import { parseJson } from '../../shared/objects/exact-json.ts';
import type { Renderer } from '../../shared/ports/renderer.ts';
import { renderSeconds } from '../guards.ts';

/*
 * Small documents and what Kubernetes' own parser reads of them, from the folder that CONVERGE_CONFORMANCE names. Each
 * must give the same documents, numbers to the digit, or a refusal where that parser errs or its strict form complains.
 */
const folder = process.env['CONVERGE_CONFORMANCE'];

const documentSchema = z.object({
  json: z.unknown().optional(),
  err: z.string().optional(),
  strict: z.string().optional(),
});
const caseSchema = z.object({ name: z.string(), bytes: z.base64(), go: z.array(documentSchema) });
type Case = z.infer<typeof caseSchema>;

/**
 * Documents that the parser reads and that are no objects: the API server has no name or type to take them by, and
 * neither have we. And a second document that the parser passes over without a word, which nothing here may do.
 */
const refusedHere: Readonly<Record<string, RegExp>> = {
  'docs: ... terminator': /document 1: another document follows/,
  'docs: --- in block scalar col 0': /document 2: apiVersion is missing or no string/,
  'docs: empty': /document 7: apiVersion is missing or no string/,
  'docs: scalar': /document 1: is not an object/,
  'docs: top-level list': /document 1: is not an object/,
  'name numeric': /ConfigMap: metadata.name is missing or no string/,
  'nbsp indent': /ConfigMap: metadata.name is missing or no string/,
};

/**
 * Recorded from the parser alone, which stops after the first JSON value; kubectl 1.36.3 reads both
 * (`kubectl annotate --local --filename … x=y --output name`), and what is read here is what kubectl applies.
 */
const readByKubectl: Readonly<Record<string, readonly unknown[]>> = {
  'docs: concatenated JSON': ['t', 'u'].map((name) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })),
};

/**
 * Where the parser errs because it parts documents at bytes before it knows the encoding, by which it loses all but the
 * first of several: it is known here.
 */
const readHere: Readonly<Record<string, readonly unknown[]>> = {
  'UTF-16LE BOM': [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 't' } }],
};

const cases =
  folder === undefined
    ? []
    : z.array(caseSchema).parse(parseJson(await readFile(join(folder, 'yaml-cases.json'), 'utf8')));

describe.skipIf(folder === undefined)('documents that Kubernetes reads', () => {
  let renderer: Renderer;
  let scratch: string;
  let agreed = 0;
  let refusedRightly = 0;

  beforeAll(async () => {
    renderer = createRenderer({ program: await ensureProgram('render') });
    scratch = await mkdtemp(join(tmpdir(), 'converge-yaml-'));
  });
  afterAll(async () => {
    await rm(scratch, { recursive: true, force: true });
    const otherwise = Object.keys({ ...readByKubectl, ...readHere }).join(', ');
    console.log(
      `yaml-cases.json: ${agreed} of ${cases.length} cases agree, ${refusedRightly} of them by a refusal; read as kubectl does, or where the parser does not: ${otherwise}`,
    );
  });

  it.each(cases)('$name', async ({ name, bytes, go }) => {
    const read = await readByRenderer({ bytes, at: cases.findIndex((other) => other.name === name) });
    const isWrong = go.some(({ err, strict }) => err !== undefined || strict !== undefined);
    if (read instanceof ConvergeError) {
      expect(read).toMatchObject({ code: 'RenderFailed', disposition: 'refuse' });
      if (!isWrong) expect(read.message).toMatch(refusedHere[name] ?? /a refusal is wrong here/);
      refusedRightly += 1;
    } else {
      if (readHere[name] === undefined) expect(go.map(({ err }) => err).filter((err) => err !== undefined)).toEqual([]);
      expect(read.map(canonicalJson)).toEqual(
        expandLists(readHere[name] ?? readByKubectl[name] ?? go.map(({ json }) => json)).map(canonicalJson),
      );
    }
    if (readHere[name] === undefined && readByKubectl[name] === undefined) agreed += 1;
  });

  async function readByRenderer({
    bytes,
    at,
  }: {
    bytes: Case['bytes'];
    at: number;
  }): Promise<readonly unknown[] | ConvergeError> {
    const root = join(scratch, String(at));
    await mkdir(root);
    await writeFile(join(root, 'case.yaml'), Buffer.from(bytes, 'base64'));
    try {
      const { objects } = await renderer.render({
        root,
        sources: [{ kind: 'manifests', path: 'case.yaml' }],
        namespace: 'acme',
        kubernetesVersion: 'v1.36.3',
        apiVersions: ['v1'],
        absent: [],
        limits: { seconds: renderSeconds, mebibytes: 512 },
        seed: async () => expect.unreachable('manifests draw no random values'),
        lookup: undefined,
      });
      return objects.map(({ object }) => object);
    } catch (error) {
      if (error instanceof ConvergeError) return error;
      throw error;
    }
  }
});

/** As `kubectl apply` does: the items of lists, and nothing for an empty document. */
function expandLists(documents: readonly unknown[]): unknown[] {
  const listSchema = z.object({ kind: z.literal('List'), items: z.array(z.unknown()).nullable() });
  return documents.flatMap((document) => {
    if (document === null) return [];
    const list = listSchema.safeParse(document);
    return list.success ? expandLists(list.data.items ?? []) : [document];
  });
}

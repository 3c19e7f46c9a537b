import { describe, expect, it } from 'vitest';
import { documentLine } from '../../../shared/desired/document-line.ts';

const file = `# of the shop
apiVersion: v1
kind: ConfigMap
metadata:
  labels:
    name: web
  name: "colors" # of all
data:
  text: |
    kind: Deployment
    metadata:
      name: web
---

# the shop itself
apiVersion: apps/v1
kind: Deployment
metadata: # where
  name: web
spec: {}
--- # twice
kind: Service
metadata:
  name: web
---
kind: Service
metadata:
  namespace: other
  name: web
---
{kind: Secret, metadata: {name: keys}}
`;
const at = (kind: string, name: string, text = file) =>
  documentLine({
    text,
    id: { group: kind === 'Deployment' ? 'apps' : '', kind, namespace: undefined, name },
    namespace: 'shop',
  });

describe('the line of a manifest', () => {
  it('is that at which the document of the object begins', () => {
    expect(at('ConfigMap', 'colors')).toBe(2);
    expect(at('Deployment', 'web')).toBe(16);
    expect(at('Deployment', 'web', file.replaceAll('\n', '\r\n'))).toBe(16);
  });

  it.each([
    ['two documents say so', 'Service', 'web'],
    ['none says so', 'ConfigMap', 'web'],
    ['it is written in another style', 'Secret', 'keys'],
  ])('is not told where %s', (_why, kind, name) => {
    expect(at(kind, name)).toBeUndefined();
  });

  it('is not told of a list, of JSON, or of a file that only looks like one', () => {
    const item = 'kind: List\nitems:\n- kind: ConfigMap\n  metadata:\n    name: a\n';
    expect(at('ConfigMap', 'a', item)).toBeUndefined();
    expect(at('ConfigMap', 'a', '{"kind":"ConfigMap","metadata":{"name":"a"}}')).toBeUndefined();
    expect(at('ConfigMap', 'a', 'kind: ConfigMap\nkind: ConfigMap\nmetadata:\n  name: a\n')).toBeUndefined();
    expect(at('ConfigMap', 'a', '')).toBeUndefined();
  });
});

describe('the line of an object among namesakes', () => {
  const of = (head: string, metadata: string) => `${head}\nmetadata:\n  name: web\n${metadata}spec: {}\n`;
  const service = 'apiVersion: v1\nkind: Service';
  const inside = (namespace: string | undefined, group: string, text: string) =>
    documentLine({ text, id: { group, kind: 'Service', namespace, name: 'web' }, namespace: 'shop' });

  it('is that of its namespace, the environment’s where none is written', () => {
    const text = `${of(service, '')}---\n${of(service, '  namespace: blog # the other\n')}`;
    expect(inside('shop', '', text)).toBe(1);
    expect(inside('blog', '', text)).toBe(7);
    expect(inside('elsewhere', '', text)).toBeUndefined();
  });

  it('is that of its group', () => {
    const text = `${of(service, '')}---\n${of('apiVersion: serving.knative.dev/v1\nkind: Service', '')}`;
    expect(inside('shop', '', text)).toBe(1);
    expect(inside('shop', 'serving.knative.dev', text)).toBe(7);
  });

  it('is not that of another one, where its own is not written in block style', () => {
    const text = `{apiVersion: v1, kind: Service, metadata: {name: web}}\n---\n${of(service, '  namespace: blog\n')}`;
    expect(inside('shop', '', text)).toBeUndefined();
    expect(inside('blog', '', text)).toBe(3);
  });
});

describe('the line of a manifest of an editor that means well', () => {
  it.each([
    ['with a byte order mark', '\uFEFFkind: ConfigMap\nmetadata:\n  name: colors\n', 1],
    ['with one before the first mark of a document', '\uFEFF---\nkind: ConfigMap\nmetadata:\n  name: colors\n', 2],
    ['with a version of YAML', '%YAML 1.2\n---\nkind: ConfigMap\nmetadata:\n  name: colors\n', 3],
    ['with the end of a document', 'kind: A\nmetadata: {}\n...\n---\nkind: ConfigMap\nmetadata:\n  name: colors\n', 5],
    ['with an anchor', 'kind: ConfigMap\nmetadata:\n  name: &name colors\n', 1],
    ['with anchors of maps', 'kind: ConfigMap\nmetadata: &of # all\n  name: &name "colors"\n', 1],
    ['with a tag', 'kind: !!str ConfigMap\nmetadata:\n  name: !!str colors\n', 1],
    ['with keys in quotes', '"kind": "ConfigMap"\n"metadata":\n  "name": "colors"\n', 1],
    ['with a document that is empty', '---\n---\n# nothing\n---\nkind: ConfigMap\nmetadata:\n  name: colors\n', 5],
  ])('is told %s', (_how, text, line) => {
    expect(at('ConfigMap', 'colors', text)).toBe(line);
  });
});

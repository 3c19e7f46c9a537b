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
const at = (kind: string, name: string, text = file) => documentLine({ text, kind, name });

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

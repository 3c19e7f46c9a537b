import { describe, expect, it } from 'vitest';
import { renderHtml } from '../../../shared/report/html.ts';
import { renderText } from '../../../shared/report/plain.ts';
import { environmentOf, incidentOf, reportOf, surveyed } from './reported.ts';

const configMaps = { namespace: 'acme', kind: 'ConfigMap', count: 7, names: ['a', 'b'] };
const flow = (name: string) => `flowcontrol.apiserver.k8s.io/FlowSchema//${name}`;
const old = { desired: 'd', observed: 'o', apiVersion: 'flowcontrol.apiserver.k8s.io/v1beta3' };
const deprecated = {
  ...{ apiVersion: old.apiVersion, kind: 'FlowSchema', removedIn: '1.32', message: 'is deprecated' },
  use: 'flowcontrol.apiserver.k8s.io/v1 FlowSchema',
};

describe('what only clusters know', () => {
  it('is counted, and the first of it named', () => {
    const survey = { ...surveyed, undeclared: [configMaps] };
    const report = reportOf([environmentOf({ memory: { survey } })]);
    expect(report.undeclared).toEqual([{ environment: 'master/acme', cluster: 'production-eu', ...configMaps }]);
    const text = renderText(report);
    expect(text).toContain('Declared by nobody');
    expect(text).toContain('a, b and 5 more');
  });

  it('is said once of a namespace that several environments have', () => {
    const survey = { ...surveyed, undeclared: [configMaps] };
    const found = [
      environmentOf({ memory: { survey } }),
      environmentOf({ name: 'beta', memory: { survey } }),
      environmentOf({ name: 'far', cluster: 'production-us', memory: { survey } }),
    ];
    expect(reportOf(found).undeclared.map(({ environment }) => environment)).toEqual(['master/acme', 'master/far']);
  });

  it('names the objects of API versions that go, when, and what to write, the first first', () => {
    const later = {
      ...deprecated,
      apiVersion: 'a/v1',
      kind: 'Later',
      removedIn: null,
      use: null,
      message: 'is deprecated',
    };
    const sooner = { ...deprecated, apiVersion: 'b/v1', kind: 'Sooner', removedIn: '1.9' };
    const unused = { ...deprecated, kind: 'Unused' };
    const objects = {
      ...{ [flow('one')]: old, [flow('two')]: { ...old, apiVersion: 'flowcontrol.apiserver.k8s.io/v1' } },
      ...{ 'a/Later/n/x': { ...old, apiVersion: 'a/v1' }, 'b/Sooner/n/y': { ...old, apiVersion: 'b/v1' } },
    };
    const survey = { ...surveyed, deprecated: [later, deprecated, sooner, unused] };
    const report = reportOf([environmentOf({ memory: { survey, objects } })]);
    expect(report.deprecated).toMatchObject([
      { kind: 'Sooner', names: ['Sooner n/y'] },
      {
        ...{ apiVersion: 'flowcontrol.apiserver.k8s.io/v1beta3', kind: 'FlowSchema', removedIn: '1.32', count: 1 },
        ...{ names: ['FlowSchema one'], version: 'v1.31.4', use: deprecated.use },
      },
      { kind: 'Later', removedIn: null, use: null },
    ]);
    expect(renderText(report)).toContain('API versions that clusters will not serve for ever');
  });

  it('is not taken for nothing where it was not looked for, may not be listed, or has no room', () => {
    const survey = { ...surveyed, unlisted: ['Pod', 'Secret'], more: 12 };
    const found = [
      environmentOf({ memory: { survey } }),
      environmentOf({ name: 'new', memory: { survey: undefined } }),
    ];
    expect(reportOf(found).limits).toEqual([
      'Not looked for yet in the cluster of master/new: objects that nobody declares, and API versions that are to go.',
      'Objects that nobody declares may be there for master/acme of kinds that could not be listed: Pod, Secret (asked 2026-11-22 01:00 UTC).',
      'Nobody declares 12 more objects, of kinds that have no room here.',
    ]);
  });

  it('leaves room for what differs where a thousand environments may not list as many different kinds', () => {
    const found = Array.from({ length: 1_000 }, (_, index) => {
      const at = new Date(Date.parse(surveyed.at) + index * 60_000).toISOString();
      const unlisted = index % 2 === 0 ? ['Pod', 'Secret'] : ['Pod', `Kind${index}.example.com`];
      const incidents = [incidentOf({ id: `${index}` })];
      return environmentOf({ name: `e${index}`, incidents, memory: { survey: { ...surveyed, at, unlisted } } });
    });
    const report = reportOf(found);
    expect(report.limits.length).toBeLessThan(15);
    expect(report.limits).toContainEqual(
      expect.stringMatching(/^Objects that nobody declares .* 491 more environments/),
    );
    expect(renderHtml(report)).toContain('Deployment acme/web');
    expect(Buffer.byteLength(renderHtml(report))).toBeLessThan(100_000);
  });
});

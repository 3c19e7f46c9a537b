import { describe, expect, it } from 'vitest';
import { isSelected, selectorSchema, type Selectable } from '../../../shared/routing/selector.ts';

const alert: Selectable = {
  kind: 'environment',
  repositoryClass: 'master',
  environment: 'acme-shop',
  cluster: 'production-eu',
  labels: { customer: 'acme', tier: 'gold' },
  reason: 'Unhealthy',
  severity: 'error',
};
const upload: Selectable = { ...alert, kind: 'upload', environment: undefined, cluster: undefined, labels: {} };

describe('a selector', () => {
  it.each([
    [{ kinds: ['environment'] }, true],
    [{ kinds: ['upload', 'report'] }, false],
    [{ classes: ['master'] }, true],
    [{ classes: ['staging'] }, false],
    [{ environments: ['acme-*'] }, true],
    [{ environments: ['acme'] }, false],
    [{ environments: ['*'] }, true],
    [{ environments: ['*shop*'] }, true],
    [{ environments: ['ac*me-*op'] }, true],
    [{ environments: ['acme-shop*shop'] }, false],
    [{ clusters: ['production-*', 'test-*'] }, true],
    [{ labels: { customer: 'acme' } }, true],
    [{ labels: { customer: 'a*', tier: '*' } }, true],
    [{ labels: { customer: 'acme', tier: 'silver' } }, false],
    [{ labels: { region: '*' } }, false],
    [{ labels: { constructor: '*' } }, false],
    [{ reasons: ['Failed', 'Unhealthy'] }, true],
    [{ severities: ['critical'] }, false],
    [{ classes: ['master'], severities: ['warning'] }, false],
    [{ classes: ['master'], severities: ['error'] }, true],
  ])('that says %j is of the alert: %s', (said, expected) => {
    expect(isSelected(alert, [selectorSchema.parse(said)])).toBe(expected);
  });

  it('is one of several of which any is enough', () => {
    const selectors = [{ classes: ['staging'] }, { reasons: ['Unhealthy'] }].map((one) => selectorSchema.parse(one));
    expect(isSelected(alert, selectors)).toBe(true);
    expect(isSelected(alert, selectors.slice(0, 1))).toBe(false);
  });

  it('that is absent is of every alert, and none at all of no alert', () => {
    expect(isSelected(upload, undefined)).toBe(true);
    expect(isSelected(upload, [])).toBe(false);
  });

  it('takes no star for what an alert does not have', () => {
    expect(isSelected(upload, [selectorSchema.parse({ environments: ['*'] })])).toBe(false);
    expect(isSelected(upload, [selectorSchema.parse({ clusters: ['*'] })])).toBe(false);
  });

  it('of a thousand stars takes no time', () => {
    const environment = 'a'.repeat(50_000);
    const environments = [`${'a*'.repeat(1_000)}b`];
    expect(isSelected({ ...alert, environment }, [selectorSchema.parse({ environments })])).toBe(false);
  });

  it.each([{}, { environment: ['acme'] }, { severities: ['bad'] }, { kinds: [] }, { labels: { '': 'x' } }])(
    'that says %j is refused',
    (said) => expect(selectorSchema.safeParse(said).success).toBe(false),
  );
});

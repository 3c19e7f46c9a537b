import { expect, it } from 'vitest';
import { deprecationOf } from '../../../shared/objects/deprecation.ts';

it.each([
  [
    'flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema is deprecated in v1.29+, unavailable in v1.32+; use flowcontrol.apiserver.k8s.io/v1 FlowSchema',
    '1.32',
    'flowcontrol.apiserver.k8s.io/v1 FlowSchema',
  ],
  ['policy/v1beta1 PodSecurityPolicy is deprecated in v1.21+, unavailable in v1.25+', '1.25', null],
  [
    'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
    null,
    'discovery.k8s.io/v1 EndpointSlice',
  ],
  ['example.com/v1alpha1 CronTab is deprecated', null, null],
])('reads %s', (message, removedIn, use) => {
  expect(deprecationOf(message)).toEqual({ removedIn, use, message });
});

it('takes nothing else for one, and keeps no more than a sentence', () => {
  expect(deprecationOf('spec.foo is unknown')).toBeUndefined();
  expect(deprecationOf(`deprecated ${'x'.repeat(1000)}`)?.message).toHaveLength(300);
});

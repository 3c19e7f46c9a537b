import { expect, it } from 'vitest';
import { mayPass } from '../../../shared/base/http-status.ts';

it.each([
  [408, true],
  [423, true],
  [425, true],
  [429, true],
  [500, true],
  [503, true],
  [599, true],
  [200, false],
  [304, false],
  [400, false],
  [403, false],
  [404, false],
  [409, false],
  [412, false],
])('%i may pass: %s', (status, passes) => {
  expect(mayPass(status)).toBe(passes);
});

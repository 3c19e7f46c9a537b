import { describe, expect, it } from 'vitest';
import { mayPass } from '../../../../shared/base/http-status.ts';
import { connectionError, lostRace, pushRefused, statusError } from '../../../../shared/adapters/git/errors.ts';

const subject = 'https://git.example.com/family/master.git';

describe('what an answer of the host means', () => {
  it.each([
    [301, 'GitRefused', 'redirects'],
    [400, 'GitRefused', 'refuses the request'],
    [401, 'GitRefused', 'does not accept the credentials'],
    [403, 'GitRefused', 'does not permit'],
    [404, 'GitRefused', 'not there, or not visible'],
    [407, 'GitRefused', 'proxy does not accept'],
    [408, 'GitUnavailable', 'gave up waiting'],
    [422, 'GitRefused', 'refuses the request'],
    [429, 'GitUnavailable', 'limits how often'],
    [500, 'GitUnavailable', 'failed'],
    [502, 'GitUnavailable', 'failed'],
    [503, 'GitUnavailable', 'failed'],
    [700, 'GitUnavailable', 'did not answer as it should'],
  ])('%i: %s', (status, code, problem) => {
    const error = statusError({ subject, status, words: 'its words', asksToWait: false });
    expect(error).toMatchObject({ code, subject, disposition: code === 'GitRefused' ? 'refuse' : 'retry' });
    expect(error.problem).toContain(problem);
    expect(error.problem).toMatch(/\(HTTP \d+\): its words$/);
  });

  it('is to be tried again exactly where the status may pass', () => {
    for (let status = 400; status < 600; status++) {
      const { disposition } = statusError({ subject, status, words: '', asksToWait: false });
      expect(disposition, String(status)).toBe(mayPass(status) ? 'retry' : 'refuse');
    }
  });

  it('is a limit where GitHub says 403 and when to come back', () => {
    expect(statusError({ subject, status: 403, words: '', asksToWait: true })).toMatchObject({
      code: 'GitUnavailable',
      disposition: 'retry',
    });
  });
});

describe('what a broken connection means', () => {
  it.each([
    ['ENOTFOUND', 'retry', "can't be resolved"],
    ['EAI_AGAIN', 'retry', "can't be resolved"],
    ['ECONNREFUSED', 'retry', "can't be reached"],
    ['EHOSTUNREACH', 'retry', "can't be reached"],
    ['UND_ERR_CONNECT_TIMEOUT', 'retry', 'in time'],
    ['ETIMEDOUT', 'retry', 'in time'],
    ['ECONNRESET', 'retry', 'closed the connection'],
    ['UND_ERR_SOCKET', 'retry', 'closed the connection'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'refuse', 'not trusted'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'refuse', 'not trusted'],
    ['CERT_HAS_EXPIRED', 'refuse', 'not trusted'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'refuse', 'not trusted'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'refuse', 'does not speak TLS'],
    ['ESOMETHING', 'retry', 'did not answer as it should'],
  ])('%s: %s', (code, disposition, problem) => {
    const error = connectionError({
      subject,
      error: new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code }) }),
    });
    expect(error).toMatchObject({ subject, disposition });
    expect(error.problem).toContain(problem);
  });

  it('is told of a request that took too long, and of one that several addresses refused', () => {
    const late = new DOMException('late', 'TimeoutError');
    expect(connectionError({ subject, error: late }).problem).toContain('in time');
    const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    expect(connectionError({ subject, error: new AggregateError([refused, refused]) }).problem).toContain(
      "can't be reached",
    );
  });
});

it.each([
  ['protected branch hook declined', 'protection'],
  [
    'pre-receive hook declined; GitLab: You are not allowed to push code to protected branches on this project.',
    'protection',
  ],
  ['push declined due to repository rule violations', 'protection'],
  ['pre-receive hook declined; only on weekdays', "host's hook"],
  ['shallow update not allowed', 'receive.shallowUpdate'],
  ['non-fast-forward', 'rewritten'],
  ['something else', 'hooks'],
])('a push is refused with the words %j', (words, remedy) => {
  const error = pushRefused({ subject, words });
  expect(error).toMatchObject({ code: 'GitRefused', disposition: 'refuse', problem: `refused the push: ${words}` });
  expect(error.remedy).toContain(remedy);
});

it.each([
  ['failed to update ref', true],
  ['incorrect old value provided', true],
  ['cannot lock ref', true],
  ['pre-receive hook declined', false],
])('%j lost a race: %s', (result, expected) => {
  expect(lostRace(result)).toBe(expected);
});

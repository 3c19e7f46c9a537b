import { describe, expect, it } from 'vitest';
import { ConvergeError, type ErrorCode } from '../../../shared/base/errors.ts';
import { failureLine } from '../../../shared/base/failure-line.ts';

const failure = (code: ErrorCode, disposition: 'retry' | 'refuse'): ConvergeError =>
  new ConvergeError({ code, subject: 'environments/master/acme/lease.json', message: 'is so', disposition });
const lineOf = (error: unknown) => failureLine(error, { stage: 'reconcile', subject: 'master/acme' });

describe('the line of a message that is given back', () => {
  it.each(['LeaseHeld', 'StaleLook', 'IntakeBusy'] as const)(
    'is no warning, and has no stack, where others are at work (%s)',
    (code) => {
      const { severity, message, fields } = lineOf(failure(code, 'retry'));
      expect({ severity, message }).toEqual({ severity: 'INFO', message: 'reconcile comes again' });
      expect(fields).toEqual({ code, error: 'environments/master/acme/lease.json: is so' });
    },
  );

  it('is a warning where something does not answer', () => {
    const line = lineOf(failure('StorageUnavailable', 'retry'));
    expect(line).toMatchObject({ severity: 'WARNING', message: 'reconcile failed', refused: undefined });
    expect(line.fields).toEqual({ code: 'StorageUnavailable', error: expect.stringContaining('is so') });
  });

  it('is a warning where the run itself was ended by another', () => {
    expect(lineOf(failure('LeaseLost', 'retry'))).toMatchObject({ severity: 'WARNING', message: 'reconcile failed' });
  });

  it('says where the program failed, in one line with all else', () => {
    const { severity, fields } = lineOf(new Error('socket hang up'));
    expect(severity).toBe('WARNING');
    expect(fields).toMatchObject({ error: 'socket hang up', stack: expect.stringContaining('failure-line.test.ts') });
  });
});

describe('the line of a message that is refused', () => {
  it('is an error', () => {
    const error = failure('InvalidEvent', 'refuse');
    expect(lineOf(error)).toMatchObject({ severity: 'ERROR', message: 'reconcile failed', refused: error });
  });

  it('says where the program failed', () => {
    const { severity, fields, refused } = lineOf(new RangeError('Invalid array length'));
    expect(severity).toBe('ERROR');
    expect(refused).toMatchObject({ code: 'Unforeseen', subject: 'master/acme' });
    expect(fields).toMatchObject({ code: 'Unforeseen', stack: expect.stringContaining('failure-line.test.ts') });
  });
});

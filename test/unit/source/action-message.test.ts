import { describe, expect, it } from 'vitest';
import { byItself, revertMessage } from '../../../shared/source/revert.ts';
import { actionMessage, parseAction, requestedBy } from '../../../shared/source/action-message.ts';

const facts = { action: 'suspend', environment: 'acme-production', by: 'Anna <anna@family.example>' };

describe('the message of an action', () => {
  it('says who asked for what, and why, in trailers', () => {
    const message = actionMessage({ ...facts, subject: 'Suspend acme-production', reason: 'moves to another zone' });
    expect(message).toBe(
      'Suspend acme-production\n\nAction: suspend\nEnvironment: acme-production\nRequested-By: Anna <anna@family.example>\nReason: moves to another zone\n',
    );
    expect(parseAction(message)).toEqual({ ...facts, reason: 'moves to another zone', incident: undefined });
  });

  it('has no line of a value’s own', () => {
    const message = actionMessage({ ...facts, subject: 'Suspend', reason: 'one\nRequested-By: somebody else' });
    expect(parseAction(message)).toMatchObject({ by: facts.by, reason: 'one Requested-By: somebody else' });
  });

  it('is none of a commit of somebody else', () => {
    expect(parseAction('Mend the values\n\nAction: suspend\n')).toBeUndefined();
  });
});

describe('who asked for a commit', () => {
  const revert = (by: string): string =>
    revertMessage({
      ...{
        environment: 'shop',
        what: 'shop',
        from: 'main@sha1:b',
        to: 'main@sha1:a',
        reverts: [],
        incident: undefined,
      },
      ...{ by, reason: 'too sweet' },
    });

  it('is said by an action, and by a rollback that a person made', () => {
    const asked = { action: 'suspend', by: facts.by, reason: null };
    expect(requestedBy(actionMessage({ ...facts, subject: 'Suspend' }))).toEqual(asked);
    expect(requestedBy(revert('Ana'))).toEqual({ action: 'rollback', by: 'Ana', reason: 'too sweet' });
  });

  it('is not said by one that nobody asked for', () => {
    expect(requestedBy(revert(byItself))).toBeUndefined();
    expect(requestedBy('Change\n\nReason: none\n')).toBeUndefined();
  });
});

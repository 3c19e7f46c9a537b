import { describe, expect, it } from 'vitest';
import { actionNames, actionRights } from '../../../shared/access/action-names.ts';
import {
  assertMay,
  assertMaySomewhere,
  judgeAction,
  rightsOn,
  type ActionScope,
} from '../../../shared/access/judge-action.ts';
import { peopleSchema, type Caller, type People } from '../../../shared/access/people.ts';
import { actionSchema } from '../../../shared/pipeline/act/action.ts';

const account = (email: string, domain?: string): Caller => ({ kind: 'account', email, domain });
const shop: ActionScope = { repository: 'master', environment: 'shop' };
const allOfMaster: ActionScope = { repository: 'master', environment: undefined };
const all: ActionScope = { repository: undefined };

describe('an action', () => {
  /** With the one action that is asked for in the place of its name. */
  const roles: Readonly<
    Record<
      string,
      {
        email?: string;
        domain?: string;
        entry: (action: (typeof actionRights)[number]) => People;
        may: readonly ActionScope[];
      }
    >
  > = {
    nobody: { entry: () => [], may: [] },
    'a person who only looks': { entry: () => [{ who: ['ana@family.example'] }], may: [] },
    'a person with every other action': {
      entry: (action) => [{ who: ['ana@family.example'], actions: actionRights.filter((one) => one !== action) }],
      may: [],
    },
    'a person with it in another class': {
      entry: (action) => [{ who: ['ana@family.example'], classes: ['staging'], actions: [action] }],
      may: [],
    },
    'a person with it in another environment': {
      entry: (action) => [{ who: ['ana@family.example'], environments: ['acme'], actions: [action] }],
      may: [],
    },
    'a person who sees this one by one entry, and acts in others by another': {
      entry: (action) => [
        { who: ['ana@family.example'] },
        { who: ['ana@family.example'], environments: ['acme'], actions: [action] },
      ],
      may: [],
    },
    'a person with it here': {
      entry: (action) => [
        { who: ['ana@family.example'], classes: ['master'], environments: ['sho*'], actions: [action] },
      ],
      may: [shop],
    },
    'a person with it in this class': {
      entry: (action) => [{ who: ['ana@family.example'], classes: ['master'], actions: [action] }],
      may: [shop, allOfMaster],
    },
    'a person with it everywhere': {
      entry: (action) => [{ who: ['ana@family.example'], actions: [action] }],
      may: [shop, allOfMaster, all],
    },
    'a person of `*`': {
      entry: () => [{ who: ['ana@family.example'], classes: ['*'], environments: ['*'], actions: ['*'] }],
      may: [shop, allOfMaster, all],
    },
    'a person of a domain with it': {
      domain: 'family.example',
      entry: (action) => [{ who: ['*@family.example'], actions: [action] }],
      may: [shop, allOfMaster, all],
    },
    'a stranger with an address of that domain': {
      entry: (action) => [{ who: ['*@family.example'], actions: [action] }],
      may: [],
    },
    'CI, whatever the list says': {
      email: 'converge-ci-master@family.iam.gserviceaccount.com',
      entry: () => [{ who: ['converge-ci-master@family.iam.gserviceaccount.com'], actions: ['*'] }],
      may: [],
    },
    'whoever calls a function of the flow, whose domain may': {
      email: 'push@family.example',
      domain: 'family.example',
      entry: () => [{ who: ['*@family.example'], actions: ['*'] }],
      may: [],
    },
  };
  const functions = { reconcile: { audiences: ['https://reconcile'], callers: ['Push@family.example'] } };

  it.each(Object.entries(roles).flatMap(([who, role]) => actionRights.map((right) => ({ who, right, ...role }))))(
    '$right of $who',
    ({ right, email = 'ana@family.example', domain, entry, may }) => {
      const asks = { access: { people: entry(right), functions }, caller: account(email, domain), right };
      const allowed = [shop, allOfMaster, all].filter((scope) => judgeAction({ ...asks, scope }).may);
      expect(allowed).toEqual(may);
      for (const scope of [shop, allOfMaster, all]) {
        const judged = judgeAction({ ...asks, scope });
        if (!judged.may) expect(judged.reason).toMatch(/^(is|may not|calls) .{20,}/);
      }
    },
  );

  it.each<{ caller: Caller; scope: ActionScope; says: string }>([
    {
      caller: account('ci@family.iam.gserviceaccount.com'),
      scope: shop,
      says: 'ci@family.iam.gserviceaccount.com: is a service account, as CI has: actions are for people alone',
    },
    {
      caller: account('push@family.example'),
      scope: shop,
      says: 'push@family.example: calls a function of the flow: actions are for people alone',
    },
    {
      caller: account('mallory@family.example'),
      scope: shop,
      says: 'mallory@family.example: is not among `access.people`: the operator adds who may do what',
    },
    {
      caller: account('ana@family.example'),
      scope: { repository: 'master', environment: 'acme' },
      says: 'ana@family.example: may not suspend master/acme: no entry of `access.people` with this address has that among its `actions`',
    },
    {
      caller: account('ana@family.example'),
      scope: allOfMaster,
      says: 'ana@family.example: may not suspend what is of all of master: no entry of `access.people` with this address has that among its `actions`',
    },
  ])('is refused with a sentence: $says', ({ caller, scope, says }) => {
    const people = [{ who: ['ana@family.example'], environments: ['shop'], actions: ['suspend' as const] }];
    const asks = { access: { people, functions }, caller, right: 'suspend' as const };
    expect(() => assertMay({ ...asks, scope })).toThrow(expect.objectContaining({ code: 'NotAllowed', message: says }));
    const somewhere = (): void => assertMaySomewhere(asks);
    if (caller.kind === 'account' && caller.email === 'ana@family.example') expect(somewhere).not.toThrow();
    else expect(somewhere).toThrow(says);
  });

  it('is all of an environment that a person may do', () => {
    const people = [
      { who: ['ana@family.example'], environments: ['shop'], actions: ['suspend' as const, 'resume' as const] },
      { who: ['ana@family.example'], classes: ['master'], actions: ['override-freeze' as const] },
    ];
    const asks = { access: { people }, caller: account('ana@family.example') };
    expect(rightsOn({ ...asks, scope: shop })).toEqual(['suspend', 'resume', 'override-freeze']);
    expect(rightsOn({ ...asks, scope: { repository: 'staging', environment: 'shop' } })).toEqual(['suspend', 'resume']);
    expect(rightsOn({ ...asks, caller: { kind: 'anybody' }, scope: shop })).toEqual(actionRights);
  });

  it('has one name', () => {
    expect(actionSchema.options.map(({ shape }) => shape.action.value)).toEqual(actionNames);
  });

  it('is refused at load where there is none of that name', () => {
    const { error } = peopleSchema.safeParse([{ who: ['ana@family.example'], actions: ['suspned'] }]);
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['0.actions.0']);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { gitHostGrants, storageGrants } from '../../local/fronts/storage-grants.ts';
import { allows, customRolesOf, grantsOf, readPermissions, type Grant, type Row } from './permissions.ts';
import { ofType, planOf, text, type Resource } from './plan.ts';
import { examples, startTofu, type Example, type Tofu } from './tofu.ts';

let tofu: Tofu;
let rows: readonly Row[];
let roles: ReadonlyMap<string, readonly string[]>;
const plans = new Map<Example, readonly Resource[]>();
const planned = (example: Example): readonly Resource[] => plans.get(example) ?? [];

beforeAll(async () => {
  tofu = await startTofu();
  ({ rows, roles } = await readPermissions());
  for (const example of examples) plans.set(example, await planOf(tofu, example));
});
afterAll(async () => tofu.stop());

/** A row for each beginning of names. */
function rowsOf(grants: typeof storageGrants): Row[] {
  return grants.flatMap(({ who, role, on, names }): Row[] =>
    (names.length === 0 ? [[]] : names.map((name) => [name])).map((of) => {
      return { who, role, kind: on, names: of, why: 'the sandbox' };
    }),
  );
}

describe('the permissions on Google Cloud', () => {
  it.each(examples)('are those of the table, and no others: %s', (example) => {
    const grants = grantsOf(planned(example));
    expect(grants.length).toBeGreaterThan(40);
    expect(grants.filter((grant) => !rows.some((row) => allows(row, grant)))).toEqual([]);
  });

  it('need every row of the table, but for what an operator has to ask for', () => {
    const grants = examples.flatMap((example) => grantsOf(planned(example)));
    const unused = rows.filter(
      (row) => !/`(kubernetes_developer|git_hosts)`/.test(row.why) && !grants.some((grant) => allows(row, grant)),
    );
    expect(unused).toEqual([]);
  });

  it('are those that the sandbox holds functions and CI to, where they ask Storage', () => {
    const inSandbox = rowsOf(storageGrants);
    const held = new Set(inSandbox.map(({ who }) => who));
    // The sandbox's pipelines are of those without `objects`.
    const isConfined = ({ who, kind, names }: Grant): boolean => who === 'ci' && kind === 'uploads' && names.length > 0;
    const grants = examples
      .flatMap((example) => grantsOf(planned(example)))
      .filter(({ who, kind }) => held.has(who) && ['uploads', 'state'].includes(kind))
      .filter((grant) => !isConfined(grant));
    expect(grants.filter((grant) => !inSandbox.some((row) => allows(row, grant)))).toEqual([]);
    expect(inSandbox.filter((row) => !grants.some((grant) => allows(row, grant)))).toEqual([]);
  });

  it('are those that the sandbox holds who tells Git hosts to', () => {
    const ofState = rows.filter(({ kind, why }) => kind === 'state' && why.includes('`git_hosts`'));
    const facts = ({ who, role, names }: Row) => [who, role, ...names];
    expect(rowsOf(gitHostGrants).map(facts)).toEqual(ofState.map(facts));
  });

  it('have roles of our own with exactly the permissions of the table', () => {
    const defined = new Map(examples.flatMap((example) => [...customRolesOf(planned(example))]));
    expect(defined).toEqual(roles);
  });

  it.each(examples)('are given to one member at a time, so that nobody else loses any: %s', (example) => {
    expect(planned(example).filter(({ type }) => /_iam_(binding|policy)$/.test(type))).toEqual([]);
  });

  it.each(examples)('let no function read the uploads of another class, or write the state of one: %s', (example) => {
    const strangers = ofType(planned(example), 'google_storage_bucket_iam_member').filter((grant) => {
      const repositoryClass = /^serviceAccount:converge-copy-([a-z-]+)@/.exec(String(grant.values['member']))?.[1];
      if (repositoryClass === undefined) return false;
      const bucket = text(grant, 'bucket');
      const condition = JSON.stringify(grant.values['condition'] ?? []);
      return (
        !bucket.endsWith(`-converge-${repositoryClass}`) &&
        !(bucket.endsWith('-converge-state') && (condition === '[]' || condition.includes(`/${repositoryClass}`)))
      );
    });
    expect(strangers).toEqual([]);
  });

  it.each(examples)(
    'let a function read the secrets that are mounted into it, and no others but kubeconfigs: %s',
    (example) => {
      const mounts = z.array(z.object({ secret_volumes: z.array(z.object({ secret: z.string() })) }));
      const functions = ofType(planned(example), 'google_cloudfunctions2_function');
      const read = new Set(
        functions.flatMap((each) => {
          const [service] = mounts.parse(each.values['service_config']);
          return (service?.secret_volumes ?? []).map(
            ({ secret }) => `${each.address.replace(/\.google_.*$/, '')} ${secret}`,
          );
        }),
      );
      const granted = ofType(planned(example), 'google_secret_manager_secret_iam_member').filter(
        ({ address }) => !address.includes('reads_kubeconfigs'),
      );
      expect(
        new Set(
          granted.map(
            (grant) => `${grant.address.replace(/\.google_.*$/, '')} ${text(grant, 'secret_id').replace(/^.*\//, '')}`,
          ),
        ),
      ).toEqual(read);
    },
  );

  it('let nobody in whom nobody asked for', () => {
    const open = examples.map((example) =>
      grantsOf(planned(example))
        .filter(({ who }) => who === 'public')
        .map(({ kind, names }) => `${kind} ${names.join(' ')}`),
    );
    expect(open).toEqual([[], ['functions receive-push']]);
  });
});

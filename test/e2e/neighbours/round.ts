import type { ApiResource } from '../../../shared/objects/cluster-api.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import { partOfLabel } from '../../../shared/inventory/applyset.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import type { ReconcileResult } from '../../../shared/pipeline/reconcile.ts';
import { Killed, pushUnheard, type InProcess } from '../in-process.ts';
import { environmentFile, eventually, type Clone, type Files, type World } from '../world.ts';
import { drawFrom } from '../../seeded-draw.ts';
import { contentOf, isInventory, titleOf, violations, type Rights, type Snapshot, type Title } from './rights.ts';

export const stepNames = [
  'copy',
  'class',
  'hook',
  'rename',
  'restore',
  'adopt',
  'forget',
  'kill',
  'drop',
  'change',
  'remove',
  'person',
  'refer',
  'move',
  'serve',
] as const;
export type StepName = (typeof stepNames)[number];

type Class = 'master' | 'staging';

/** An object as a Git repository declares it. */
interface Declared {
  readonly kind: 'ConfigMap' | 'Secret' | 'Service' | 'Namespace' | 'PersistentVolumeClaim';
  readonly namespace: string | undefined;
  readonly name: string;
  readonly value: string;
  /** The delete policies of a hook; absent: an ordinary object. */
  readonly hook?: string;
}

interface Environment {
  readonly class: Class;
  readonly name: string;
  readonly namespace: string;
  readonly previousNames: readonly string[];
  readonly adopt: boolean;
  readonly deletion: 'prune' | 'release';
  readonly objects: readonly Declared[];
  /** Documents beside, as they stand. */
  readonly beside: readonly string[];
}

export interface Round {
  readonly steps: readonly StepName[];
  /** What was done, for people who replay it. */
  readonly story: readonly string[];
  readonly violations: readonly string[];
}

export interface Stage {
  readonly world: World;
  readonly inProcess: InProcess;
  readonly clones: Readonly<Record<Class, Clone>>;
}

const kinds: Readonly<Record<Declared['kind'], ApiResource>> = {
  ConfigMap: { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
  Secret: { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true },
  Service: { group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true },
  PersistentVolumeClaim: {
    group: '',
    version: 'v1',
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    namespaced: true,
  },
  Namespace: { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false },
};
const ordinaryKinds = ['ConfigMap', 'Secret', 'Service'] as const;

/** What no environment can be rendered with. */
const unreadable = 'kind: [';

/** Plays one round: two to four environments, and six things that happen to them and to their neighbours. */
export async function playRound({ world, inProcess, clones }: Stage, seed: number): Promise<Round> {
  const draw = drawFrom(seed);
  const places = [`r${seed}-a`, `r${seed}-b`];
  const environments: Environment[] = [];
  const rights = new Map<Title, Rights>();
  const story: string[] = [];
  const steps: StepName[] = [];
  const found: string[] = [];
  let names = 0;
  const fresh = (what: string): string => `${what}${++names}`;

  for (const name of places)
    await world.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  for (let index = 0; index < 2 + draw.below(2); index++) found.push(...(await addEnvironment()));
  await settle('begin');

  for (let index = 0; index < 6; index++) {
    const step = draw.one(stepNames) ?? 'change';
    if (!(await take(step))) continue;
    steps.push(step);
    await settle(step);
    if (found.length > 0) break;
  }
  await leave();
  return { steps, story, violations: found };

  // --- What happens ----------------------------------------------------------------------------------------------

  async function addEnvironment(): Promise<string[]> {
    const namespace = draw.one(places) ?? '';
    add({
      class: draw.chance(60) ? 'master' : 'staging',
      name: `r${seed}-${fresh('e')}`,
      namespace,
      previousNames: [],
      objects: [object({ namespace }), object({ namespace })],
    });
    return [];
  }

  function add(environment: Omit<Environment, 'adopt' | 'deletion' | 'beside'>): Environment {
    const added: Environment = {
      ...environment,
      beside: [],
      adopt: draw.chance(50),
      deletion: draw.chance(50) ? 'prune' : 'release',
    };
    environments.push(added);
    story.push(`environment ${keyOf(added)} in ${added.namespace}: ${added.objects.map(told).join(', ')}`);
    return added;
  }

  function object({ namespace }: { namespace: string }): Declared {
    return { kind: draw.one(ordinaryKinds) ?? 'ConfigMap', namespace, name: fresh('o'), value: fresh('v') };
  }

  /**
   * Whether the step could be taken. What it does by itself is no deed of Converge's: the snapshot is taken after it.
   */
  async function take(step: StepName): Promise<boolean> {
    const actor = draw.one(environments);
    const objects = await live();
    const members = [...objects.values()]
      .filter(({ object: one }) => one.metadata.labels?.[partOfLabel] !== undefined)
      .map((one) => one.object);
    switch (step) {
      case 'person': {
        const made = await make(
          {
            kind: draw.one(['ConfigMap', 'Secret', 'PersistentVolumeClaim'] as const) ?? 'ConfigMap',
            namespace: draw.one(places),
            name: fresh('p'),
            value: fresh('v'),
          },
          {},
        );
        story.push(`a person makes ${made}`);
        return true;
      }
      case 'copy': {
        const source = draw.one(members);
        if (source === undefined) return false;
        const withAnnotations = draw.chance(50);
        const asConverge = draw.chance(25);
        const declared: Declared = {
          kind: draw.one(ordinaryKinds) ?? 'Secret',
          namespace: source.metadata.namespace ?? places[0],
          name: fresh('c'),
          value: fresh('v'),
        };
        const metadata = {
          labels: source.metadata.labels,
          ...(withAnnotations || asConverge ? { annotations: source.metadata.annotations } : {}),
          ...(draw.chance(50) ? { ownerReferences: [await controllerIn(declared.namespace ?? '')] } : {}),
        };
        const made = await make(declared, metadata, asConverge ? ['--server-side', '--field-manager=converge'] : []);
        story.push(
          `${made} copies the ${withAnnotations || asConverge ? 'labels and annotations' : 'labels'} of ${titleOf(source)}${asConverge ? ', written as converge' : ''}`,
        );
        return true;
      }
      case 'class': {
        if (actor === undefined) return false;
        const other: Class = actor.class === 'master' ? 'staging' : 'master';
        if (environments.some((one) => one.class === other && one.name === actor.name)) return false;
        add({
          class: other,
          name: actor.name,
          namespace: draw.chance(70) ? actor.namespace : (draw.one(places) ?? ''),
          previousNames: [],
          objects: [object({ namespace: actor.namespace })],
        });
        return true;
      }
      case 'hook': {
        const target = draw.one([...objects.values()])?.object;
        if (actor === undefined || target === undefined) return false;
        const policy =
          draw.one(['before-hook-creation', 'hook-succeeded', 'before-hook-creation,hook-succeeded', 'hook-failed']) ??
          '';
        const hook = declaredOf(target, { hook: policy });
        if (
          environments.some(
            (one) =>
              keyOf(one) === keyOf(actor) && one.objects.some((declared) => identityOf(declared) === titleOf(target)),
          )
        )
          return false;
        change(actor, { objects: [...actor.objects, hook] });
        story.push(`${keyOf(actor)} has a hook ${identityOf(hook)} (${policy})`);
        return true;
      }
      case 'rename': {
        if (actor === undefined) return false;
        const isTheft = draw.chance(40);
        const name = `r${seed}-${fresh('e')}`;
        if (isTheft) {
          const thief: Class = draw.chance(50) ? actor.class : actor.class === 'master' ? 'staging' : 'master';
          add({
            class: thief,
            name,
            namespace: actor.namespace,
            previousNames: [actor.name],
            objects: [object({ namespace: actor.namespace })],
          });
          story.push(`${thief}/${name} says that it was called ${actor.name}`);
          return true;
        }
        environments.splice(environments.indexOf(actor), 1);
        environments.push({ ...actor, name, previousNames: [actor.name] });
        takeLeave(actor);
        for (const right of rights.values()) if (right.owner === keyOf(actor)) right.owner = `${actor.class}/${name}`;
        for (const right of rights.values())
          if (right.takers.delete(keyOf(actor))) right.takers.add(`${actor.class}/${name}`);
        for (const right of rights.values())
          if (right.movedTo === keyOf(actor)) right.movedTo = `${actor.class}/${name}`;
        await push({
          class: actor.class,
          files: {
            [fileOf(actor)]: undefined,
            [folderOf(actor)]: undefined,
            ...filesOf({ ...actor, name, previousNames: [actor.name] }),
          },
        });
        story.push(`${keyOf(actor)} is renamed to ${name}`);
        return true;
      }
      case 'restore': {
        const target = draw.one(members);
        if (target === undefined) return false;
        story.push(await restore(target));
        return true;
      }
      case 'adopt': {
        const target = draw.one(
          [...objects.values()].filter(
            ({ object: one }) => one.kind !== 'PersistentVolumeClaim' && !isInventory(titleOf(one)),
          ),
        )?.object;
        if (
          actor === undefined ||
          target === undefined ||
          actor.objects.some((declared) => identityOf(declared) === titleOf(target))
        )
          return false;
        const wanted = declaredOf(target, {});
        change(actor, { objects: [...actor.objects, wanted] });
        const right = rights.get(titleOf(target));
        if (right !== undefined && (right.owner === 'person' || right.owner === 'nobody' || right.mayGo)) {
          right.takers.add(keyOf(actor));
          right.mayChange = true;
        }
        story.push(`${keyOf(actor)} wants ${identityOf(wanted)} of ${right?.owner ?? 'somebody'}`);
        return true;
      }
      case 'forget': {
        if (actor === undefined) return false;
        await world.pipeline.clients.storage
          .bucket(world.pipeline.stateBucket)
          .file(statePaths({ repository: actor.class, environment: actor.name }).memory)
          .delete({ ignoreNotFound: true });
        story.push(`the memory of ${keyOf(actor)} is lost`);
        return true;
      }
      case 'kill': {
        if (actor === undefined) return false;
        const at = 1 + draw.below(40);
        change(actor, {
          objects: actor.objects.map((declared) =>
            declared.hook === undefined ? { ...declared, value: fresh('v') } : declared,
          ),
        });
        await push({ class: actor.class, files: filesOf(current(actor)) });
        await runOnce(current(actor), (count) => count === at);
        story.push(`a run of ${keyOf(actor)} is killed at its call ${at}`);
        return true;
      }
      case 'drop': {
        const dropped = draw.one(actor?.objects ?? []);
        if (actor === undefined || dropped === undefined || actor.objects.length < 2) return false;
        change(actor, { objects: actor.objects.filter((declared) => declared !== dropped) });
        const right = rights.get(identityOf(dropped));
        if (
          dropped.hook === undefined &&
          right !== undefined &&
          (right.owner === keyOf(actor) || right.takers.has(keyOf(actor)))
        )
          giveUp(right);
        story.push(`${keyOf(actor)} drops ${identityOf(dropped)}`);
        return true;
      }
      case 'change': {
        const changed = draw.one(actor?.objects.filter((declared) => declared.hook === undefined) ?? []);
        if (actor === undefined || changed === undefined) return false;
        change(actor, {
          objects: actor.objects.map((declared) =>
            declared === changed ? { ...declared, value: fresh('v') } : declared,
          ),
        });
        const right = rights.get(identityOf(changed));
        if (right !== undefined && (right.owner === keyOf(actor) || right.takers.has(keyOf(actor))))
          right.mayChange = true;
        story.push(`${keyOf(actor)} changes ${identityOf(changed)}`);
        return true;
      }
      case 'remove': {
        if (actor === undefined || environments.length < 2) return false;
        environments.splice(environments.indexOf(actor), 1);
        await push({ class: actor.class, files: { [fileOf(actor)]: undefined, [folderOf(actor)]: undefined } });
        for (const declared of actor.objects.filter(({ hook }) => hook === undefined)) {
          const right = rights.get(identityOf(declared));
          if (right === undefined || (right.owner !== keyOf(actor) && !right.takers.has(keyOf(actor)))) continue;
          // Whoever says that it was called so, in the same repository, is its successor now.
          const isSucceeded = environments.some(
            (one) => one.class === actor.class && one.previousNames.includes(actor.name),
          );
          if (actor.deletion === 'prune' || isSucceeded) giveUp(right);
          else if (right.owner === keyOf(actor)) {
            right.owner = 'nobody';
            for (const other of environments) if (wants(other, identityOf(declared))) right.takers.add(keyOf(other));
          }
        }
        for (const right of rights.values()) if (right.movedTo === keyOf(actor)) giveUp(right);
        takeLeave(actor);
        story.push(`${keyOf(actor)} is removed (${actor.deletion})`);
        await runOnce(actor);
        return true;
      }
      case 'refer': {
        const used = draw.one(
          actor?.objects.filter(
            (declared) => isHeld(actor, declared) && ['ConfigMap', 'Secret'].includes(declared.kind),
          ) ?? [],
        );
        if (actor === undefined || used === undefined || actor.objects.length < 2) return false;
        const pod = fresh('user');
        const source =
          used.kind === 'Secret' ? { secretRef: { name: used.name } } : { configMapRef: { name: used.name } };
        await world.apply(
          JSON.stringify({
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: pod, namespace: used.namespace },
            spec: { containers: [{ name: 'main', image: 'app:1', envFrom: [source] }] },
          }),
        );
        change(actor, { objects: actor.objects.filter((declared) => declared !== used) });
        story.push(`${keyOf(actor)} drops ${identityOf(used)}, which Pod ${pod} runs with`);
        await settle('refer');
        await world.kubectl('delete', 'pod', pod, '--namespace', used.namespace ?? '', '--grace-period=0', '--force');
        const right = rights.get(identityOf(used));
        if (right !== undefined) giveUp(right);
        return true;
      }
      case 'move': {
        const moved = draw.one(actor?.objects.filter((declared) => isHeld(actor, declared)) ?? []);
        // What another repository wants is known to no environment of this one: there, a move is a drop.
        const other = draw.one(
          environments.filter(
            (one) =>
              one !== actor &&
              one.class === actor?.class &&
              moved !== undefined &&
              !one.objects.some((declared) => identityOf(declared) === identityOf(moved)),
          ),
        );
        if (actor === undefined || moved === undefined || other === undefined || actor.objects.length < 2) return false;
        change(actor, { objects: actor.objects.filter((declared) => declared !== moved) });
        change(other, { objects: [...other.objects, moved], beside: [unreadable] });
        const right = rights.get(identityOf(moved));
        right?.takers.add(keyOf(other));
        if (right !== undefined) right.movedTo = keyOf(other);
        story.push(`${identityOf(moved)} moves from ${keyOf(actor)} to ${keyOf(other)}, which cannot be rendered`);
        await settle('move');
        change(current(other), { beside: [] });
        return true;
      }
      case 'serve': {
        if (actor === undefined) return false;
        const definition = (...served: readonly boolean[]): string => JSON.stringify(gadgets(seed, served));
        const gadget = fresh('g');
        const group = `r${seed}.neighbours.test`;
        await world.apply(definition(true, false));
        await world.kubectl(
          'wait',
          '--for=condition=established',
          `customresourcedefinition/gadgets.${group}`,
          '--timeout=60s',
        );
        change(actor, {
          beside: [
            JSON.stringify({
              apiVersion: `${group}/v1`,
              kind: 'Gadget',
              metadata: { name: gadget, namespace: actor.namespace },
            }),
          ],
        });
        await push({ class: actor.class, files: filesOf(current(actor)) });
        await runOnce(current(actor));
        const isThere = async (): Promise<boolean> =>
          (await world.kubectl('get', `gadgets.${group}`, '--namespace', actor.namespace, '--output', 'name')).includes(
            gadget,
          );
        const wasMade = await isThere();
        await world.apply(definition(false, true));
        await eventually('the version is served no more', async () =>
          world.kubectl('get', '--raw', `/apis/${group}/v1/gadgets`).then(
            () => false,
            () => true,
          ),
        );
        change(actor, { beside: [] });
        await push({ class: actor.class, files: filesOf(current(actor)) });
        // The first may be what tells of another trouble; a deletion that could not be tried is tried again by the
        // second.
        await runOnce(current(actor));
        const end = await runOnce(current(actor));
        // A revision that fails prunes nothing.
        const converges = end === 'converged' || end === 'unchanged';
        if (wasMade && converges && (await isThere()))
          found.push(`after serve: Gadget ${gadget} of ${keyOf(actor)} stayed behind`);
        story.push(
          `${keyOf(actor)} drops Gadget ${gadget}, whose version is served no more${wasMade ? '' : ' (it was never made)'}`,
        );
        return true;
      }
    }
  }

  /** Whether an environment has made or taken an object, and may lose or change it. */
  function isHeld(environment: Environment, declared: Declared): boolean {
    const right = rights.get(identityOf(declared));
    return (
      declared.hook === undefined &&
      right !== undefined &&
      right.owner === keyOf(environment) &&
      !right.mayGo &&
      !environments.some(
        (one) =>
          keyOf(one) !== keyOf(environment) && one.objects.some((other) => identityOf(other) === identityOf(declared)),
      )
    );
  }

  function wants(environment: Environment, title: Title): boolean {
    return environment.objects.some((declared) => declared.hook === undefined && identityOf(declared) === title);
  }

  /** The inventory of a name goes with the name. */
  function takeLeave(environment: Environment): void {
    for (const [title, right] of rights) if (isInventory(title) && right.owner === keyOf(environment)) giveUp(right);
  }

  function giveUp(right: Rights): void {
    right.mayGo = true;
    right.mayChange = true;
  }

  function current(of: Environment): Environment {
    return environments.find((one) => keyOf(one) === keyOf(of)) ?? of;
  }

  function change(of: Environment, changed: Partial<Environment>): void {
    environments.splice(
      environments.findIndex((one) => keyOf(one) === keyOf(of)),
      1,
      { ...current(of), ...changed },
    );
  }

  /** Has every environment looked at, in any order, and finds what was done that nobody might do. */
  async function settle(step: string): Promise<void> {
    for (const one of ['master', 'staging'] as const) {
      await push({
        class: one,
        files: Object.assign(
          {},
          ...environments.filter((environment) => environment.class === one).map(filesOf),
        ) as Files,
      });
    }
    const before = new Map(await live());
    for (const title of before.keys()) {
      if (!rights.has(title)) rights.set(title, { owner: 'person', takers: new Set(), mayGo: false, mayChange: false });
    }
    for (const environment of draw.shuffled(environments)) {
      for (const declared of environment.objects) {
        const right = rights.get(identityOf(declared));
        // A hook is applied over what nobody's Git has, and deletes it never.
        if (declared.hook !== undefined) {
          if (right?.owner === 'person' || right?.owner === 'nobody') right.mayChange = true;
          continue;
        }
        // A change of Git that a run was killed in is still to be brought about.
        if (right !== undefined && (right.owner === keyOf(environment) || right.takers.has(keyOf(environment))))
          right.mayChange = true;
      }
    }
    for (const environment of draw.shuffled(environments)) {
      const known = new Set((await live()).keys());
      await runOnce(environment);
      for (const [title] of await live()) {
        if (known.has(title)) continue;
        // It went rightly, and somebody else has the name now.
        if (rights.get(title)?.mayGo === true) before.delete(title);
        const declared = environment.objects.find((one) => identityOf(one) === title);
        // A hook's object is its release's.
        const isOfHook = declared?.hook !== undefined;
        rights.set(title, { owner: keyOf(environment), takers: new Set(), mayGo: isOfHook, mayChange: isOfHook });
      }
    }
    const after = await live();
    found.push(...violations({ before, after, rights }).map((violation) => `after ${step}: ${violation}`));
    for (const [title, right] of rights) {
      if (!after.has(title)) rights.delete(title);
      else right.mayChange = false;
    }
  }

  async function runOnce(
    { class: repository, name }: Environment,
    dies: (count: number) => boolean = () => false,
  ): Promise<ReconcileResult['outcome'] | undefined> {
    try {
      return (await inProcess.run(name, { repository, dies: ({ count }) => dies(count) })).outcome;
    } catch (error) {
      if (!(error instanceof Killed))
        story.push(`  ${repository}/${name}: ${error instanceof Error ? error.message.slice(0, 200) : String(error)}`);
      await world.pipeline.clients.storage
        .bucket(world.pipeline.stateBucket)
        .file(statePaths({ repository, environment: name }).lease)
        .delete({ ignoreNotFound: true });
      return undefined;
    }
  }

  // --- The cluster -----------------------------------------------------------------------------------------------

  async function live(): Promise<Snapshot> {
    const lists = await Promise.all(
      places.flatMap((namespace) =>
        (['ConfigMap', 'Secret', 'Service', 'PersistentVolumeClaim'] as const).map(async (kind) =>
          (await inProcess.cluster.list({ resource: kinds[kind], namespace, content: 'whole' })).map((one) => ({
            ...one,
            apiVersion: 'v1',
            kind,
          })),
        ),
      ),
    );
    const namespaces = (
      await inProcess.cluster.list({ resource: kinds.Namespace, namespace: undefined, content: 'whole' })
    ).filter(({ metadata }) => places.includes(metadata.name ?? ''));
    const all = [...lists.flat(), ...namespaces.map((one) => ({ ...one, apiVersion: 'v1', kind: 'Namespace' }))];
    const watched = all.filter(({ metadata }) => metadata.name !== 'kube-root-ca.crt');
    return new Map(
      watched
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .map((one): [Title, { uid: string; content: string; object: KubernetesObject }] => [
          titleOf(one),
          { uid: one.metadata.uid ?? '', content: contentOf(one), object: one },
        ]),
    );
  }

  async function make(declared: Declared, metadata: object, how: readonly string[] = []): Promise<Title> {
    const written = JSON.stringify(manifestOf(declared, metadata));
    await world.pipeline.kubernetes.kubectl(
      [...(how.length === 0 ? ['create'] : ['apply', ...how]), '--filename', '-'],
      written,
    );
    rights.set(identityOf(declared), { owner: 'person', takers: new Set(), mayGo: false, mayChange: false });
    return identityOf(declared);
  }

  async function controllerIn(namespace: string): Promise<object> {
    const root = await inProcess.cluster.get({ resource: kinds.ConfigMap, namespace, name: 'kube-root-ca.crt' });
    return { apiVersion: 'v1', kind: 'ConfigMap', name: 'kube-root-ca.crt', uid: root?.metadata.uid, controller: true };
  }

  /** What Velero, `kubectl replace` and people who tidy up do to an object of ours. */
  async function restore(target: KubernetesObject): Promise<string> {
    const { namespace, name, labels = {}, annotations = {} } = target.metadata;
    const of = ['--namespace', namespace ?? '', target.kind.toLowerCase(), name ?? ''];
    const written = JSON.stringify({
      ...target,
      metadata: { name, namespace, labels, annotations },
      status: undefined,
    });
    switch (draw.below(4)) {
      case 0:
        await world.kubectl('delete', ...of);
        await world.pipeline.kubernetes.kubectl(['create', '--filename', '-'], written);
        return `${titleOf(target)} is restored from a backup`;
      case 1:
        await world.pipeline.kubernetes.kubectl(['replace', '--force', '--filename', '-'], written);
        return `${titleOf(target)} is replaced by force`;
      case 2:
        await world.kubectl('patch', ...of, '--type', 'merge', '--patch', '{"metadata":{"managedFields":[{}]}}');
        return `${titleOf(target)} loses its managedFields`;
      default:
        await world.kubectl('label', ...of, `${partOfLabel}-`);
        return `${titleOf(target)} loses its label`;
    }
  }

  async function push({ class: repository, files }: { class: Class; files: Files }): Promise<void> {
    if (Object.keys(files).length > 0) await pushUnheard(world, clones[repository], files, repository);
  }

  /** Leaves nothing that a later round could meet. */
  async function leave(): Promise<void> {
    for (const one of ['master', 'staging'] as const) {
      const mine = environments.filter((environment) => environment.class === one);
      await push({
        class: one,
        files: Object.fromEntries(
          mine.flatMap((environment) => [
            [fileOf(environment), undefined],
            [folderOf(environment), undefined],
          ]),
        ),
      });
    }
    const state = world.pipeline.clients.storage.bucket(world.pipeline.stateBucket);
    await Promise.all(
      (['master', 'staging'] as const).map(async (one) =>
        state.deleteFiles({ prefix: `environments/${one}/r${seed}-` }),
      ),
    );
    await world.kubectl(
      'delete',
      'customresourcedefinition',
      `gadgets.r${seed}.neighbours.test`,
      '--ignore-not-found',
      '--wait=false',
    );
    await world.kubectl('delete', 'namespace', ...places, '--ignore-not-found', '--wait=false');
  }
}

function keyOf(environment: Pick<Environment, 'class' | 'name'>): string {
  return `${environment.class}/${environment.name}`;
}

function fileOf({ name }: Environment): string {
  return `environments/${name}.yaml`;
}

function folderOf({ name }: Environment): string {
  return `manifests/${name}`;
}

function filesOf(environment: Environment): Files {
  const { name, namespace, previousNames, adopt, deletion, objects, beside } = environment;
  const file = JSON.parse(environmentFile(name, { namespace, adopt, deletion, timeout: '5s', diffAfter: '1h' })) as {
    metadata: object;
  };
  return {
    [fileOf(environment)]: JSON.stringify({ ...file, metadata: { ...file.metadata, previousNames } }),
    [`${folderOf(environment)}/all.yaml`]: [
      ...objects.map((declared) => JSON.stringify(manifestOf(declared, {}))),
      ...beside,
    ].join('\n---\n'),
  };
}

function identityOf({ kind, namespace, name }: Declared): Title {
  return titleOf({ apiVersion: 'v1', kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } });
}

/** A definition of the round's own with two versions, of which these are served. */
function gadgets(seed: number, served: readonly boolean[]): object {
  const schema = { openAPIV3Schema: { type: 'object' } };
  const names = { kind: 'Gadget', listKind: 'GadgetList', plural: 'gadgets', singular: 'gadget' };
  const versions = ['v1', 'v2'].map((name, index) => ({
    name,
    served: served[index] === true,
    storage: name === 'v2',
    schema,
  }));
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `gadgets.r${seed}.neighbours.test` },
    spec: { group: `r${seed}.neighbours.test`, scope: 'Namespaced', names, versions },
  };
}

function told(declared: Declared): string {
  return `${identityOf(declared)}${declared.hook === undefined ? '' : ` (hook)`}`;
}

/** What an environment would write to have that very object, with a value of its own. */
function declaredOf({ kind, metadata }: KubernetesObject, more: { hook?: string }): Declared {
  const known = (Object.keys(kinds) as Declared['kind'][]).find((one) => one === kind) ?? 'ConfigMap';
  return { kind: known, namespace: metadata.namespace, name: metadata.name ?? '', value: 'taken', ...more };
}

function manifestOf({ kind, namespace, name, value, hook }: Declared, metadata: object): object {
  const annotations =
    hook === undefined
      ? {}
      : { annotations: { 'helm.sh/hook': 'pre-install,pre-upgrade', 'helm.sh/hook-delete-policy': hook } };
  const common = {
    apiVersion: 'v1',
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...annotations, ...metadata },
  };
  switch (kind) {
    case 'ConfigMap':
      return { ...common, data: { value } };
    case 'Secret':
      return { ...common, data: { value: Buffer.from(value).toString('base64') } };
    case 'Service':
      return { ...common, spec: { selector: { value }, ports: [{ port: 80 }] } };
    case 'PersistentVolumeClaim':
      return { ...common, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
    case 'Namespace':
      return common;
  }
}

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { startPipeline } from '../../local/pipeline.ts';
import { tellStory } from '../../local/story/tell-story.ts';

const root = resolve(import.meta.dirname, '..', '..');

interface Told {
  readonly code: number | null;
  readonly output: string;
}

function startOnce(): Promise<Told> {
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      [join(root, 'local', 'main.ts'), '--once'],
      { cwd: root },
      (_error, output, problem) => {
        done({ code: child.exitCode, output: `${output}${problem}` });
      },
    );
  });
}

/** What each step must say, in this order. */
const told = [
  /1\. Operations pushes .*\n(.*\n)*? +jobs +acme-production, globex-production, platform\n/,
  /converged +acme-production +15 created/,
  /2\. CI uploads version 1\.5\.0 .*\n(.*\n)*? +commit +[0-9a-f]{7} Copy charts\/shop\.tgz/,
  /Artifact: gs:\/\/family-master\/charts\/shop\.tgz#\d+\n +Source-Commit: \w+\n +Build: \S+\n +Uploaded-By: .+\n/,
  /converged +(acme|globex)-production +4 configured, 1 pruned, 10 unchanged/,
  /untouched +platform \(main@[0-9a-f]{7}\)/,
  /kubectl +acme: .*web shop:1\.5\.0 2\/2 ready/,
  /3\. CI uploads a single file.*\n(.*\n)*? +jobs +acme-production\n/,
  /web shop:1\.5\.0 3\/3 ready/,
  /4\. Somebody edits a Deployment by hand/,
  /diff +acme-production: Deployment acme\/web: image differs \(Drifted, healing\)/,
  /\/spec\/template\/spec\/containers\[name=web\]\/image\n +desired "shop:1\.5\.0", observed "shop:debug"\n/,
  /changed by kubectl-set at .+ or before, seen since /,
  /converged +acme-production +1 configured/,
  /5\. A new customer signs up/,
  /converged +initech-production +14 created/,
  /the objects of acme, globex, platform are the same as before/,
  /6\. The new shop disappoints/,
  /converged +initech-production +1 created, 4 configured, 10 unchanged/,
  /kubectl +acme: .*web shop:1\.4\.2 3\/3 ready/,
  /unmoved +that generation was copied once/,
  /7\. CI uploads settings that nobody can read, and mends them/,
  /diff +acme-production: .* \(Failed, none\)\n/,
  /inbox +http:\/\/127\.0\.0\.1:\d+\/\n(.*\n)*? +mail +opened: \[Converge\] master\/acme-production Failed: /,
  /converged +acme-production +\d+ configured, \d+ unchanged/,
  /inbox +http:\/\/127\.0\.0\.1:\d+\/\n(.*\n)*? +mail +closed: Re: \[Converge\] master\/acme-production Failed: /,
  /8\. A pull request says what it would do, and is merged/,
  /git +push \w{7} by Olga Ops: Ask before healing Globex, and run two of it to globex-asks\n/,
  /check +converge\/plan\/master of \w{7}: success, master: 1 of 1 environment would change/,
  /\/spec\/replicas: 1 -> 2/,
  /converged +globex-production +1 configured/,
  /plan +As planned on pull request 1\n/,
  /9\. Somebody scales by hand what is asked about, and it is accepted/,
  /diff +globex-production: Deployment globex\/web: replicas differs \(Drifted, none, selfHeal: ask\)/,
  /converge +accept \w+ --reason 'the campaign needs three'\n/,
  /Deployment globex\/web: \/spec\/replicas by a value of its chart \(config\/globex\.yaml\)\n/,
  /accepted +by Olga Ops.*, as \w{7}: incident \w+ is closed\n/,
  /kubectl +globex: .*web shop:1\.4\.2 3\/3 ready/,
  /10\. A customer is suspended for a repair, which ends by itself/,
  /converge +suspend acme-production --for 30s --reason 'a repair at night'\n/,
  /status +acme-production is Suspended/,
  /kubectl +acme: .*web shop:repaired/,
  /converged +acme-production, suspended no more/,
  /Where everything stands\n.*\n(.*-production +Converged .*\n){3}.*platform +Converged /,
  /The report of it .*\n +report +gs:\/\/family-state\/reports\/[0-9-]+-daily\.html\n/,
  /Nothing differs from Git in 4 environments/,
  /Time to converge +median .+ \(\d+ convergences\)\n/,
  /Drifted, and as Git says again\n +master\/acme-production; .*; kubectl-set; healed\n/,
];

test('the story comes true from the first push to the revert, by the command that a newcomer types', async () => {
  const { code, output } = await startOnce();
  let rest = output;
  for (const expected of told) {
    const found = expected.exec(rest);
    if (found === null) expect.fail(`expected ${expected} in the rest of:\n${output}`);
    rest = rest.slice(found.index);
  }
  // Two edits by hand, what was scaled, and the settings that nobody can read: each of them once.
  expect(output.match(/^ +diff /gm)).toHaveLength(4);
  expect(code).toBe(0);
});

test('the story fails by name at the step in which the pipeline refuses something', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'converge-story-'));
  const pipeline = await startPipeline({ folder, scheduleSeconds: 0 });
  try {
    const wrong = pipeline.clients.storage.bucket(pipeline.facts.buckets.master).file('environments/broken.yaml');
    const disturbed: Promise<void>[] = [];
    const story = tellStory(pipeline, () => {
      if (disturbed.length === 0) disturbed.push(wrong.save('kind: Nothing', { resumable: false }));
    });
    await expect(story).rejects.toThrow(/failed at "\d\. .+": copyArtifact gave up .*broken\.yaml.*InvalidEnvironment/);
    await Promise.all(disturbed);
  } finally {
    await pipeline.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

import { expect, it } from 'vitest';
import { createRepositories } from '../../../shared/adapters/git.ts';
import { createClusters } from '../../../shared/adapters/kubernetes.ts';
import { parseConfig } from '../../../shared/config/config.ts';

const config = parseConfig({
  file: 'converge.yaml',
  text: 'project: p\nstate: { bucket: s }\nrepositories: { master: { url: "https://git/m.git", bucket: m } }\nclusters: {}\n',
});

it.each(['constructor', '__proto__', 'nobody'])(
  '%s is a name of the configuration only where it says so',
  async (name) => {
    const repositories = createRepositories({
      ...{ config, author: config.author, cacheFolder: '/nowhere', now: () => new Date(0) },
    });
    expect(() => repositories(name)).toThrow(expect.objectContaining({ code: 'UnknownRepository', subject: name }));
    const clusters = createClusters(config);
    await expect(clusters({ name, repository: 'master', environment: 'shop' })).rejects.toMatchObject({
      code: 'UnknownCluster',
    });
  },
);

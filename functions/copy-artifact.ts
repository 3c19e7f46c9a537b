import { http } from '@google-cloud/functions-framework';
import { parseObjectFinalized } from '../shared/events/object-finalized.ts';
import { copyArtifact } from '../shared/pipeline/copy-artifact.ts';
import { acknowledging } from './delivery.ts';
import { copySettings, loadWatch, repositoryOfBucket, wire } from './wiring.ts';

/** CI uploaded an object: commit it to the repository of its bucket, and announce the commit. */
http(
  'copyArtifact',
  acknowledging(
    'copyArtifact',
    async (event) => {
      const object = parseObjectFinalized(event);
      const ports = await wire('buckets', 'unpack', 'state', 'repository', 'topics');
      const watch = await loadWatch();
      const span = watch.begin();
      const watched = { repository: watch.repository(ports.repository), buckets: watch.buckets(ports.buckets) };
      const settings = copySettings(repositoryOfBucket(object.bucket));
      try {
        return await copyArtifact(object, { ...ports, ...watched }, settings);
      } finally {
        await span.tell();
      }
    },
    (event) => repositoryOfBucket(parseObjectFinalized(event).bucket),
  ),
);

import { ConvergeError } from '../../base/errors.ts';
import { decodeLedger, emptyLedger, encodeLedger, ledgerPath, mergeLedgers, type Ledger } from '../../source/ledger.ts';
import { triesAgainstOverwriting } from '../common/pauses.ts';
import { readState, valueOrNone } from '../common/read-state.ts';
import type { CopyPorts, CopySettings } from './run.ts';
import type { GenerationPrecondition } from '../../ports/storage.ts';

export interface RecordedLedger {
  readonly ledger: Ledger;
  /** What the next write is conditional on. */
  readonly written: GenerationPrecondition;
}

type LedgerAccess = {
  readonly ports: Pick<CopyPorts, 'state' | 'log'>;
  readonly settings: Pick<CopySettings, 'repositoryClass'>;
};

/**
 * An empty ledger where there is none, or none of use: the history of the branch says the same. A failed read throws.
 */
export async function readLedger({ ports, settings }: LedgerAccess): Promise<RecordedLedger> {
  const path = ledgerPath(settings);
  const found = await readState({ path, decode: decodeLedger }, ports);
  if (found === undefined) return { ledger: emptyLedger, written: 'absent' };
  return { ledger: valueOrNone(found) ?? emptyLedger, written: { generation: found.generation } };
}

/** Adds to the ledger; what another run wrote meanwhile stays. Throws `StorageUnavailable` (retry). */
export async function writeLedger({
  recorded,
  news,
  ports,
  settings,
}: LedgerAccess & { recorded: RecordedLedger; news: Ledger }): Promise<RecordedLedger> {
  const path = ledgerPath(settings);
  let known = recorded;
  for (let attempt = 0; attempt < triesAgainstOverwriting; attempt++) {
    const ledger = mergeLedgers(known.ledger, news);
    const written = await ports.state.write({ path, value: encodeLedger(ledger), ifGeneration: known.written });
    if (written !== 'conflict') return { ledger, written };
    known = await readLedger({ ports, settings });
  }
  throw new ConvergeError({
    code: 'StorageUnavailable',
    subject: path,
    message: `changed during each of ${triesAgainstOverwriting} writes`,
    disposition: 'retry',
  });
}

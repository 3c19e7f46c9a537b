import type { Hold, State, StatePorts } from '../../shared/pipeline/reconcile/run/state.ts';
import { begins } from './run-ports.ts';

/** The state of a run as data, at a moment that the clock calls its beginning. */
export type StateData = Omit<State, 'ports' | 'turn' | 'confirmHead'>;

export function stateFrom(data: StateData, ports: StatePorts): State {
  return { ...structuredClone(data), ports, turn: Promise.resolve(), confirmHead: undefined };
}

/** @param stood milliseconds since the clock was at its beginning */
export function stateDataOf(state: State, stood: number): StateData {
  const { ports: _ports, turn: _turn, confirmHead: _confirmHead, lease, memory, hold, yielded, ...data } = state;
  const shifted = (at: number): number => (at - stood > begins ? at - stood : 0);
  const held = (one: Hold | undefined): Hold | undefined =>
    one === undefined ? undefined : { ...one, askedAt: one.askedAt - stood, checkedAt: one.checkedAt - stood };
  return {
    ...data,
    lease: { ...lease, writableAt: shifted(lease.writableAt) },
    memory: { ...memory, writableAt: shifted(memory.writableAt) },
    hold: held(hold),
    yielded: yielded === undefined ? undefined : { ...yielded, askedAt: 0, checkedAt: 0 },
  };
}

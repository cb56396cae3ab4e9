import { expect, it } from '@jest/globals';
import { QuarantineTerm } from '../../../src/core/quarantine.js';
import type { Finding } from '../../../src/node/server/finding.js';
import { VotingState } from '../../../src/node/server/voting-state.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** A state that has no list of nodes yet. */
function stateOf() {
  const clock = new VirtualClock();
  const quarantine = new QuarantineTerm(1_000);
  const settings = { keyPrefix: 'lock:', driftFactor: 0.01, quarantine, isExact: true, clock };
  const nothing = (): void => undefined;
  const listener = { onUntrusted: nothing, onPutBack: nothing };
  const info = { runId: 'a', cautions: ['of the server'] };
  const voting = new VotingState({ ...settings, random: () => 0.5 }, info, '', listener);
  const look = (quarantineLeftMs: number, writes = 1): void => {
    const record = { memory: 'm', sequence: 0, text: '', inForceInMs: 0, ageMs: 0 };
    const identity = { id: 'n', record: quarantineLeftMs < 0 ? undefined : record };
    const memory = { name: 'm', ageMs: 0, outMs: 0, longestMs: 1_000, bornUs: 1, writes };
    const finding: Finding = { nodeUs: 1, quarantineLeftMs, identity };
    voting.learn(clock.stamp(), quarantineLeftMs < 0 ? finding : { ...finding, memory });
  };
  return { voting, look };
}

it('each caution is one of its own, and the others stay as they are', () => {
  const { voting, look } = stateOf();
  look(0);
  expect(voting.state.cautions).toEqual(['of the server']);
  voting.cannotSubscribe('hears nothing');
  voting.lacksPermission('release', 'no DEL');
  expect(voting.state.cautions).toEqual(['of the server', 'hears nothing', 'no DEL']);
  voting.canSubscribe();
  expect(voting.state.cautions).toEqual(['of the server', 'no DEL']);
});

it('a missing right is told until what needs it works, and one reason is enough', () => {
  const { voting, look } = stateOf();
  look(0);
  voting.lacksPermission('release', 'no DEL');
  voting.lacksPermission('finish', 'no DEL either');
  expect(voting.state.cautions).toEqual(['of the server', 'no DEL']);
  voting.hasPermission('acquire');
  expect(voting.state.cautions).toEqual(['of the server', 'no DEL']);
  voting.hasPermission('release');
  expect(voting.state.cautions).toEqual(['of the server', 'no DEL either']);
  voting.hasPermission('finish');
  expect(voting.state.cautions).toEqual(['of the server']);
});

it.each([
  ['has a marker', -1, 1],
  ['has been written to', 0, 2],
])('that nothing can be written is told until the node %s', (_title, quarantineLeftMs, writes) => {
  const { voting, look } = stateOf();
  look(quarantineLeftMs);
  voting.cannotWrite('OOM');
  look(quarantineLeftMs);
  expect(voting.state).toMatchObject({
    reason: expect.stringMatching(/first use has to wait: OOM/),
    cautions: ['of the server', expect.stringMatching(/first use has to wait: OOM/)],
  });
  look(0, writes);
  expect(voting.state).toMatchObject({ status: 'ready', cautions: ['of the server'] });
  expect(voting.state).not.toHaveProperty('reason');
});

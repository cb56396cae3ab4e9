import { equal, ok } from 'node:assert/strict';
import type { LockNode } from '../lock-node.js';
import type { NodeMemory, RecordWrite } from '../node-memory.js';
import type { NodeRecord } from '../node-state.js';
import { matches, until } from './assertions.js';
import type { Cases, Operations } from './operations.js';

const memoryOf = ({ node }: Operations): NodeMemory => node.memory!;

/** What a node with a memory must do. */
export const memoryCases: Cases = {
  'look changes nothing on a node that kept its memory': async (on) => {
    const resource = on.resource();
    await on.granted({ resources: [resource] });
    const { id } = on.node.state;
    ok(id !== undefined && id !== '');
    await memoryOf(on).look();
    matches(on.node.state, { status: 'ready', id });
    equal((await on.inspect(resource)).owner, 'anna');
  },

  'a node in quarantine carries requests out, but its grants and refusals do not count': async (on) => {
    const [held, free] = [on.resource(), on.resource()];
    await on.granted({ resources: [held] });
    memoryOf(on).quarantine('its clock was stepped');
    equal(on.node.state.status, 'untrusted');
    ok(on.node.state.reason?.includes('its clock was stepped'));
    ok((on.node.state.trustedAt ?? 0) > on.now());
    matches(await on.acquire({ resources: [free] }), { kind: 'failed', reason: 'untrusted' });
    equal((await on.inspect(free)).owner, 'anna');
    const expected = { kind: 'refused', reason: 'held', owner: 'anna', untrusted: true };
    matches(await on.acquire({ resources: [held], holderId: 'bert' }), expected);
    matches(await on.release({ resources: [held] }), { kind: 'granted' });
  },

  'trust ends a quarantine': async (on) => {
    memoryOf(on).quarantine('its clock was stepped');
    await memoryOf(on).trust();
    equal(on.node.state.status, 'ready');
    const resources = [on.resource()];
    await on.granted({ resources });
    const vote = await on.acquire({ resources, holderId: 'bert' });
    ok(vote.kind === 'refused' && vote.untrusted === undefined);
  },

  'a quarantine ends by its own reason only': async (on) => {
    const memory = memoryOf(on);
    if (memory.endQuarantine === undefined) return;
    memory.quarantine('its clock stands apart');
    memory.quarantine('its clock was stepped');
    memory.endQuarantine('its clock stands apart');
    equal(on.node.state.status, 'untrusted');
    ok(on.node.state.reason?.includes('its clock was stepped'));
    memory.endQuarantine('another reason');
    equal(on.node.state.status, 'untrusted');
    memory.endQuarantine('its clock was stepped');
    equal(on.node.state.status, 'ready');
    await on.granted({ resources: [on.resource()] });
  },

  'a record that was read before the node got another id is left': async (on) => {
    const memory = memoryOf(on);
    if (memory.writeRecord === undefined || memory.identify === undefined) return;
    await memory.identify('some-id', '');
    await memory.look();
    const { id = '', record } = on.node.state;
    ok(record !== undefined);
    // Only a blank node gets another id.
    if (record.pair !== undefined) return;
    const write = firstListOf(on.node, id, record);
    await memory.identify('another-id', id);
    await memory.writeRecord(write, 1_000, on.now() + 5_000);
    await memory.look();
    matches(on.node.state, { id: 'another-id' });
    equal(on.node.state.record?.pair, undefined);
  },

  'a record that was read is replaced, and one that was not is left': async (on) => {
    const memory = memoryOf(on);
    if (memory.writeRecord === undefined) return;
    await memory.identify?.('some-id', '');
    await memory.look();
    const { id = '', record } = on.node.state;
    ok(record !== undefined);
    const write = firstListOf(on.node, id, record);
    const { list } = write;
    await memory.writeRecord(write, 1_000, on.now() + 5_000);
    equal(on.node.state.record?.pair?.list.id, 'some-list');
    const late = { ...write, list: { ...list, id: 'late' } };
    await memory.writeRecord(late, 1_000, on.now() + 5_000);
    equal(on.node.state.record?.pair?.list.id, 'some-list');
    const resources = [on.resource()];
    matches(await on.acquire({ resources, list: 'late' }), { kind: 'failed', reason: 'mismatch' });
    matches(await on.acquire({ resources, list: 'some-list' }), { kind: 'granted' });
  },
};

/** The first list of this node alone. */
function firstListOf({ address }: LockNode, id: string, { memory, sequence }: NodeRecord): RecordWrite {
  const list = { id: 'some-list', epoch: 0, members: [{ id, address }], isAccepted: false };
  const votesIn = { list: true, previous: false };
  return { list, previous: undefined, memory, sequence, outstanding: 'own votes', votesIn };
}

/** What a node must do that lost its data. */
export const lostMemoryCases = (forget: (node: LockNode) => Promise<void>): Cases => ({
  'a node that lost its data is new, and its grants do not count': async (on) => {
    await forget(on.node);
    const resources = [on.resource()];
    matches(await on.acquire({ resources }), { kind: 'failed', reason: 'untrusted' });
    ok(['new', 'untrusted'].includes(on.node.state.status));
  },

  'recordLoss puts a new node into quarantine, and trust ends it': async (on) => {
    await becomesNew(on, forget);
    await memoryOf(on).recordLoss();
    await memoryOf(on).look();
    equal(on.node.state.status, 'untrusted');
    ok((on.node.state.trustedAt ?? 0) > on.now());
    await memoryOf(on).trust();
    equal(on.node.state.status, 'ready');
  },

  'trust makes a new node vote at once': async (on) => {
    await becomesNew(on, forget);
    await memoryOf(on).trust();
    equal(on.node.state.status, 'ready');
    await on.granted({ resources: [on.resource()] });
  },
});

async function becomesNew(on: Operations, forget: (node: LockNode) => Promise<void>): Promise<void> {
  await forget(on.node);
  await until(async () => {
    await memoryOf(on).look();
    return on.node.state.status === 'new';
  }, 'the node to be new');
}

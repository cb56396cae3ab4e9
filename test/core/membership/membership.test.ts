import { describe, expect, it } from '@jest/globals';
import {
  areSameMembers,
  differenceOf,
  memberList,
  type ListPair,
  type Member,
  type MemberList,
} from '../../../src/core/membership/member-list.js';
import { listToVoteUnder } from '../../../src/core/membership/choice.js';
import { isActive, MembershipKnowledge } from '../../../src/core/membership/knowledge.js';
import { planAcceptance, planWrites } from '../../../src/core/membership/plan.js';
import type { MembershipPlan } from '../../../src/core/membership/write.js';
import { mayWrite, readPair, writePair } from '../../../src/core/membership/record.js';
import type { MemberView } from '../../../src/core/membership/view.js';
import { quarantineMsOf } from '../../../src/core/quarantine.js';

const digest = (text: string): string => text;
const node = (id: string): Member => ({ id, address: `host-${id}` });
const nodes = (ids: string): Member[] => [...ids].map(node);
const list = (ids: string, epoch: number, before?: MemberList): MemberList =>
  memberList(digest, epoch, nodes(ids), before?.id ?? '');

const FIRST = list('abc', 0);
const A = list('abc', 1, FIRST);
const B = list('abcd', 2, A);
const PAIR_A = { list: A, previous: FIRST };
const PAIR_B = { list: B, previous: A };

const view = (id: string, changes: Partial<MemberView> = {}): MemberView => ({
  ...node(id),
  isHere: true,
  hereForMs: 100_000,
  isLongAway: false,
  isTrusted: true,
  agrees: false,
  memory: `memory of ${id}`,
  sequence: 1,
  record: PAIR_A,
  isInForce: true,
  recordAgeMs: 100_000,
  lookedAt: 500,
  blankSince: undefined,
  ...changes,
});
const blank = (id: string, changes: Partial<MemberView> = {}): MemberView =>
  view(id, { record: undefined, blankSince: 400, ...changes });
const young = (id: string): MemberView => blank(id, { recordAgeMs: 1_000 });
const away = (id: string): MemberView => view(id, { isHere: false, isTrusted: false, record: undefined });

const PATIENCE_MS = 60_000;
function knowing(...views: MemberView[]): MembershipKnowledge {
  const knowledge = new MembershipKnowledge();
  knowledge.learn(views, 0);
  return knowledge;
}
const planOf = (
  views: MemberView[],
  knowledge = knowing(...views),
  { now = 1_000, mayChange = true } = {},
): MembershipPlan => planWrites(views, knowledge, { digest, now, patienceMs: PATIENCE_MS, mayChange });
const inWords = ({ writes }: MembershipPlan): string[] =>
  writes.map(
    ({ kind, nodeIndex, list: { epoch, members } }) =>
      `${kind} ${nodeIndex}: ${epoch} ${members.map(({ id }) => id).join('')}`,
  );

describe('a list of nodes', () => {
  it('a list has the same id for the same epoch, members and list before, and for no others', () => {
    expect(list('cab', 1, FIRST).id).toBe(A.id);
    expect(
      new Set([A, list('abc', 2, FIRST), list('abd', 1, FIRST), list('abc', 1)].map(({ id }) => id)).size,
    ).toBe(4);
  });

  it.each([
    ['abc', 'cba', 0],
    ['abc', 'abcd', 1],
    ['abc', 'ab', 1],
    ['abc', 'abd', 2],
    ['abc', 'abcde', 2],
  ])('the lists %s and %s differ by %i nodes', (some, others, expected) => {
    expect(differenceOf(nodes(some), nodes(others))).toBe(expected);
    expect(areSameMembers(nodes(some), nodes(others))).toBe(expected === 0);
  });
});

describe('a record', () => {
  it('a record is read as it was written, and a text that is none is not read', () => {
    expect(readPair(writePair(PAIR_B))).toEqual(PAIR_B);
    expect(readPair(writePair({ list: FIRST, previous: undefined }))).toEqual({
      list: FIRST,
      previous: undefined,
    });
    for (const text of ['', '{', '1', 'null', '[]', '[1]', '[["id","x",0,[]]]', '[["id",1,0,[]]]'])
      expect(readPair(text)).toBeUndefined();
  });

  const change = { kind: 'change', ...PAIR_B } as const;
  it.each<[string, Parameters<typeof mayWrite>, boolean]>([
    ['a change goes onto its base', [PAIR_A, 'a', change], true],
    [
      'a change goes onto a rival of the same base',
      [{ list: list('ab', 1.5, A), previous: A }, 'a', change],
      true,
    ],
    [
      'a change goes onto what is older than its base',
      [{ list: FIRST, previous: undefined }, 'a', change],
      true,
    ],
    ['a change goes onto a new node', [undefined, 'd', change], true],
    ['a change does not go onto a blank member', [undefined, 'a', change], false],
    [
      'a change does not go onto a later list',
      [{ list: list('abcde', 3, B), previous: B }, 'a', change],
      false,
    ],
    [
      'a change does not go onto another branch',
      [{ list: list('x', 1.5), previous: list('y', 1) }, 'a', change],
      false,
    ],
    [
      'a change does not go onto a rival of the same base with a higher epoch',
      [{ list: list('ab', 3, A), previous: A }, 'a', change],
      false,
    ],
    ['a restore goes onto a blank node', [undefined, 'a', { kind: 'restore', ...PAIR_A }], true],
    [
      'a restore goes onto nothing else',
      [{ list: FIRST, previous: undefined }, 'a', { kind: 'restore', ...PAIR_A }],
      false,
    ],
  ])('%s', (_claim, args, expected) => {
    expect(mayWrite(...args)).toBe(expected);
  });
});

describe('a list in use', () => {
  it('a list is active on majorities of itself and of the list before, trusted and in force', () => {
    const has = (id: string, changes = {}): MemberView => view(id, { record: PAIR_B, ...changes });
    expect(isActive([has('a'), has('b'), has('d')], PAIR_B)).toBe(true);
    expect(isActive([has('a'), has('d'), view('b'), view('c')], PAIR_B)).toBe(false);
    expect(isActive([has('a'), has('b'), has('d', { isTrusted: false })], PAIR_B)).toBe(false);
    expect(isActive([has('a'), has('b'), has('d', { isInForce: false })], PAIR_B)).toBe(false);
    const pair = { list: list('ab', 2, A), previous: A };
    expect(isActive([view('a', { record: pair })], pair)).toBe(false);
  });

  it('a first list is known on all of its members, and a list before another on a trusted node', () => {
    const first = { list: FIRST, previous: undefined };
    const has = (id: string): MemberView => view(id, { record: first });
    expect(knowing(has('a'), has('b'), has('c')).isKnown(FIRST)).toBe(true);
    expect(knowing(has('a'), has('b'), away('c')).isKnown(FIRST)).toBe(false);
    expect(knowing(has('a'), has('b'), { ...away('c'), isLongAway: true }).isKnown(FIRST)).toBe(true);
    expect(knowing(view('a', { record: PAIR_B })).isKnown(A)).toBe(true);
    expect(knowing(view('a', { record: PAIR_B, isTrusted: false })).isKnown(A)).toBe(false);
  });

  it('a client votes under its own list once that is known, and under the list before until then', () => {
    const inForce = [...'abcd'].map((id) => view(id, { record: PAIR_B }));
    expect(listToVoteUnder(inForce, knowing(...inForce))).toBe(B);
    const under = inForce.map((one) => ({ ...one, isInForce: false }));
    expect(listToVoteUnder(under, knowing(...under))).toBe(A);
    const old = inForce.slice(0, 3);
    expect(listToVoteUnder(old, knowing(...old))).toBe(A);
  });

  it('a list was active if it was seen to be, or if another one followed it', () => {
    const knowledge = knowing(view('a', { record: PAIR_B }), away('b'), away('c'));
    expect(knowledge.activeSince(A)).toBe(undefined);
    expect([A, B].map((one) => knowledge.wasActive(one))).toEqual([true, false]);
    expect(knowing(view('a'), view('b')).wasActive(A)).toBe(true);
  });

  describe('nodes of an old test are to be added, and their list is later', () => {
    const old = list('xyz', 5, list('xyz', 4));
    const record = { list: old, previous: list('xyz', 4) };
    const used = [view('a'), view('b'), view('c')];
    const added = [view('x', { record }), view('y', { record })];

    it('a client votes under the list that is nearest to its own, whichever node answers first', () => {
      for (const views of [
        [...used, ...added],
        [...added, ...used],
      ]) {
        const knowledge = knowing(...views);
        expect(listToVoteUnder(views, knowledge)).toEqual(A);
        expect(knowledge.latest).toEqual(A);
      }
    });

    it('a client does not go over to the other list when its own has no majority for a while', () => {
      const knowledge = knowing(...used, ...added);
      const views = [view('a'), away('b'), away('c'), ...added];
      knowledge.learn(views, 1);
      expect(listToVoteUnder(views, knowledge)).toEqual(A);
    });

    it('a client does not take the old list back whose nodes it has got', () => {
      const four = { list: list('abcx', 6, A), previous: A };
      const knowledge = knowing(...used, ...added, view('z', { record }));
      const taken = ['a', 'b', 'c', 'x'].map((id) => view(id, { record: four }));
      const rest = ['y', 'z'].map((id) => view(id, { record }));
      knowledge.learn([...taken, ...rest], 1);
      const views = [taken[0]!, away('b'), away('c'), away('x'), ...rest];
      knowledge.learn(views, 2);
      expect(listToVoteUnder(views, knowledge)).toEqual(four.list);
    });

    it('a client goes over to a list that an operator put in the place of its own', () => {
      const accepted = { list: memberList(digest, 2, nodes('x'), A.id, true), previous: A };
      const views = [away('a'), away('b'), view('c'), view('x', { record: accepted })];
      const knowledge = knowing(...used);
      knowledge.learn(views, 1);
      expect(listToVoteUnder(views, knowledge)).toEqual(accepted.list);
    });

    it('clients with nodes of lists that are as near go by the same one: the longest, then the latest', () => {
      const alone = (id: string, epoch: number): MemberView => {
        const previous = list(id, epoch - 1);
        return view(id, { record: { list: list(id, epoch, previous), previous } });
      };
      const [a, b, c] = [alone('a', 1), alone('b', 2), alone('c', 1)];
      for (const views of [
        [a, b, c],
        [c, b, a],
        [b, a, c],
      ])
        expect(knowing(...views).latest?.members).toEqual(nodes('b'));
      const [d, e] = nodes('de').map(({ id }) => {
        const previous = list('de', 0);
        return view(id, { record: { list: list('de', 1, previous), previous } });
      });
      expect(knowing(a, b, d!, e!).latest?.members).toEqual(nodes('de'));
    });
  });

  it('a client votes under another known list if its own has no majority', () => {
    const C = list('abd', 3, B);
    const record = { list: C, previous: B };
    const views = [view('a', { record }), view('b', { record }), away('c')];
    const knowledge = knowing(view('a', { record }), view('b', { record }), view('d', { record }));
    expect(listToVoteUnder(views, knowledge)).toBe(C);
  });
});

describe('the writes that are due', () => {
  it('a first use is written on all nodes, and then followed by the list that is believed', () => {
    const fresh = [blank('a'), blank('b'), blank('c')];
    expect(inWords(planOf(fresh))).toEqual([
      'first use 0: 0 abc',
      'first use 1: 0 abc',
      'first use 2: 0 abc',
    ]);
    expect(planOf([blank('a'), blank('b'), away('c')]).writes).toEqual([]);
    const record = { list: FIRST, previous: undefined };
    const begun = [view('a', { record }), blank('b'), blank('c')];
    expect(inWords(planOf(begun))).toEqual(['first use 1: 0 abc', 'first use 2: 0 abc']);
    const done = ['a', 'b', 'c'].map((id) => view(id, { record }));
    expect(inWords(planOf(done))).toEqual(['change 0: 1 abc', 'change 1: 1 abc', 'change 2: 1 abc']);
  });

  it('a first use waits for nodes in quarantine that have a later list, but no longer than that can be', () => {
    const fenced = (hereForMs: number): MemberView[] =>
      [...'abc'].map((id) => view(id, { isTrusted: false, hereForMs }));
    expect(planOf(fenced(PATIENCE_MS)).writes).toEqual([]);
    const { writes } = planOf(fenced(PATIENCE_MS + 1));
    expect(inWords({ writes, notices: [] })).toEqual([
      'first use 0: 2 abc',
      'first use 1: 2 abc',
      'first use 2: 2 abc',
    ]);
    // Majorities of the same members always meet.
    expect(writes.map(({ outstanding }) => outstanding)).toEqual(['nothing', 'nothing', 'nothing']);
  });

  it('two different first lists stop each other, and it is said', () => {
    const record = { list: list('cde', 0), previous: undefined };
    expect(planOf([blank('a'), blank('b'), view('c', { record })])).toEqual({
      writes: [],
      notices: ['two first lists'],
    });
  });

  describe('a node that was away when another client made the first list has a made-up id there', () => {
    const madeUp: Member = { id: digest('host-c'), address: 'host-c' };
    const otherwise = (epoch: number, before?: MemberList): MemberList =>
      memberList(digest, epoch, [...nodes('ab'), madeUp], before?.id ?? '');

    it('and a first list that is later goes onto all nodes', () => {
      const ours = { list: FIRST, previous: undefined };
      const theirs = { list: otherwise(0), previous: undefined };
      const views = [view('a', { record: theirs }), view('b', { record: ours }), view('c', { record: ours })];
      const { writes, notices } = planOf(views);
      expect(notices).toEqual([]);
      expect(inWords({ writes, notices })).toEqual([
        'first use 0: 1 abc',
        'first use 1: 1 abc',
        'first use 2: 1 abc',
      ]);
    });

    it('and what was begun anew is completed where an old list has that id', () => {
      const old = otherwise(1, otherwise(0));
      const previous = otherwise(0);
      const anew = { list: list('abc', 2), previous: undefined };
      const left = view('a', { record: { list: old, previous } });
      const views = [left, view('b', { record: anew }), view('c', { record: anew })];
      const knowledge = knowing(view('a', { record: { list: old, previous } }));
      expect(inWords(planOf(views, knowledge))).toEqual(['first use 0: 2 abc']);
    });

    it('also where clients know the nodes by different names', () => {
      const named = (id: string): Member => ({ id, address: `other-${id}` });
      const ours = {
        list: memberList(digest, 0, [named('a'), node('b'), named('c')], ''),
        previous: undefined,
      };
      const theirs = { list: otherwise(0), previous: undefined };
      const views = [view('a', { record: ours }), view('b', { record: theirs }), view('c', { record: ours })];
      const { writes, notices } = planOf(views);
      expect(notices).toEqual([]);
      expect(inWords({ writes, notices })).toEqual([0, 1, 2].map((index) => `first use ${index}: 1 abc`));
    });

    it('but a server with another id at the same address is another server', () => {
      const other = memberList(digest, 0, [...nodes('ab'), { id: 'x', address: 'host-c' }], '');
      const record = { list: other, previous: undefined };
      expect(planOf([view('a', { record }), blank('b'), blank('c')])).toEqual({
        writes: [],
        notices: ['two first lists'],
      });
    });
  });

  it('a first list that replaced another one counts when all is over that the nodes granted', () => {
    const record = { list: FIRST, previous: undefined };
    const [a, b] = [view('a', { record }), view('b', { record })];
    expect(knowing(a, b, view('c', { record, isInForce: false })).isKnown(FIRST)).toBe(false);
  });

  it('a client adds a node when that has answered, to all nodes that answer', () => {
    const used = [view('a'), view('b'), away('c')];
    expect(inWords(planOf([...used, blank('d')]))).toEqual([
      'change 0: 2 abcd',
      'change 1: 2 abcd',
      'change 3: 2 abcd',
    ]);
    expect(planOf([...used, away('d')]).writes).toEqual([]);
    expect(planOf([...used, blank('d')], undefined, { mayChange: false }).writes).toEqual([]);
    expect(
      planOf([view('a'), away('b'), away('c'), blank('d')], knowing(view('a'), view('b'))).writes,
    ).toEqual([]);
  });

  it('a list that may be hidden by the list before it is followed by itself when it is active', () => {
    const two = list('ab', 1);
    const pair = { list: list('abc', 2, two), previous: two };
    const views = [...'abc'].map((id) => view(id, { record: pair }));
    expect(knowing(...views.slice(1)).isKnown(pair.list)).toBe(false);
    const plan = planOf(views, undefined, { mayChange: false });
    expect(inWords(plan)).toEqual(['change 0: 3 abc', 'change 1: 3 abc', 'change 2: 3 abc']);
    const again = { list: plan.writes[0]!.list, previous: pair.list };
    const repeated = [...'abc'].map((id) => view(id, { record: again }));
    expect(knowing(away('a'), ...repeated.slice(1)).latest).toEqual(again.list);
    expect(planOf(repeated).writes).toEqual([]);
    // Not by a client of the list before, and not where a majority of it is a majority of that one.
    expect(planOf(views.slice(0, 2), undefined, { mayChange: false }).writes).toEqual([]);
    expect(planOf([...'abcd'].map((id) => view(id, { record: PAIR_B }))).writes).toEqual([]);
  });

  it('a client that adds two nodes takes one step after the other; one that exchanges a node is told', () => {
    const used = [view('a'), view('b'), view('c')];
    expect(inWords(planOf([...used, blank('d'), blank('e')]))).toContain('change 3: 2 abcd');
    const exchanged = planOf([view('a'), view('b'), blank('d')]);
    expect(exchanged).toEqual({ writes: [], notices: ['too far apart'] });
    const short = planOf([view('a')], knowing(...used));
    expect(short).toEqual({ writes: [], notices: ['too far apart'] });
  });

  it('a client is told that the list it sees may be foreign where it cannot reach the nodes that this lacks', () => {
    const [unknown, ...others] = [...'abc'].map((id) => ({ ...away(id), id: undefined }));
    const foreign = { list: list('d', 1, list('d', 0)), previous: list('d', 0) };
    const views = [unknown!, others[0]!, view('d', { record: foreign })];
    expect(planOf(views).notices).toEqual(['out of reach']);
    // Servers that were there before and went away do not change that.
    expect(planOf([away('a'), away('b'), views[2]!]).notices).toEqual(['out of reach']);
    // One node may be away at any time, and majorities of lists that differ by one node meet.
    expect(planOf([unknown!, view('b'), view('c')]).notices).toEqual([]);
    expect(planOf([away('a'), view('b'), view('c')]).notices).toEqual([]);
    expect(planOf([view('a'), view('b'), view('c'), { ...away('d'), id: undefined }]).notices).toEqual([]);
  });

  it('a client is told that the nodes have gone on without it, but not if they have the same members', () => {
    const first = list('abc', 2);
    const again = { list: list('abc', 3, first), previous: first };
    const other = { list: list('abx', 4, again.list), previous: again.list };
    const noticesOf = (record: ListPair): MembershipPlan['notices'] => {
      const views = [young('a'), ...['b', 'c'].map((id) => view(id, { record, isTrusted: false }))];
      return planOf(views, knowing(view('a'), view('b'), view('c')), { mayChange: false }).notices;
    };
    expect(noticesOf(again)).toEqual([]);
    expect(noticesOf(other)).toEqual(['too far apart']);
  });

  it('a rival is left alone for ten seconds', () => {
    const rival = { list: list('ab', 2, A), previous: A };
    const views = (recordAgeMs: number): MemberView[] => [
      view('a', { record: rival, isInForce: false, recordAgeMs }),
      view('b'),
      view('c'),
      blank('d'),
    ];
    const knowledge = knowing(view('a'), view('b'), view('c'));
    knowledge.learn(views(1_000), 0);
    expect(planOf(views(9_000), knowledge).writes).toEqual([]);
    expect(inWords(planOf(views(11_000), knowledge))).toContain('change 0: 3 abcd');
  });

  it('a blank member gets its record back from a majority without it, which was looked at after it', () => {
    const others = [view('b'), view('c')];
    const knowledge = knowing(view('a'), ...others);
    expect(inWords(planOf([young('a'), ...others], knowledge))).toEqual(['restore 0: 1 abc']);
    const early = [young('a'), view('b', { lookedAt: 300 }), view('c')];
    expect(planOf(early, knowledge).writes).toEqual([]);
    expect(planOf([young('a'), view('b'), away('c')], knowledge).writes).toEqual([]);
    expect(planOf([young('a'), view('b'), view('c', { isTrusted: false })], knowledge).writes).toEqual([]);
  });

  it('a blank member of four gets nothing back from two: they are half of the others and it', () => {
    const of = (id: string, changes: Partial<MemberView> = {}): MemberView =>
      view(id, { record: PAIR_B, ...changes });
    const knowledge = knowing(of('a'), of('b'), of('c'), of('d'));
    const two = [young('a'), of('b'), of('c')];
    expect(planOf([...two, away('d')], knowledge).writes).toEqual([]);
    expect(inWords(planOf([...two, of('d')], knowledge))).toEqual(['restore 0: 2 abcd']);
  });

  it('a blank member gets its record back from fewer when nothing else is left for long, and it is said', () => {
    const knowledge = knowing(view('a'), view('b'), view('c'));
    const views = [blank('a'), view('b'), { ...away('c'), isLongAway: true }];
    const plan = planOf(views, knowledge);
    expect(inWords(plan)).toEqual(['restore 0: 1 abc']);
    expect(plan.notices).toEqual(['restored on fewer']);
    expect(planOf([blank('a'), view('b'), away('c')], knowledge).writes).toEqual([]);
    expect(planOf([young('a'), ...views.slice(1)], knowledge).writes).toEqual([]);
    expect(planOf([blank('a'), blank('b'), away('c')], knowledge).writes).toEqual([]);
  });

  it('a listed id that no node has is not waited for while nobody has answered at its address for long', () => {
    const madeUp = { id: 'made up', address: node('c').address };
    const crowded = memberList(digest, 2, [...nodes('abc'), madeUp], A.id);
    const record = { list: list('abc', 3, crowded), previous: crowded };
    const knowledge = knowing(view('a', { record }), view('b', { record }), view('c', { record }));
    const c = away('c');
    expect(planOf([blank('a'), view('b', { record }), c], knowledge).writes).toEqual([]);
    const plan = planOf([blank('a'), view('b', { record }), { ...c, isLongAway: true }], knowledge);
    expect(inWords(plan)).toEqual(['restore 0: 3 abc']);
  });

  it('a lagging node is told the list in use', () => {
    const views = [...'abd'].map((id) => view(id, { record: PAIR_B }));
    expect(inWords(planOf([...views, view('c')]))).toEqual(['change 3: 2 abcd']);
  });

  it('a first list that was begun at the same time keeps no node out for good', () => {
    // The server of c has another id now, and `begun` is what a client wrote that knew it by that id.
    const begun = { list: list('abd', 1), previous: undefined };
    const d = view('d', { address: node('c').address, record: begun });
    const viewsOf = (record: ListPair): MemberView[] => [view('a', { record }), view('b', { record }), d];
    const knowledge = knowing(...viewsOf(PAIR_A));
    expect(inWords(planOf(viewsOf(PAIR_A), knowledge))).toEqual(['change 0: 2 abc', 'change 1: 2 abc']);
    const next = viewsOf({ list: list('abc', 2, A), previous: A });
    knowledge.learn(next, 0);
    expect(inWords(planOf(next, knowledge))).toEqual(
      [0, 1, 2].map((nodeIndex) => `change ${nodeIndex}: 3 abcd`),
    );
  });

  it('a first list that was begun at the same time keeps no member out either', () => {
    const c = view('c', { record: { list: list('abcx', 1), previous: undefined } });
    const viewsOf = (record: ListPair): MemberView[] => [view('a', { record }), view('b', { record }), c];
    const knowledge = knowing(...viewsOf(PAIR_A));
    expect(inWords(planOf(viewsOf(PAIR_A), knowledge))).toEqual(['change 0: 2 abc', 'change 1: 2 abc']);
    const next = viewsOf({ list: list('abc', 2, A), previous: A });
    knowledge.learn(next, 0);
    expect(inWords(planOf(next, knowledge))).toEqual(
      [0, 1, 2].map((nodeIndex) => `change ${nodeIndex}: 3 abc`),
    );
  });

  describe('a node was away while the others forgot, and first use began again with a made-up id for it', () => {
    const c = node('c');
    const madeUp = { id: c.address, address: c.address };
    const anew = memberList(digest, 0, [...nodes('ab'), madeUp], '');
    const used = { list: memberList(digest, 1, anew.members, anew.id), previous: anew };
    const [a, b] = [view('a', { record: used }), view('b', { record: used })];
    const knowledge = (): MembershipKnowledge => knowing(a, b, away('c'));

    it('it gets the list in use, although the one that it has is as late', () => {
      const known = knowledge();
      expect(inWords(planOf([a, b, view('c')], known))).toEqual([
        'change 0: 2 abhost-c',
        'change 1: 2 abhost-c',
      ]);
      const record = { list: memberList(digest, 2, anew.members, used.list.id), previous: used.list };
      const next = [view('a', { record }), view('b', { record }), view('c')];
      known.learn(next, 0);
      expect(inWords(planOf(next, known))).toEqual(
        [0, 1, 2].map((nodeIndex) => `change ${nodeIndex}: 3 abchost-c`),
      );
    });

    it.each([
      ['first', (views: MemberView[]) => views],
      ['last', (views: MemberView[]) => views.toReversed()],
    ])(
      'and where another one forgets then, that gets the list on which its members agree: %s',
      (_, inOrder) => {
        const plan = planOf(inOrder([a, blank('b'), view('c')]), knowledge());
        expect(plan.writes.map(({ kind, list: { id } }) => [kind, id])).toEqual([['restore', used.list.id]]);
      },
    );

    it('a client that knows neither list does not ask for a change that the nodes cannot take', () => {
      expect(planOf([a, young('b'), view('c')], knowing(a, view('c'))).writes).toEqual([]);
    });
  });

  describe("all nodes forgot, and other clients have begun the client's own list anew", () => {
    // The client knows a list with the id that c had before.
    const before = list('abcd', 3, A);
    const known = { list: list('abc', 4, before), previous: before };
    const knowledge = (): MembershipKnowledge =>
      knowing(...[...'abc'].map((id) => view(id, { record: known })));
    const d = { id: 'd', address: node('c').address };
    const first = memberList(digest, 0, [...nodes('ab'), d], '');
    const anew = { list: memberList(digest, 1, first.members, first.id), previous: first };
    const viewsOf = (changes: Partial<MemberView>): MemberView[] =>
      first.members.map((member) => view(member.id, { ...member, record: anew, ...changes }));

    it('the client leaves it alone for ten seconds, because it is about to be in use', () => {
      const recorded = (recordAgeMs: number): MemberView[] => viewsOf({ isInForce: false, recordAgeMs });
      expect(planOf(recorded(9_000), knowledge()).writes).toEqual([]);
      expect(inWords(planOf(recorded(11_000), knowledge()))).toContain('change 0: 5 abcd');
    });

    it('and once that is in use it is followed by itself, so that it is later than all others', () => {
      const after = knowledge();
      after.learn(viewsOf({}), 0);
      expect(inWords(planOf(viewsOf({}), after))).toEqual(
        [0, 1, 2].map((nodeIndex) => `change ${nodeIndex}: 5 abd`),
      );
    });
  });

  describe('all nodes forgot, some clients have begun anew, and others have gone on from the list before', () => {
    const anew = { list: list('abc', 2), previous: undefined };
    const begun = [view('a', { record: anew }), view('b', { record: anew })];
    const knowledge = knowing(view('a', { record: { list: A, previous: FIRST } }));

    it('a list that is as late as the one that was begun keeps no node out for good', () => {
      const goneOn = { list: list('abc', 2, FIRST), previous: FIRST };
      const views = [...begun, view('c', { record: goneOn })];
      expect(inWords(planOf(views))).toEqual([0, 1, 2].map((nodeIndex) => `first use ${nodeIndex}: 3 abc`));
    });

    it('but what follows on the list that was begun stays', () => {
      const followed = { list: list('abc', 3, anew.list), previous: anew.list };
      const c = view('c', { record: followed, isTrusted: false });
      knowledge.learn([...begun, c], 0);
      expect(inWords(planOf([...begun, c], knowledge))).toEqual([]);
    });
  });

  it('first use begins again, at a higher epoch, when all members have forgotten', () => {
    const knowledge = knowing(view('a'), view('b'), view('c'));
    const plan = planOf([blank('a'), blank('b'), blank('c')], knowledge);
    expect(inWords(plan)).toEqual(['first use 0: 2 abc', 'first use 1: 2 abc', 'first use 2: 2 abc']);
  });

  it("the operator's word goes onto every node that answers, whatever it has", () => {
    const views = [view('a'), blank('d'), away('c')];
    const writes = planAcceptance(views, knowing(view('a'), view('b'), view('c')), digest);
    expect(inWords({ writes, notices: [] })).toEqual(['accept 0: 2 acd', 'accept 1: 2 acd']);
    expect(writes[0]!.list.isAccepted).toBe(true);
    const record = { list: writes[0]!.list, previous: A };
    expect(isActive([view('a', { record }), view('d', { record })], record)).toBe(true);
  });
});

describe('the quarantine', () => {
  it.each<[string, 'auto' | 'off' | number, number, number]>([
    ['the quarantine is maxTtlMs with three nodes', 'auto', 3, 60_000],
    ['the quarantine is off with two nodes, where it would make every lock unavailable', 'auto', 2, 0],
    ['the quarantine is the given number', 90_000, 1, 90_000],
    ['the quarantine is off if the option is off', 'off', 5, 0],
  ])('%s', (_claim, option, nodeCount, expected) => {
    expect(quarantineMsOf(option, nodeCount, 60_000)).toBe(expected);
  });
});

import { expect, it } from '@jest/globals';
import { GoneMarkers } from '../../../../src/node/redis/cluster/gone-markers.js';

/** What is removed at each of these instants. `served`: the markers whose shard can be asked. */
function removedAt(
  markers: GoneMarkers,
  now: number,
  served: (marker: string) => boolean = () => true,
): string[] {
  const removed: string[] = [];
  const node = { removeMarker: (marker: string) => Promise.resolve(void removed.push(marker)) };
  markers.remove(now, (marker) => (served(marker) ? { node } : undefined));
  return removed;
}

it('a marker that was replaced is removed once, a minute later', () => {
  const markers = new GoneMarkers();
  markers.follow(['a', 'b'], ['a', 'c'], 0);
  markers.follow(['a', 'c'], ['a', 'c'], 30_000);
  expect(removedAt(markers, 59_999)).toEqual([]);
  expect(removedAt(markers, 60_000)).toEqual(['b']);
  expect(removedAt(markers, 120_000)).toEqual([]);
});

it('a marker that is in use again is not removed', () => {
  const markers = new GoneMarkers();
  markers.follow(['a'], ['b'], 0);
  markers.follow(['b'], ['a'], 30_000);
  expect(removedAt(markers, 60_000)).toEqual([]);
  expect(removedAt(markers, 90_000)).toEqual(['b']);
});

it('a marker whose shard is away is removed when the shard is back', () => {
  const markers = new GoneMarkers();
  markers.follow(['a', 'b'], ['c'], 0);
  expect(removedAt(markers, 60_000, (marker) => marker === 'b')).toEqual(['b']);
  expect(removedAt(markers, 65_000)).toEqual(['a']);
});

/**
 * The child of child.test.ts. It uses syntax that only TypeScript has, and imports the sources by their
 * compiled names.
 */
import { majorityOf } from '../../src/core/quorum.js';

function tagged(_target: object, _key: string, descriptor: PropertyDescriptor): void {
  (descriptor.value as { tag?: string }).tag = 'decorated';
}

class Echo {
  constructor(private readonly prefix: string) {}

  @tagged
  say(text: string): string {
    return `${this.prefix}${text}`;
  }
}

const echo = new Echo('echo: ');
process.send?.({ majority: majorityOf(5), tag: (echo.say as { tag?: string }).tag, name: Echo.name });
process.on('message', (text: string) => {
  console.log('received', text);
  process.send?.({ said: echo.say(text) });
});

/** An application that does not start, in a process that has nothing else to do: it must end by itself. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { QuorlockModule } from '../../src/nestjs/index.js';

const [path = '', hook = ''] = process.argv.slice(2);

class Broken {
  [hook]: unknown;

  constructor() {
    this[hook] = async (): Promise<void> => {
      await Promise.resolve();
      throw new Error('the start fails');
    };
    if (hook === 'constructor') throw new Error('the start fails');
  }
}

@Module({ imports: [QuorlockModule.forRoot({ nodes: [{ path }] })], providers: [Broken] })
class App {}

const starting = NestFactory.createApplicationContext(App, { abortOnError: false, logger: false });
const message = await starting.then(
  () => 'started',
  (error: Error) => error.message,
);
console.log(message);
process.disconnect?.();
